"""``kill -9`` of what trains, again and again: in step it leaves no trace; live, nothing is lost.

In step, updates are what the pure device step makes of the readings and the global models, and these are what the pure
window fold makes of the updates: so both are what an undisturbed run would have given.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from threading import Event, Thread

import psutil
import pytest

from benchmarks.quality.engine import first_due
from infra.settings import Settings
from infra.standalone import end, launched
from infra.threads import ONE_THREAD
from schemas.events import GlobalModel
from tests.e2e.system import eventually
from tests.integration.conftest import emptied
from tests.integration.fleet import CONFIG, HOURS, START, WINDOW, Fleet, by_id, differences, readings

pytestmark = [pytest.mark.integration, pytest.mark.long, pytest.mark.timeout(1200)]

SERVICES = ("flink-jobmanager", "flink-taskmanager", "aggregator", "flink-training")
KILLS = ("python", "flink-taskmanager", "python", "flink-jobmanager", "flink-taskmanager") * 2
WINDOWS = 2 * HOURS


class Cluster:
    """What trains and aggregates, and a hand that starts again what has ended, as the supervisor would."""

    def __init__(self, settings: Settings) -> None:
        self.settings, self.stopped, self.over = settings, set[str](), Event()
        self.running = {name: launched(settings, name) for name in SERVICES}
        self.keeper = Thread(target=self._keep, daemon=True)
        self.keeper.start()

    def _keep(self) -> None:
        while not self.over.wait(0.5):
            for name, process in list(self.running.items()):
                if process.poll() is not None and name not in self.stopped:
                    self.running[name] = launched(self.settings, name)

    def kill(self, what: str) -> None:
        """A Python worker, which Flink itself starts again; or a service and all that it has started."""
        if what == "python":
            eventually(self._workers, 240, "a Python worker", 0.2)[0].kill()
            return
        for child in psutil.Process(self.running[what].pid).children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                child.kill()
        self.running[what].kill()

    def _workers(self) -> list[psutil.Process]:
        try:
            children = psutil.Process(self.running["flink-taskmanager"].pid).children(recursive=True)
            return [child for child in children if "pyflink.fn_execution.beam.beam_boot" in child.cmdline()]
        except psutil.NoSuchProcess:
            return []

    def end(self) -> None:
        self.over.set()
        self.keeper.join()
        end(list(self.running.values()))


@pytest.fixture
def cluster() -> Iterator[Callable[[Settings], Cluster]]:
    """Starts one; it ends with the test."""
    with ExitStack() as stack:

        def start(settings: Settings) -> Cluster:
            started = Cluster(settings)
            stack.callback(started.end)
            return started

        yield start


@pytest.fixture
def anew(log_servers: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], Fleet]]:
    """Empties the log for another run."""
    monkeypatch.setenv("XLA_FLAGS", ONE_THREAD["XLA_FLAGS"])
    with ExitStack() as stack:
        yield lambda: stack.enter_context(closing(Fleet(emptied(log_servers), log_servers)))


def decided(models: list[GlobalModel]) -> list[GlobalModel]:
    """Where a fold reads on after a restart depends on how partitions were read in turn, and nothing else does."""
    return [model._replace(resume_offsets={}) for model in models]


def test_in_step_ten_kills_leave_no_trace_in_any_update_forecast_or_global_model(
    anew: Callable[[], Fleet], cluster: Callable[[Settings], Cluster], tmp_path: Path
) -> None:
    fleet = anew()
    in_step = first_due(CONFIG, WINDOW, START // CONFIG.bin_ms)
    trained = cluster(fleet.settings(tmp_path, parallelism=2, in_step=in_step))
    # Slowly, for readings must not end before the kills do, however long those take here.
    killed = Event()
    producer = fleet.filling(readings(), seconds=600, hurry=killed)
    for n, what in enumerate(KILLS):
        eventually(lambda n=n: fleet.count("global_models") > 2 * n, 240, f"progress after {n} kills", 0.2)
        trained.kill(what)
    assert fleet.count("global_models") < WINDOWS - 4, "nothing was left to do after the last kill"
    killed.set()
    producer.join()
    ids = fleet.expected([]).keys()
    assert fleet.reached(len(ids)).keys() == ids
    eventually(lambda: fleet.count("global_models") >= len(fleet.folded()), 60, "the last windows")
    models = fleet.events("global_models")
    assert len(models) > WINDOWS - 6
    assert decided(models) == decided(fleet.folded())
    written, expected = fleet.written(), fleet.expected(models)
    assert not differences(by_id(written), expected)
    assert not differences(by_id(written[::-1]), expected), "a repeated event must be the same event"


def test_live_training_goes_on_under_ten_kills_and_without_the_aggregator_and_loses_nothing(
    anew: Callable[[], Fleet], cluster: Callable[[Settings], Cluster], tmp_path: Path
) -> None:
    fleet = anew()
    trained = cluster(fleet.settings(tmp_path, parallelism=2))
    killed = Event()
    producer = fleet.filling(readings(), seconds=600, hurry=killed)

    def goes_on(more: int, what: str) -> None:
        before = fleet.count("local_updates")
        eventually(lambda: fleet.count("local_updates") > before + more, 240, f"updates after {what}", 0.5)

    goes_on(7, "the start")
    for what in KILLS:
        trained.kill(what)
        goes_on(5, f"{what} was killed")
    trained.stopped.add("aggregator")
    trained.kill("aggregator")
    models = fleet.count("global_models")
    goes_on(13, "the aggregator was stopped")
    assert fleet.count("global_models") == models < WINDOWS - 6
    trained.stopped.clear()
    killed.set()
    producer.join()
    ids = fleet.expected([]).keys()
    assert fleet.reached(len(ids)).keys() == ids
    eventually(lambda: fleet.count("global_models") > WINDOWS - 6, 240, "the windows that were left")
    made = fleet.events("global_models")
    assert [model.version for model in made] == list(range(1, len(made) + 1))
    counted = [c.update_id for model in made for c in model.contributions]
    assert len(counted) == len(set(counted)), "no update counts twice"
    assert set(counted) >= {e.update_id for e in fleet.events("local_updates") if e.closed_at < made[-1].window_end}
