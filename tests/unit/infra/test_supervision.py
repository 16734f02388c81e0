"""The supervisor's configuration, read as supervisord reads it."""

import configparser
import sys

import pytest
from supervisor.options import ServerOptions

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
        assert program.stopasgroup


def test_only_what_may_end_may_end(programs):
    ends = {name: set(program.exitcodes) for name, program in programs.items()}
    assert {name for name, codes in ends.items() if 0 in codes} == {"contracts", "producer"}
    assert all(supervision.GIVE_UP in codes for codes in ends.values())


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
