"""``python -m producers``: replay a data set onto the log; ``python -m producers generate``: write a synthetic one."""

import logging
import signal
import sys
from pathlib import Path
from typing import Any

import click
from confluent_kafka import KafkaException
from confluent_kafka.schema_registry.error import SchemaRegistryError
from httpx import HTTPError

from producers import synthetic
from producers.dataset import DataError, letter_prefix, report
from producers.outgoing import Partitions, announcements, receiving
from producers.placing import told
from producers.progress import Progress
from producers.replay import event_time, locate
from producers.resume import OtherReplayError, check, resumption
from producers.run import Pace, Stop, announce, run
from producers.source import open_source
from producers.tails import BusyTopicError, LogReader, MissingTopicError
from producers.writer import Writer
from schemas import log_lines
from schemas.codec import Codec
from schemas.positions import moves

_log = logging.getLogger("producers")


class Ended(click.ClickException):
    """What ends the command, in a sentence."""

    def show(self, file: Any = None) -> None:
        """Say it; where lines are objects, as one."""
        if log_lines.as_json():
            _log.error("%s", self.format_message())
        else:
            super().show(file)


class WrongUse(Ended):
    """Nothing that starting again would mend."""

    exit_code = 2


class Speed(click.ParamType):
    """Event-seconds a second, or ``max``."""

    name = "speed"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float | None:
        """``None`` for ``max``."""
        if value == "max":
            return None
        try:
            speed = float(value)
        except ValueError:
            speed = 0.0
        if not 0 < speed < float("inf"):
            self.fail(f"{value!r} is neither a number above 0 nor `max`", param, ctx)
        return speed


@click.group(invoke_without_command=True)
@click.option("--bootstrap", help="Kafka, HOST:PORT.")
@click.option("--registry", help="Schema registry, its Confluent-compatible URL.")
@click.option("--data", default="", help="A raw file, `synthetic`, or empty: the published file, else synthetic.")
@click.option("--reader", type=click.Path(path_type=Path), help="A file of Python that reads `data`: own data sets.")
@click.option("--positions", type=click.Path(path_type=Path), help="`id x y` a line, metres; else the data set's own.")
@click.option("--speed", type=Speed(), default="120", show_default=True, help="Event-seconds a second, or `max`.")
@click.option("--laps", type=click.IntRange(min=1), help="How often to replay the data; for ever if not given.")
@click.option("--cache", type=click.Path(path_type=Path), default="var/data", show_default=True, help="Folder.")
@click.option("--seed", type=click.IntRange(min=0), default=7, show_default=True, help="Of synthetic data.")
@click.option("--days", type=click.IntRange(min=1), default=7, show_default=True, help="Of synthetic data.")
@click.pass_context
def main(context: click.Context, /, **options: Any) -> None:
    log_lines.begin("producer")
    if context.invoked_subcommand is None:
        for needed in ("bootstrap", "registry"):
            if not options[needed]:
                raise click.UsageError(f"--{needed} is missing")
        try:
            replay(**options)
        except (DataError, OtherReplayError) as error:
            raise WrongUse(str(error)) from error
        except (
            KafkaException,
            SchemaRegistryError,
            HTTPError,
            MissingTopicError,
            BusyTopicError,
            TimeoutError,
        ) as error:
            raise Ended(f"{type(error).__name__}: {error}") from error


@main.command()
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), default=".", help="Folder for the file.")
@click.option("--seed", type=click.IntRange(min=0), default=7, show_default=True)
@click.option("--days", type=click.IntRange(min=1), default=7, show_default=True)
def generate(out: Path, seed: int, days: int) -> None:
    """Write a synthetic raw file; its name says that it is synthetic, which is how a replay of it knows."""
    click.echo(synthetic.write(out, seed, days))


def replay(
    bootstrap: str,
    registry: str,
    data: str,
    speed: float | None,
    laps: int | None,
    cache: Path,
    seed: int,
    days: int,
    reader: Path | None,
    positions: Path | None,
) -> None:
    """Get the data, see what the log has of it, go on from there."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # nothing is under way yet
    signal.signal(signal.SIGINT, lambda *_: sys.exit(0))
    source = open_source(data, cache, seed, days, reader=reader) if data or reader else None
    codec = Codec(registry)
    log = LogReader(bootstrap, codec)
    partitions = Partitions(log.partitions("iot_stream"), log.partitions("dead_letters"))
    tails = log.tails("iot_stream")
    source = source or open_source(data, cache, seed, days, on_log=tails[0].dataset if tails else None)
    _log.info("%s", report(source))

    check(tails, source, partitions.iot_stream)
    onward = resumption(tails, partitions.iot_stream, receiving(source, partitions.iot_stream).values())
    lap, index = locate(source.timeline, onward.letters_from)
    barrier = event_time(source.timeline, int(source.rows["event_time"][index]), lap)
    sent = log.letter_ids("dead_letters", letter_prefix(source.name), since=barrier) if lap == 0 else set()
    where = told(source, data, positions, cache)
    placed = moves(log.placings("fleet_analytics"), where.positions, source.name, where.source) if where else []
    announced = announcements(placed, log.partitions("fleet_analytics"))
    log.close()
    _log.info("replay goes on at position %s (%s dead letters behind it)", f"{onward.start:,}", len(sent))

    stop = Stop()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: setattr(stop, "asked", True))
    writer = Writer(bootstrap, codec)
    announce(writer, announced, stop)
    with Progress(source.name, onward.start) as progress:
        run(writer, source, onward, sent, partitions, Pace(speed, laps), progress, stop)


if __name__ == "__main__":
    main(prog_name="python -m producers")
