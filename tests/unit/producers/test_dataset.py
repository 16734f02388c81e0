import gzip
from collections import Counter

import numpy as np
import pytest

from producers import dataset
from producers.cleaning import Verdict
from producers.dataset import DataError, letter, prepare, reading, report

LINES = [
    "2004-03-04 00:01:00 2 2 20 40 100 2.6",
    "2004-03-04 00:00:30 1 2 20 40  2.6",
    "2004-03-04 00:00:30 1 1 20 40 100 2.6",
    "2004-03-04 00:00:45 1 3 122.153 -3.9 100 2.1",
]


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "data.txt"
    path.write_text("\n".join(LINES) + "\n")
    return path


def test_rows_are_in_event_time_order_and_ties_in_the_order_of_the_file(file, tmp_path):
    data = prepare(file, "intel_lab", tmp_path / "cache")
    assert data.rows["row"].tolist() == [1, 2, 3, 0]
    assert [data.raw(i).decode() for i in range(4)] == [LINES[row] for row in (1, 2, 3, 0)]


def test_a_row_as_a_reading(file, tmp_path):
    data = prepare(file, "intel_lab", tmp_path / "cache")
    event = reading(data, data.rows[0].tolist(), lap=3, shift=3 * data.timeline.span, position=12)
    assert event == ("mote-02", 1078358430000 + 3 * 86_400_000, 1, 20.0, 40.0, None, 2.6, "intel_lab", 3, 12)


def test_a_row_as_a_dead_letter(file, tmp_path):
    event = letter(prepare(file, "intel_lab", tmp_path / "cache"), 2)
    assert event == (
        "producers/intel_lab/-1/3", "producers", "intel_lab", -1, 3, b"mote-03", 1078358445000,
        "RejectedReading", "low battery: 2.1 V is below 2.4 V", LINES[3].encode(),
    )  # fmt: skip


def test_packed_or_not_is_the_same_and_the_second_time_nothing_is_parsed(file, tmp_path, monkeypatch):
    packed = tmp_path / "data.gz"
    packed.write_bytes(gzip.compress(file.read_bytes()))
    first, second = prepare(file, "a", tmp_path / "cache"), prepare(packed, "a", tmp_path / "cache")
    assert first.rows.tobytes() == second.rows.tobytes()
    monkeypatch.setattr(dataset, "parse", None)
    assert prepare(packed, "a", tmp_path / "cache").rows.tobytes() == first.rows.tobytes()
    file.write_text(LINES[0] + "\n")
    with pytest.raises(TypeError):  # other content, so it has to be parsed
        prepare(file, "a", tmp_path / "cache")


def test_a_file_without_a_valid_row_is_one_clear_error(tmp_path):
    for content, says in [(b"", "is empty"), (b"hello\nworld\n", "no valid row"), (b"\x1f\x8bxx", "cannot be read")]:
        path = tmp_path / "bad"
        path.write_bytes(content)
        with pytest.raises(DataError, match=says):
            prepare(path, "intel_lab", tmp_path / "cache")
    with pytest.raises(DataError, match="absent"):
        prepare(tmp_path / "absent", "intel_lab", tmp_path / "cache")


def test_the_report_counts_every_row(small):
    text = report(small)
    counted = {line[:28].strip(): int(line[28:40].replace(",", "")) for line in text.splitlines()[1:]}
    assert sum(counted.values()) == len(small.rows)
    assert counted["malformed row"] >= 2


def test_the_real_days_by_independent_means(real, tmp_path):
    """Counted with nothing but split on the one space and float."""
    data = prepare(real, "intel_lab", tmp_path)
    with gzip.open(real, "rt") as file:
        lines = [line.rstrip("\n").split(" ") for line in file]
    assert len(data.rows) == len(lines) == 375_311
    expected: Counter[str] = Counter()
    sums = np.zeros(4)
    empty = 0
    for _, _, _, mote, *cells in lines:
        volts = float(cells[3])
        if not 1 <= int(mote) <= 54:
            expected["unknown mote"] += 1
        elif not 1.8 <= volts <= 3.3:
            expected["voltage out of range"] += 1
        elif volts < 2.4:
            expected["low battery"] += 1
        else:
            expected["accepted"] += 1
            empty += cells.count("")
            sums += [float(cell) if cell else 0.0 for cell in cells]
    counts = {
        Verdict(v).reason: int(n) for v, n in zip(*np.unique(data.rows["verdict"], return_counts=True), strict=True)
    }
    assert counts == dict(expected)
    assert counts == {"accepted": 373_195, "unknown mote": 1, "voltage out of range": 1, "low battery": 2_114}
    good = data.rows[data.rows["verdict"] == Verdict.ACCEPTED]
    columns = [good[sensor] for sensor in ("temperature", "humidity", "light", "voltage")]
    assert sum(int(np.isnan(column).sum()) for column in columns) == empty > 10_000
    np.testing.assert_allclose([np.nansum(column) for column in columns], sums, rtol=1e-9)
    assert data.timeline.span == 4 * 86_400_000
    assert (np.diff(data.rows["event_time"]) >= 0).all()
