"""The training job on a real Flink cluster gives, event for event, what the pure device step gives."""

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from forecaster import weights
from infra.settings import Settings
from infra.standalone import serving
from infra.threads import ONE_THREAD
from schemas.topics import PARTITIONS
from schemas.wire import WATERMARK
from tests.e2e.system import eventually
from tests.integration.conftest import Log
from tests.integration.fleet import CONFIG, HOURS, START, WINDOW, Fleet, by_id, differences, marked_models, readings

pytestmark = [pytest.mark.integration, pytest.mark.long, pytest.mark.timeout(1500)]

FLINK = ("flink-jobmanager", "flink-taskmanager", "flink-training")
IN_STEP = {"in_step": START + WINDOW, "bounded_models": True}


@pytest.fixture
def fleet(log: Log, log_servers: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Fleet]:
    monkeypatch.setenv("XLA_FLAGS", ONE_THREAD["XLA_FLAGS"])
    with closing(Fleet(log, log_servers)) as fleet:
        yield fleet


def test_a_replay_gives_the_pure_steps_events_to_the_bit_at_any_parallelism_with_any_state(
    fleet: Fleet, tmp_path: Path
) -> None:
    whole = fleet.codec.encode(readings()[0]).value
    # What ends in the midst of a number, a text, anywhere: the next record must be read as if it had not been there.
    broken = [whole[:length] for length in range(6, len(whole))]
    fleet.fill([*readings(), *marked_models()], b"not avro", b"\0\x7f\xff\xff\xffhalf a rec", *broken)
    expected = fleet.expected(marked_models())
    assert len(expected) > 9_000
    with serving(fleet.settings(tmp_path / "one", parallelism=1, **IN_STEP), *FLINK):
        assert not differences(fleet.reached(len(expected)), expected)
    letters = {(e.origin_partition, e.origin_offset): e for e in fleet.events("dead_letters")}
    classes = Counter(letter.error_class for letter in letters.values())
    assert classes == {
        "NotAvroError": PARTITIONS,
        "UnknownSchemaError": PARTITIONS,
        "TruncatedRecordError": PARTITIONS * len(broken),
        "LateReadingError": HOURS * 60 // 400,
    }
    originals = {(p.partition, p.offset): value for p, _, value in fleet.read("iot_stream")}
    assert all(originals[place] == letter.original for place, letter in letters.items())

    once = len(fleet.written())
    with serving(fleet.settings(tmp_path / "two", parallelism=2, state="rocksdb", **IN_STEP), *FLINK):
        eventually(lambda: len(fleet.written()) >= 2 * once, 240, "everything once more")
    assert not differences(by_id(fleet.written()[::-1]), expected), "a repeated event must be the same event"


def test_devices_adopt_a_marked_model_and_say_so(fleet: Fleet, tmp_path: Path) -> None:
    fleet.fill([*readings(), *marked_models()])
    expected = fleet.expected(marked_models())
    with serving(fleet.settings(tmp_path / "adopting", **IN_STEP), *FLINK):
        assert len(fleet.reached(len(expected))) == len(expected)
    updates = [event for event in fleet.events("local_updates") if event.device_id == "mote-01"]
    for update in updates:
        due = (update.event_time - CONFIG.adoption_delay_ms - START) // WINDOW
        assert update.base_version == min(max(due, 0), 2 * HOURS - 1)
    joined = min((e for e in fleet.events("local_updates") if e.device_id == "mote-02"), key=lambda e: e.sequence)
    assert joined.base_version == (joined.event_time - CONFIG.adoption_delay_ms - START) // WINDOW
    marked = weights.from_bytes(CONFIG, joined.weights).network["params"]["hidden_1"]["kernel"]
    assert np.abs(marked - 0.001 * (joined.base_version % 7)).max() < 0.05


def test_while_no_readings_come_time_stands_still(fleet: Fleet, tmp_path: Path) -> None:
    def newest() -> int:
        return max((update.event_time for update in fleet.events("local_updates")), default=0)

    given = readings()
    fleet.fill(marked_models())
    with serving(fleet.settings(tmp_path / "silent"), *FLINK):
        for hours in (range(5), range(5, 8)):
            time.sleep(8)  # nothing on the whole topic for longer than after which a partition counts as silent
            fleet.fill([reading for reading in given if (reading.event_time - START) // 3_600_000 in hours])
            latest = START + hours.stop * 3_600_000
            eventually(lambda latest=latest: newest() >= latest - WINDOW, 240, "updates of the last half hour")
            told = [int(dict(message.headers())[WATERMARK]) for message in fleet.messages("local_updates")]
            assert max(told) < latest
    for update in fleet.events("local_updates"):
        due = (update.event_time - CONFIG.adoption_delay_ms - START) // WINDOW
        assert update.base_version == max(due, 0), "models were forgotten"
