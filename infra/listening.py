"""Which ports a system listens on, and whether they are free. Standard library only: asked before all else is there."""

import socket
from typing import NamedTuple

HOST = "127.0.0.1"


class Port(NamedTuple):
    """Whose it is, and its number where the settings name no other."""

    service: str
    default: int


PORTS = {
    "kafka_port": Port("kafka", 9092),
    "kafka_controller_port": Port("kafka", 9093),
    "registry_port": Port("registry", 8081),
    "registry_management_port": Port("registry", 8085),
    "mongo_port": Port("mongo", 27017),
    "flink_port": Port("flink-jobmanager", 8082),
    "flink_rpc_port": Port("flink-jobmanager", 6123),
    "aggregator_port": Port("aggregator", 6066),
    "spark_port": Port("spark", 4040),
    "spark_metrics_port": Port("spark", 4041),
    "sink_metrics_port": Port("sink", 4042),
    "superset_port": Port("superset", 8088),
}
"""By the name of the setting."""
ELSEWHERE = {"mongo": "mongo", "registry": "registry_url"}
"""Services that may run elsewhere, and the setting that says where."""


def taken(wanted: "dict[str, int]") -> "list[str]":
    """One sentence for each port that something else listens on, naming the mend; ports by the name of the setting."""
    sentences = []
    for name, port in wanted.items():
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                variable = f"FEDLOG_{name.upper()}"
                sentences.append(f"Port {port} is taken by another program: stop that, or set {variable}.")
    return sentences
