import os
import subprocess
import sys
from threading import Event as Signal

import numpy as np
import pytest
from safetensors.numpy import load_file

from mongo_sink import model_files
from mongo_sink.files_task import ModelFileSinkTask
from mongo_sink.model_files import NotAModelError, content_of, read_metadata
from mongo_sink.task import SinkTaskContext
from tests.unit.mongo_sink.sink_events import global_model, record, update


@pytest.fixture
def refused():
    return []


@pytest.fixture
def task(tmp_path, refused):
    return started(tmp_path, refused)


def started(folder, refused):
    context = SinkTaskContext(lambda origin, value, error: refused.append((origin, error)), Signal())
    made = ModelFileSinkTask(context)
    made.start(
        {
            "name": "files",
            "connector.class": "ModelFileSinkConnector",
            "topics": "local_updates,global_models",
            "models.directory": str(folder),
        }
    )
    return made


def files(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def put(task, *events):
    task.put(task.converted([record(event, offset) for offset, event in enumerate(events)]))
    task.flush()


def sequence(folder, device="mote-07"):
    return read_metadata(folder / f"local/{device}.safetensors")["sequence"]


def test_a_file_for_each_device_and_each_version_and_nothing_else(task, tmp_path):
    put(task, update(1), update(2, "mote-08"), global_model(42), global_model(43))
    assert files(tmp_path) == [
        "global/v000042.safetensors",
        "global/v000043.safetensors",
        "local/mote-07.safetensors",
        "local/mote-08.safetensors",
    ]


def test_a_file_is_plain_safetensors_and_its_header_tells_where_it_is_from(task, tmp_path):
    put(task, update(3, value=2.5), global_model(42))
    arrays = load_file(tmp_path / "local/mote-07.safetensors")
    assert arrays["dense/kernel"].tolist() == np.full((3, 2), 2.5).tolist()
    local = read_metadata(tmp_path / "local/mote-07.safetensors")
    assert local["update_id"] == "mote-07/3"
    assert (local["sequence"], local["base_version"], local["architecture"]) == ("3", "2", "abc")
    fleet = read_metadata(tmp_path / "global/v000042.safetensors")
    assert fleet["version"] == "42"
    assert fleet["window"] == "2004-03-04T11:30:00Z/2004-03-04T12:00:00Z"
    assert (fleet["strategy"], fleet["strategy_parameters"]) == ("fedavg", '{"decay": 0.5}')
    assert fleet["contributors"] == "1"


@pytest.mark.parametrize("order", [(1, 2, 3), (3, 2, 1), (2, 3, 1)])
@pytest.mark.parametrize("together", [True, False])
def test_the_newest_update_stays_in_any_order(task, tmp_path, order, together):
    updates = [update(each) for each in order]
    for batch in [updates] if together else [[each] for each in updates]:
        put(task, *batch)
    assert sequence(tmp_path) == "3"


def test_a_task_started_again_does_not_replace_a_newer_file(task, tmp_path, refused):
    put(task, update(5))
    before = (tmp_path / "local/mote-07.safetensors").stat().st_mtime_ns
    again = started(tmp_path, refused)
    put(again, update(4))
    put(again, update(5, value=7.0))
    assert (tmp_path / "local/mote-07.safetensors").stat().st_mtime_ns == before
    put(again, update(6))
    assert sequence(tmp_path) == "6"


def test_the_first_of_a_version_on_the_log_stays(task, tmp_path, refused):
    put(task, global_model(1, 1.0), global_model(1, 2.0))
    put(started(tmp_path, refused), global_model(1, 3.0))
    assert load_file(tmp_path / "global/v000001.safetensors")["dense/kernel"].max() == 1.0


def test_what_is_no_model_is_reported_and_the_next_best_is_written(task, tmp_path, refused):
    put(task, update(1), update(2, weights=b"not safetensors"), update(3, "mote-08"))
    assert [(origin.offset, type(error)) for origin, error in refused] == [(1, NotAModelError)]
    assert (sequence(tmp_path), sequence(tmp_path, "mote-08")) == ("1", "3")


@pytest.mark.parametrize("cut", [0, 1, 2])
def test_what_is_no_model_is_reported_however_the_batches_are_cut(task, tmp_path, refused, cut):
    events = [update(3), update(2, weights=b"not safetensors"), update(4)]
    put(task, *events[:cut])
    put(task, *events[cut:])
    assert [type(error) for _, error in refused] == [NotAModelError]
    assert sequence(tmp_path) == "4"


def test_a_device_cannot_name_a_file_elsewhere(task, tmp_path, refused):
    put(task, update(1, "../../escaped"), update(2, "x" * 300), update(3, "°"))
    assert files(tmp_path) == ["local/%C2%B0.safetensors", "local/..%2F..%2Fescaped.safetensors"]
    assert [origin.offset for origin, _ in refused] == [1]


def test_a_file_that_is_broken_is_written_anew(task, tmp_path):
    (tmp_path / "local/mote-07.safetensors").write_bytes(b"broken")
    put(task, update(1))
    assert sequence(tmp_path) == "1"


def test_a_write_that_is_cut_off_leaves_the_old_file_and_its_draft_is_removed(task, tmp_path, refused, monkeypatch):
    put(task, update(1))
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", lambda descriptor: (_ for _ in ()).throw(OSError("no space left")))
        with pytest.raises(OSError, match="no space left"):
            put(task, update(2))
    assert sequence(tmp_path) == "1"
    assert ".mote-07.safetensors.tmp" in {path.name for path in (tmp_path / "local").iterdir()}
    put(started(tmp_path, refused), update(2))
    assert files(tmp_path) == ["local/mote-07.safetensors"]
    assert sequence(tmp_path) == "2"


def test_a_file_is_synced_before_it_takes_its_place(tmp_path, monkeypatch):
    path, seen = tmp_path / "a.safetensors", []
    monkeypatch.setattr(os, "fsync", lambda descriptor: seen.append(path.exists()))
    model_files.write_atomically(path, b"content")
    assert seen == [False]
    assert path.read_bytes() == b"content"


def test_the_same_event_gives_the_same_bytes_in_every_process():
    imports = "import sys, mongo_sink.model_files as m; from tests.unit.mongo_sink import sink_events"
    code = imports + "; sys.stdout.buffer.write(m.content_of(%s))"
    for made in ("sink_events.update(3)", "sink_events.global_model(3)"):
        outputs = {
            subprocess.run(
                [sys.executable, "-c", code % made],
                env=os.environ | {"PYTHONPATH": os.pathsep.join([os.getcwd(), *sys.path])},
                check=True,
                capture_output=True,
            ).stdout
            for _ in range(2)
        }
        assert outputs == {content_of(update(3) if "update" in made else global_model(3))}
