"""Superset is prepared again when, and only when, something it depends on has changed."""

import pytest

from infra.superset import stamp


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "mongo_adapter").mkdir()
    (tmp_path / "assets").mkdir()
    (tmp_path / "superset_config.py").write_text("A = 1")
    (tmp_path / "mongo_adapter" / "tables.py").write_text("B = 1")
    (tmp_path / "assets" / "chart.yaml").write_text("c: 1")
    return tmp_path


def test_the_first_time_everything_is_due_and_the_second_nothing(folder):
    wanted = stamp.wanted(folder, "6.0", "key", "secret")
    assert stamp.due({}, wanted) == ["metadata", "administrator", "assets"]
    assert stamp.due(wanted, stamp.wanted(folder, "6.0", "key", "secret")) == []


@pytest.mark.parametrize("changed", ["superset_config.py", "mongo_adapter/tables.py", "assets/chart.yaml"])
def test_a_changed_file_brings_the_assets_up_again(folder, changed):
    before = stamp.wanted(folder, "6.0", "key", "secret")
    (folder / changed).write_text("changed")
    assert stamp.due(before, stamp.wanted(folder, "6.0", "key", "secret")) == ["assets"]


def test_a_new_password_is_set(folder):
    before = stamp.wanted(folder, "6.0", "key", "secret")
    assert stamp.due(before, stamp.wanted(folder, "6.0", "key", "other")) == ["administrator"]


def test_a_new_superset_does_everything_again(folder):
    before = stamp.wanted(folder, "6.0", "key", "secret")
    assert stamp.due(before, stamp.wanted(folder, "6.1", "key", "secret")) == list(stamp.STEPS)


def test_what_is_kept_survives_and_gives_no_password_away(folder, tmp_path):
    wanted = stamp.wanted(folder, "6.0", "key", "hunter2")
    path = tmp_path / "provisioned.json"
    assert stamp.read(path) == {}
    stamp.write(path, wanted)
    assert stamp.read(path) == wanted
    assert "hunter2" not in path.read_text()
    assert wanted["administrator"] != stamp.wanted(folder, "6.0", "other key", "hunter2")["administrator"]
