"""Whether the ports of a system are free."""

import random
import socket

from infra.settings import HOST, Settings

PORTS = tuple(name for name in Settings.model_fields if name.endswith("_port"))
UNASSIGNED = range(16_384, 32_768)
"""Below those that systems give to outgoing connections."""


def taken(settings: Settings) -> list[str]:
    """One sentence for each port that something else listens on, naming the mend."""
    sentences = []
    for name in PORTS:
        if name.partition("_")[0] in settings.elsewhere:
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
    """Ports nobody listens on now, and that no connection gets in passing: a server that starts again finds its own."""
    probes: list[socket.socket] = []
    try:
        for port in random.sample(UNASSIGNED, len(UNASSIGNED)):
            probe = socket.socket()
            try:
                probe.bind((HOST, port))
            except OSError:
                probe.close()
                continue
            probes.append(probe)
            if len(probes) == count:
                break
        return [probe.getsockname()[1] for probe in probes]
    finally:
        for probe in probes:
            probe.close()
