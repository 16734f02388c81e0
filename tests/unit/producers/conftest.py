from pathlib import Path

import pytest

from producers import synthetic
from producers.dataset import DataSet, prepare


@pytest.fixture(scope="session")
def small(tmp_path_factory) -> DataSet:
    """Some thousand rows of a synthetic lab, with every kind of defect it makes."""
    folder = tmp_path_factory.mktemp("small")
    lines = synthetic.write(folder, 3, 1).read_bytes().splitlines(keepends=True)
    file = folder / "synthetic-seed3-thinned.txt"
    file.write_bytes(b"".join(lines[::20]) + b"rubbish\n" + lines[0][:40] + b"\n" + b"".join(lines[100:110] * 2))
    return prepare(file, "synthetic-seed3", folder)


@pytest.fixture(scope="session")
def real() -> Path:
    root = Path(__file__).parents[3]
    path = root.parent / "shared/data/intel_lab/real_20040304_20040307.txt.gz"
    if not path.exists():
        pytest.skip(f"four days of the real file are not at {path}: not part of the project")
    return path
