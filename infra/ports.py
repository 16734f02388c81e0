"""Whether the ports of a system are free."""

import random
import socket

from infra import listening
from infra.services import services
from infra.settings import HOST, Settings

PORTS = tuple(listening.PORTS)
UNASSIGNED = range(16_384, 32_768)
"""Below those that systems give to outgoing connections."""


def taken(settings: Settings) -> list[str]:
    """One sentence for each port of what is to run that something else listens on, naming the mend."""
    running = services(settings)
    return listening.taken(
        {name: getattr(settings, name) for name, port in listening.PORTS.items() if port.service in running}
    )


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
