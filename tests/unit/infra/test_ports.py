"""Ports are looked at before anything starts."""

import socket

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


def test_a_mongodb_that_runs_elsewhere_needs_no_port_here():
    with socket.socket() as other:
        other.bind((HOST, 0))
        other.listen()
        port = other.getsockname()[1]
        assert ports.taken(settings(mongo_port=port, mongo="mongodb://elsewhere")) == []


def test_a_registry_that_runs_elsewhere_needs_no_port_here():
    with socket.socket() as other:
        other.bind((HOST, 0))
        other.listen()
        port = other.getsockname()[1]
        assert ports.taken(settings(registry_port=port, registry_url="http://elsewhere")) == []


def test_free_ports_differ():
    assert len(set(ports.free(20))) == 20
