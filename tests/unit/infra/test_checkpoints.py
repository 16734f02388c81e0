import pytest

from infra import checkpoints, supervision
from infra.settings import Settings


class Supervisor:
    """Remembers what it was told."""

    def __init__(self):
        self.told = []

    def stopProcess(self, name):  # noqa: N802  # supervisord's word
        self.told.append(f"stop {name}")

    def startProcess(self, name, wait):  # noqa: N802
        self.told.append(f"start {name}")


@pytest.fixture
def settings(tmp_path):
    for name in ("flink/checkpoints/state-9", "spark/commits", "kafka/data"):
        (tmp_path / name).mkdir(parents=True)
    return Settings(home=tmp_path)


def test_checkpoints_go_and_the_log_stays(settings):
    assert checkpoints.drop(settings) == []
    assert sorted(path.name for path in settings.home.iterdir()) == ["flink", "kafka"]
    assert list((settings.home / "flink").iterdir()) == []


def test_engines_that_run_are_stopped_and_begin_again_in_the_other_order(settings, monkeypatch):
    supervisor = Supervisor()
    states = {"spark": "RUNNING", "flink-training": "STARTING", "flink-taskmanager": "STOPPED", "kafka": "RUNNING"}
    monkeypatch.setattr(supervision, "processes", lambda _: {n: {"statename": s} for n, s in states.items()})
    monkeypatch.setattr(supervision, "proxy", lambda _: supervisor)
    assert checkpoints.drop(settings) == ["flink-training", "spark"]
    assert supervisor.told == ["stop flink-training", "stop spark", "start spark", "start flink-training"]
    assert not (settings.home / "spark").exists()
