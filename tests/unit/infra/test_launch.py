"""What a service does before it is one: it waits for what it needs, and says so."""

import logging
from types import MappingProxyType

import pytest

from infra import launch, orphans
from infra.services import Command, Service
from infra.settings import Settings


@pytest.fixture
def looks(monkeypatch, tmp_path):
    """How often each need is still to be found missing; what became of the process."""
    left, became = {"kafka": 2, "mongo": 0}, []
    command = Command(["sink-program", "run"], MappingProxyType({"OWN": "1"}))

    def healthy(name):
        def answer(settings):
            left[name] -= 1
            return left[name] < 0

        return answer

    known = {name: Service(name, lambda s: command, healthy(name), address=lambda s: f"at:{s.home}") for name in left}
    known["sink"] = Service("sink", lambda s: command, lambda s: True, needs=("kafka", "mongo", "elsewhere"))
    monkeypatch.setattr(launch, "services", lambda settings: known)
    monkeypatch.setattr(launch.time, "sleep", lambda seconds: None)
    monkeypatch.setattr(launch.os, "chdir", lambda path: None)
    monkeypatch.setattr(launch.os, "execvpe", lambda file, argv, environment: became.append((file, argv, environment)))
    monkeypatch.setattr(orphans, "left", lambda settings: {})
    return left, became


def test_it_waits_for_what_is_not_there_says_so_once_and_goes_on(looks, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    launch.launch(Settings(home=tmp_path), "sink")
    said = [record.message for record in caplog.records if record.name == "infra.launch"]
    assert said == [f"sink waits for kafka at:{tmp_path}", "sink goes on: kafka is there", "sink starts"]
    assert looks[0] == {"kafka": -1, "mongo": -1}, "asked until they answered, and no longer"


def test_it_becomes_the_service_with_its_mark(looks, tmp_path):
    launch.launch(Settings(home=tmp_path), "sink")
    [(file, argv, environment)] = looks[1]
    assert (file, argv) == ("sink-program", ["sink-program", "run"])
    assert environment["OWN"] == "1"
    assert environment[orphans.MARK] == "sink"
    assert environment["FEDLOG_HOME"] == str(tmp_path)
