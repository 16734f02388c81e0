"""The supervisor's configuration, read as supervisord reads it."""

import configparser
import sys
from xmlrpc.client import Fault

import pytest
from supervisor.datatypes import RestartUnconditionally
from supervisor.options import ServerOptions
from supervisor.xmlrpc import Faults

from infra import supervision
from infra.services import services
from infra.settings import Settings


@pytest.fixture
def settings(tmp_path):
    return Settings(home=tmp_path / "home", speed="50%max", without="superset")


@pytest.fixture
def programs(settings):
    supervision.render(settings)
    options = ServerOptions()
    options.configfile = str(settings.home / "run" / "supervisord.conf")
    options.here = str(settings.home)
    options.process_config(do_usage=False)
    return {group.name: group.process_configs[0] for group in options.process_group_configs}


def test_every_service_is_supervised_and_comes_back(settings, programs):
    assert programs.keys() == services(settings).keys()
    assert "superset" not in programs
    for name, program in programs.items():
        assert program.command == f"{sys.executable} -m infra.launch {name}"
        assert program.autostart
        assert program.killasgroup


def test_spark_is_told_alone_and_has_time_to_finish_its_micro_batch(programs):
    # Its JVM would end at once, and the driver in the midst of a batch with it.
    assert {name for name, program in programs.items() if not program.stopasgroup} == {"spark"}
    assert programs["spark"].stopwaitsecs == 40  # it takes 30 of them at most (FINISH_S), and some to end its JVM


def test_only_what_may_end_may_end(programs):
    ends = {name: set(program.exitcodes) for name, program in programs.items()}
    assert {name for name, codes in ends.items() if 0 in codes} == {"contracts", "producer"}
    assert all(supervision.GIVE_UP in codes for codes in ends.values())
    # Flink's JobManager, for one, exits with 2 where it is to be started again.
    always = {name for name, program in programs.items() if program.autorestart is RestartUnconditionally}
    assert always == {"kafka", "registry", "mongo", "flink-jobmanager", "flink-taskmanager"}


def test_the_services_get_the_settings_whatever_is_in_them(settings, programs):
    for program in programs.values():
        assert program.environment["FEDLOG_HOME"] == str(settings.home)
        assert program.environment["FEDLOG_SPEED"] == "50%max"
        assert program.environment["FEDLOG_KAFKA_PORT"] == "9092"


def test_the_same_settings_give_the_same_file_and_others_another(settings):
    first = supervision.render(settings)
    assert supervision.render(settings) == first
    assert supervision.render(settings.model_copy(update={"speed": "60"})) != first


def test_nobody_else_may_talk_to_the_supervisor(settings):
    supervision.render(settings)
    parser = configparser.RawConfigParser()
    parser.read(settings.home / "run" / "supervisord.conf")
    assert parser["unix_http_server"]["chmod"] == "0700"
    assert not parser.has_section("inet_http_server")


def test_where_no_supervisor_runs_nothing_is_alive(settings):
    assert not supervision.alive(settings)
    assert supervision.processes(settings) == {}


class Stopping:
    """Supervisord's word on processes that take two looks to end, and what it was told."""

    def __init__(self, settings, monkeypatch, **others):
        self.states = dict.fromkeys(services(settings), "RUNNING") | {"contracts": "EXITED"} | others
        self.left, self.waves = {}, []
        monkeypatch.setattr(supervision, "processes", lambda _: self.look())
        monkeypatch.setattr(supervision, "proxy", lambda _: self)
        monkeypatch.setattr(supervision.time, "sleep", lambda _: None)
        monkeypatch.setattr(supervision, "_state", lambda _: self.state)
        self.state = "RUNNING"

    def look(self):
        for name, looks in list(self.left.items()):
            self.left[name] = looks - 1
            if not looks:
                self.states[name] = "STOPPED"
        self.waves.append(set())
        return {name: {"statename": state} for name, state in self.states.items()}

    def stopProcess(self, name, wait):  # noqa: N802  # supervisord's word
        assert not wait
        self.waves[-1].add(name)
        if self.states[name] == "GONE":
            self.states[name] = "EXITED"
            raise Fault(Faults.NOT_RUNNING, name)
        self.states[name], self.left[name] = "STOPPING", 1

    def shutdown(self):
        self.state = None


def test_a_service_is_stopped_before_what_it_needs_be_it_through_one_that_has_ended(monkeypatch, tmp_path):
    settings = Settings(home=tmp_path)
    stopping = Stopping(settings, monkeypatch, **{"of-older-settings": "BACKOFF"})
    supervision.stop(settings)
    assert [wave for wave in stopping.waves if wave] == [
        {"aggregator", "spark", "sink", "superset", "producer", "of-older-settings"},
        {"flink-training", "mongo"},
        {"flink-taskmanager", "registry"},
        {"flink-jobmanager", "kafka"},
    ]
    assert stopping.state is None


def test_what_has_ended_by_itself_is_no_error(monkeypatch, tmp_path):
    settings = Settings(home=tmp_path)
    monkeypatch.setattr(supervision, "RUNS", (*supervision.RUNS, "GONE"))
    stopping = Stopping(settings, monkeypatch, spark="GONE")
    supervision.stop(settings)
    assert stopping.states["spark"] == "EXITED"
    assert stopping.state is None
