"""The sink's command line, in a process to which something happens: ``HAPPENING CONNECTOR BATCH``, then the command.

At the connector's n-th batch the process ends as by ``kill -9`` at a point of the order of durability
(``mongo_sink.worker``), or kills the server, whose process is ``SERVER_PID``, in the middle of a bulk. ``shuffled``
hands on each batch twice, in an order of its own.
"""

import os
import random
import signal
import sys
from contextlib import suppress

from pymongo.collection import Collection
from pymongo.errors import BulkWriteError

from mongo_sink import files_task
from mongo_sink.__main__ import main as command
from mongo_sink.dead_letters import DeadLetterReporter
from mongo_sink.files_task import ModelFileSinkTask
from mongo_sink.mongo_task import MongoSinkTask
from mongo_sink.rollups.task import RollUpSinkTask
from mongo_sink.worker import Worker

TASKS = {"model-files": ModelFileSinkTask, "forecast-errors": RollUpSinkTask}
CRASHES = ("polled", "made ready", "in the bulk", "written", "letters sent", "held", "committed")
HAPPENINGS = (*CRASHES, "server killed", "shuffled")
BULK_OF = {
    "sensor-readings": "sensor_readings",
    "predictions": "predictions",
    "models": "local_models",
    "forecast-errors": "forecast_errors_daily",
}
"""The collection whose bulk is broken, of each connector to MongoDB."""


def die():
    os.kill(os.getpid(), signal.SIGKILL)


def behind(kind, method, then):
    """Have ``then(self, result)`` follow each call."""
    plain = getattr(kind, method)

    def followed(self, *args, **kwargs):
        result = plain(self, *args, **kwargs)
        return then(self, result, *args)

    setattr(kind, method, followed)


def crash_after(kind, method, name, batch, of=lambda self, result, args: True):
    """Crash behind the n-th call for the connector; ``of`` says which count."""
    passed = 0

    def then(self, result, *args):
        nonlocal passed
        passed += name_of(self).endswith(name) and of(self, result, args)
        if passed == batch:
            die()
        return result

    behind(kind, method, then)


def name_of(owner):
    if isinstance(owner, ModelFileSinkTask):
        return "model-files"
    return (owner.config if isinstance(owner, Worker) else owner._config).name


def break_bulk(name, batch, then):
    """Do half of the n-th bulk of a connector's collection, then what happens, then the rest."""
    passed = 0

    def broken(plain):
        def write(self, given, **kwargs):
            nonlocal passed
            passed += (own := self.name == BULK_OF[name])
            if own and passed == batch:
                with suppress(BulkWriteError):  # some were written before an earlier crash
                    plain(self, given[: len(given) // 2], **kwargs)
                then()
            return plain(self, given, **kwargs)

        return write

    for method in ("bulk_write", "insert_many"):
        setattr(Collection, method, broken(getattr(Collection, method)))


def break_file(batch):
    """Crash when half of the draft of a model file is written, the first from the n-th batch on."""
    put, write, passed = ModelFileSinkTask.put, files_task.write_atomically, 0

    def counted(self, converted):
        nonlocal passed
        passed += 1
        put(self, converted)

    def half(path, content):
        if passed >= batch:
            path.with_name(f".{path.name}.tmp").write_bytes(content[: len(content) // 2])
            die()
        write(path, content)

    ModelFileSinkTask.put, files_task.write_atomically = counted, half


def shuffle_polls():
    """Hand on each batch in an order of its own, and then once more in another one."""
    plain, chance, again = Worker.poll, random.Random(20040228), {}

    def poll(self, *args):
        messages = again.pop(self.name, None)
        if messages is None:
            messages = plain(self, *args)
            again[self.name] = messages
        return chance.sample(messages, len(messages))

    Worker.poll = poll


def main():
    happening, name, batch = sys.argv[1], sys.argv[2], int(sys.argv[3])
    task = TASKS.get(name, MongoSinkTask)
    match happening:
        case "polled":
            crash_after(Worker, "poll", name, batch, of=lambda self, messages, args: bool(messages))
        case "made ready":
            crash_after(task, "converted", name, batch)
        case "in the bulk" if task is ModelFileSinkTask:
            break_file(batch)
        case "in the bulk":
            break_bulk(name, batch, die)
        case "written":
            crash_after(task, "put", name, batch)
        case "letters sent":
            crash_after(DeadLetterReporter, "flush", name, batch)
        case "held":
            crash_after(task, "pre_commit", name, batch)
        case "committed":
            crash_after(Worker, "commit", name, batch, of=lambda self, _, args: bool(args[0]))
        case "server killed":
            break_bulk(name, batch, lambda: os.kill(int(os.environ["SERVER_PID"]), signal.SIGKILL))
        case "shuffled":
            shuffle_polls()
    sys.argv[1:4] = []
    command()


if __name__ == "__main__":
    main()
