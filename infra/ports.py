"""Whether the ports of a system are free."""

import socket

from infra.settings import HOST, Settings

PORTS = tuple(name for name in Settings.model_fields if name.endswith("_port"))


def taken(settings: Settings) -> list[str]:
    """One sentence for each port that something else listens on, naming the mend."""
    sentences = []
    for name in PORTS:
        if name == "mongo_port" and settings.mongo:
            continue
        port = getattr(settings, name)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                variable = f"FEDLOG_{name.upper()}"
                sentences.append(f"Port {port} is taken by another program: stop that, or set {variable}.")
    return sentences


def free(count: int) -> list[int]:
    """Ports nobody listens on now."""
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind((HOST, 0))
        return [probe.getsockname()[1] for probe in probes]
    finally:
        for probe in probes:
            probe.close()
