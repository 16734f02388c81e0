"""Ports are looked at before anything starts."""

import socket

import pytest

from infra import ports
from infra.settings import HOST, Settings


def settings(**changes):
    return Settings(**(dict(zip(ports.PORTS, ports.free(len(ports.PORTS)), strict=True)) | changes))


def test_every_port_of_the_settings_is_looked_at():
    assert len(ports.PORTS) == 12
    assert ports.taken(settings()) == []


def test_a_taken_port_is_one_sentence_with_the_mend():
    with socket.socket() as other:
        other.bind((HOST, 0))
        other.listen()
        port = other.getsockname()[1]
        [sentence] = ports.taken(settings(registry_port=port))
    assert str(port) in sentence
    assert "FEDLOG_REGISTRY_PORT" in sentence


@pytest.mark.parametrize(
    ("server", "why"),
    [
        ("mongo", {"mongo": "mongodb://elsewhere"}),
        ("registry", {"registry_url": "http://elsewhere"}),
        ("superset", {"without": "superset,spark"}),
    ],
)
def test_what_does_not_run_here_needs_no_port(server, why):
    with socket.socket() as other:
        other.bind((HOST, 0))
        other.listen()
        port = {f"{server}_port": other.getsockname()[1]}
        assert ports.taken(settings(**port)) != []
        assert ports.taken(settings(**port, **why)) == []


def test_free_ports_differ():
    assert len(set(ports.free(20))) == 20
