"""From a prediction to its readings, on a small log in memory: what is sound holds, and whatever is not shows."""

import io
import json
from dataclasses import dataclass
from types import MappingProxyType

import jax
import numpy as np
import pytest
from rich.console import Console

from aggregator_stream.fold.promotion import changed
from aggregator_stream.fold.restore import beginning
from aggregator_stream.lineage.evidence import Place, Record
from aggregator_stream.lineage.finding import NotOnTheLogError
from aggregator_stream.lineage.naming import Name, NotAnIdError
from aggregator_stream.lineage.printing import as_json, show
from aggregator_stream.lineage.reading import Log, Span, joined
from aggregator_stream.lineage.tracing import trace
from aggregator_stream.lineage.tree import grow
from forecaster import knowledge, weights
from forecaster.strategies import named
from schemas.events import Decision, Measurements, Prediction, Reading
from schemas.forecasts import prediction_id
from schemas.topics import PARTITIONS
from schemas.wire import is_mark, key_of, timestamp_of
from tests.unit.aggregator_stream.fleet import MINUTE, RULES, START, fold, merged, update, written
from tests.unit.aggregator_stream.test_promotion import said as judged
from tests.unit.forecaster.series import TINY

HORIZON = TINY.horizons_ms[2]
JUDGING = RULES._replace(evaluated=True, min_labels=20)
SILENCE = range(120, 150)
"""Minutes in which mote-02 says nothing, so that what it has learned by their beginning comes late."""
ROOM = Measurements(20.5, 40.0, 100.0, 2.7)
DIVERGED = weights.to_bytes(jax.tree.map(lambda array: array * np.nan, knowledge.initial(TINY)))


@dataclass
class Message:
    """A record as a consumer gives it."""

    place: Place
    bytes_key: bytes | None
    timestamp: int
    event: object

    def topic(self):
        return self.place.topic

    def partition(self):
        return self.place.partition

    def offset(self):
        return self.place.offset

    def key(self):
        return self.bytes_key

    def value(self):
        return getattr(self.event, "prediction_id", "").encode()


class Memory(Log):
    """A log in memory, whose records can be changed."""

    def __init__(self):
        self.topics = {}

    def append(self, partition, event, topic, key=None, timestamp=None):
        records = self.topics.setdefault(topic, [[] for _ in range(PARTITIONS)])[partition]
        place = Place(topic, partition, len(records))
        key = key_of(event) if key is None and event is not None else key
        records.append(Message(place, key, timestamp or (timestamp_of(event) if event else 0), event))
        return place

    def all(self, topic):
        return [message for records in self.topics[topic] for message in records]

    def change(self, topic, wanted, **changes):
        """Events of which ``wanted`` holds say something else; so do the records, where they have such a field."""
        found = [m for m in self.all(topic) if m.event is not None and wanted(m.event)]
        assert found, "nothing to change"
        for message in found:
            for name, value in changes.items():
                value = value(message.event) if callable(value) else value
                if hasattr(message, name):
                    setattr(message, name, value)
                else:
                    message.event = message.event._replace(**{name: value})

    def bounds(self, topic, partitions=None):
        there = self.topics.get(topic, [[]] * PARTITIONS)
        return {p: (0, len(there[p])) for p in range(PARTITIONS) if partitions is None or p in partitions}

    def since(self, topic, moment):
        newer = {p: [m.offset() for m in self.topics[topic][p] if m.timestamp >= moment] for p in range(PARTITIONS)}
        return {p: (newer[p][0] if newer[p] else high, high) for p, (_, high) in self.bounds(topic).items()}

    def messages(self, topic, bounds):
        for p, (low, high) in self.bounds(topic, bounds).items():
            yield from self.topics[topic][p][max(bounds[p][0], low) : min(bounds[p][1], high)]

    def record(self, message):
        instead = "a mark of the watermark" if is_mark(message.topic(), message.event) else "no event"
        return Record(message.place, message.key(), message.event, "" if message.event else instead)


def home(device):
    """Two devices share the first partition of readings, two the second."""
    return int(device[-1]) % 2


def sends(log, rules, words):
    """The devices' updates, with the readings that they name and when they were sent (minute).

    ``words`` has version, champion and ratio of what they say in a window, where that is not that its candidate does.
    """
    every = {"mote-01": 30, "mote-02": 30, "mote-03": 15, "mote-04": 30}
    for device, step in every.items():
        placed = {(m.event.event_time - START) // MINUTE: m.offset() for m in log.all("iot_stream")
                  if m.partition() == home(device) and m.event.device_id == device}  # fmt: skip
        first, sequence = 0, 0
        for minute in range(step, 240, step):
            mine = [offset for at, offset in placed.items() if first <= at < minute]
            if device == "mote-02" and minute == 150:
                continue
            sequence, first = sequence + 1, minute
            base, window = max(minute // 30 - 2, 0), minute // 30
            says = words.get(window, [(window - 1, base, 0.98)] if window > 1 else [])
            closed = 150 if device == "mote-02" and minute == 120 else minute
            yield (
                closed,
                update(
                    *(device, sequence, minute),
                    base_version=base,
                    adopted_at=START + (30 * base + 50) * MINUTE if base else None,
                    reading_partition=home(device),
                    first_offset=mine[0],
                    last_offset=mine[-1],
                    closed_at=START + closed * MINUTE,
                    evaluations=tuple(judged(*row) for row in says) if rules.evaluated else (),
                    **({"architecture": "another"} if device == "mote-04" else {}),
                ),
            )


def world(rules=RULES, words=MappingProxyType({})):
    """Four hours of four devices, seven windows, and some predictions."""
    log = Memory()
    for minute in range(240):
        for device in ("mote-01", "mote-02", "mote-03", "mote-04"):
            if device != "mote-02" or minute not in SILENCE:
                reading = Reading(device, START + minute * MINUTE, minute, *ROOM, "test")
                log.append(home(device), reading, "iot_stream")
    rows = sorted(sends(log, rules, words), key=lambda row: (row[0], row[1].update_id))
    records = written([(row, minute) for minute, row in rows] + [(rows[-1][1], 239)])
    for partition, part in enumerate(records):
        for record in part:
            event = getattr(record, "update", None)
            log.append(partition, event, "local_updates", timestamp=record.watermark)
    for model in fold(beginning(rules), merged(records, []), rules)[1]:
        log.append(0, model, "global_models")
    for source, device, minute, version in (
        ("local", "mote-01", 195, 4),
        ("local", "mote-01", 210, 5),
        ("local", "mote-01", 20, 0),
        ("stream", "mote-02", 205, 6),
        ("batch", "mote-03", 60, 7),
    ):
        for event in forecasts(log, source, device, minute, version):
            log.append(1, event, "predictions")
    return log


def forecasts(log, source, device, minute, version):
    """A forecast as made and as scored; ``batch`` writes one of them."""
    made_at = START + minute * MINUTE
    made = Prediction(
        *(prediction_id(source, device, HORIZON, made_at, version if source == "batch" else None), source, device),
        *(version, made_at, made_at + HORIZON, HORIZON, ROOM, ROOM, None, None, None, None),
        *(home(device), last_before(log, device, made_at), "test"),
    )
    error = Measurements(0.5, 0.0, 0.0, 0.0)
    scored = made._replace(
        actual=ROOM._replace(temperature=20.0), error=error, reading_offset=last_before(log, device, made.target_at)
    )
    return (scored,) if source == "batch" else (made, scored)


def last_before(log, device, moment):
    return max(m.offset() for m in log.all("iot_stream") if m.event.device_id == device and m.event.event_time < moment)


def name(source="local", device="mote-01", minute=210, version=None):
    return prediction_id(source, device, HORIZON, START + minute * MINUTE, version)


def lineage(log, asked, depth=1):
    return grow(TINY, trace(log, Name.of(asked), depth))


def every(link):
    yield link
    for child in link.children:
        yield from every(child)


def broken(link):
    return {each.label: " ".join(each.wrong) for each in every(link) if each.wrong}


def one(link, label):
    (found,) = [each for each in every(link) if each.label == label]
    return found


SOUND = [
    name(),
    name(minute=195),
    name(minute=20),
    name("stream", "mote-02", 205),
    name("batch", "mote-03", 60, 7),
]


@pytest.mark.parametrize("depth", [1, 3, 20])
@pytest.mark.parametrize("asked", SOUND)
@pytest.mark.parametrize("rules", [RULES, JUDGING], ids=["immediate", "evaluated"])
def test_of_a_sound_log_every_link_holds(rules, asked, depth):
    assert broken(lineage(world(rules), asked, depth)) == {}


@pytest.mark.parametrize("rule", ["norm_clipping", "multi_krum", "trimmed_mean"])
def test_it_holds_under_other_strategies(rule):
    parameters = {
        "norm_clipping": {"norm": 1.0},
        "multi_krum": {"byzantine": 0, "kept": 1},
        "trimmed_mean": {"cut": 0.4},
    }
    strategy = named(rule, parameters[rule], knowledge.learned(TINY))
    link = lineage(world(RULES._replace(strategy=strategy)), name())
    assert broken(link) == {}
    assert {"norm_clipping": "clipped", "multi_krum": "3 rejected", "trimmed_mean": "cut 0.4"}[rule] in str(link)


def test_the_tree_names_places_shares_and_counts():
    link = lineage(world(), name())
    version = one(link, "version 5")
    assert version.place == "global_models/0/4"
    assert "window 2004-03-04T02:00:00Z/02:30:00Z, fedavg, 3 accepted, 1 superseded, 1 rejected" in version.detail
    assert version.detail.endswith("promoted, parent 4")
    mote_3, mote_1, mote_2, superseded, rejected = version.children
    assert [child.label for child in version.children[:3]] == ["mote-03/10", "mote-01/5", "mote-02/4"]
    # 12, 6 and 6 examples, the last ones two versions behind where the others are one: 6 * (3 / 2) ** -0.5.
    assert [child.detail[:16] for child in version.children[:3]] == [
        f"accepted, {n}%" for n in ("52.40", "26.20", "21.39")
    ]
    assert "late: the window of its event time had closed" in mote_2.detail
    assert "late" not in mote_1.detail + mote_3.detail
    assert (superseded.label, superseded.detail) == ("1 superseded", "mote-03/9")
    assert rejected.label == "1 rejected"
    assert "architecture another is not" in rejected.detail
    readings, base = mote_1.children
    assert readings.place == "iot_stream/1/240..298"
    assert readings.detail == "30 of its own, 2004-03-04T02:00:00Z/02:29:00Z"
    assert (base.label, base.place) == ("stands on version 3", "global_models/0/2")
    assert one(link, "versions 4 → 3 → 2 → 1 → 0").detail == "4 on the log"
    assert one(link, "mote-01 itself").detail == "stood on version 5, had told the fleet mote-01/7"


def test_depth_shows_the_updates_of_ancestors():
    link = lineage(world(), name(), depth=3)
    assert [one(link, f"version {n}").children[0].label for n in (5, 4, 3)] == ["mote-03/10", "mote-03/8", "mote-03/6"]
    assert one(link, "versions 2 → 1 → 0").ok
    assert [child.label for child in lineage(world(), name(), depth=9).children][-2:] == ["version 1", "version 0"]


def test_behind_a_version_that_nobody_changed_lies_the_one_that_was():
    link = lineage(world(RULES._replace(min_contributors=3)), name(minute=195))
    assert broken(link) == {}
    assert "too few contributors: 2 of 3" in one(link, "version 4").detail
    assert len(one(link, "version 3").children) == 5


def test_a_forecast_that_nothing_has_scored_is_sound():
    log = world()
    log.change("predictions", lambda p: p.actual is not None, event=None)
    link = lineage(log, name())
    assert broken(link) == {}
    assert "no bin at its target" in one(link, "as it was scored").detail


def test_readings_that_are_elsewhere_are_said_to_be():
    log = world()
    nowhere = {"reading_partition": -1, "first_offset": -1, "last_offset": -1}
    log.change("local_updates", lambda u: u.update_id == "mote-01/5", **nowhere)
    link = lineage(log, name())
    assert broken(link) == {}
    assert "not on the log" in one(link, "mote-01/5").children[0].detail


def test_readings_that_training_refuses_are_counted_apart():
    log = world()
    log.change("iot_stream", lambda r: r == reading("mote-01", 135), event_time=START + 100 * MINUTE)
    link = lineage(log, name())
    assert broken(link) == {}
    assert "30 of its own" in one(link, "mote-01/5").children[0].detail
    assert "1 of them refused" in one(link, "mote-01/5").children[0].detail


def test_a_device_takes_up_an_older_version_after_a_rollback():
    log = world()
    log.change("global_models", version(6), champion=2, decisions=changed(5, 2, "c-1", "why"))
    log.change("predictions", lambda p: p.prediction_id == name(minute=195), model_version=2)
    log.change("local_updates", sent("mote-01/7"), base_version=2, adopted_at=START + 195 * MINUTE)
    assert broken(lineage(log, name(minute=195))) == {}
    log.change("local_updates", sent("mote-01/7"), adopted_at=START + 205 * MINUTE)
    assert broken(lineage(log, name(minute=195))) == {}


def test_a_device_follows_a_command_at_once():
    log = world(JUDGING)
    log.change("predictions", asked, model_version=6)
    log.change("local_updates", sent("mote-01/7"), base_version=6, adopted_at=START + 210 * MINUTE)
    assert broken(lineage(log, name())) == {
        "mote-01 itself": "model_version: expected what a version decided by 2004-03-04T03:30:00Z says to stand on, "
        "found 6"
    }
    log.change("global_models", version(7), window_start=START + 210 * MINUTE)
    assert broken(lineage(log, name())) == {}
    log.change("local_updates", sent("mote-01/7"), event=None)
    assert broken(lineage(log, name())) == {}


def test_a_device_may_stand_on_the_version_of_a_command_itself():
    log = world()
    moment, weights_of_6 = START + 210 * MINUTE, log.topics["global_models"][0][5].event.weights
    log.change("predictions", asked, model_version=7)
    log.change("global_models", version(7), window_start=moment, contributions=(), weights=weights_of_6)
    log.change("local_updates", sent("mote-01/7"), base_version=7, adopted_at=moment)
    assert broken(lineage(log, name())) == {}


RATIO = "0.980 of the error of version 4, by 72 labels of 3 devices"
BECAME = [
    (JUDGING, {}, 5, "promoted by version 6", {"promoted by version 6": f"version 5 has {RATIO}"}),
    (JUDGING, {}, 7, "still a candidate", {}),
    (
        JUDGING,
        {6: [(5, 4, 1.2)]},
        5,
        "rejected by version 6",
        {"rejected by version 6": f"version 5 has {RATIO.replace('0.980', '1.200')}"},
    ),
    (JUDGING, {5: [], 6: [(5, 3, 0.98)]}, 4, "passed over by version 6", {}),
    (
        JUDGING,
        {6: [(5, 4, 1.2), (3, 4, 0.8)]},
        4,
        "promoted by version 5, rolled back by version 6",
        {
            "promoted by version 5": "version 4 has 0.980 of the error of version 3, by 48 labels of 2 devices",
            "rolled back by version 6": f"version 3 has {RATIO.replace('0.980', '0.800')}",
        },
    ),
    (
        JUDGING,
        {6: [(5, 4, 1.2), (3, 4, 0.8)]},
        3,
        "promoted by version 4, promoted by version 6",
        {
            "promoted by version 4": "version 3 has 0.980 of the error of version 2, by 48 labels of 2 devices",
            "promoted by version 6": f"version 3 has {RATIO.replace('0.980', '0.800')}",
        },
    ),
    (JUDGING._replace(min_contributors=3), {}, 4, "unchanged: too few contributors: 2 of 3", {}),
    (RULES, {}, 5, "promoted", {}),
]


@pytest.mark.parametrize(("rules", "words", "number", "became", "events"), BECAME)
def test_a_version_says_how_it_came_to_be_stood_on_or_did_not(rules, words, number, became, events):
    log = world(rules, words)
    link = lineage(log, batched(log, number))
    assert broken(link) == {}
    found = one(link, f"version {number}")
    assert f", {became}, parent " in found.detail
    turned = [child for child in found.children if " by version " in child.label]
    assert {child.label: child.detail for child in turned} == events
    assert [child.place for child in turned] == [f"global_models/0/{int(label[-1]) - 1}" for label in events]


def test_of_a_command_the_id_and_reason_are_said():
    log = world()
    log.change("global_models", version(7), champion=2, decisions=changed(6, 2, "c-1", "why"))
    back, left = (one(lineage(log, batched(log, number)), f"version {number}") for number in (2, 6))
    assert ", promoted, promoted by version 7, parent 1" in back.detail
    assert ", promoted, rolled back by version 7, parent 5" in left.detail
    assert [child.detail for child in (back.children[0], left.children[0])] == ["command c-1: why"] * 2


def test_what_a_version_decides_of_itself_is_its_own_reason():
    """As one does that releases the versions, where they are promoted as they are made."""
    log = world()
    log.change("global_models", version(7), promotion="unchanged", decisions=changed(2, 7, "c-2", "why"))
    link = one(lineage(log, batched(log, 7)), "version 7")
    assert ", unchanged, parent 6" in link.detail
    assert "promoted" not in str(link.children)


def batched(log, number):
    """The id of a forecast of that version, which need not have been promoted."""
    [event] = forecasts(log, "batch", "mote-03", 65, number)
    log.append(1, event, "predictions")
    return event.prediction_id


def reading(device, minute):
    return Reading(device, START + minute * MINUTE, minute, *ROOM, "test")


def asked(event):
    return event.prediction_id == name()


def made(event):
    return asked(event) and event.actual is None


def scored(event):
    return asked(event) and event.actual is not None


def version(number):
    return lambda event: event.version == number


def sent(update_id):
    return lambda event: event.update_id == update_id


def said(update_id, **changes):
    """A model with something else in its contribution of that update."""

    def changed(event):
        return tuple(c._replace(**changes) if c.update_id == update_id else c for c in event.contributions)

    return {"contributions": changed}


def offset_of(update_id):
    return next(m.offset() for m in world().all("local_updates") if m.event and m.event.update_id == update_id)


MODEL, UPDATE = ("global_models", version(5)), ("local_updates", sent("mote-01/5"))
MADE, SCORED = ("predictions", made), ("predictions", scored)


def moved(by, field="reading_offset"):
    """The same event with an offset so much further on."""
    return {field: lambda event: getattr(event, field) + by}


IN_FORECASTS = [
    (MADE, {"event": None}, "as it was made", "only the scored"),
    (MADE, {"bytes_key": b"mote-09"}, "as it was made", "key: expected mote-01, found mote-09"),
    (MADE, {"device_id": "mote-03"}, "as it was made", "device: expected mote-01, found mote-03"),
    (MADE, {"target_at": START}, "as it was made", "target_at: expected"),
    (SCORED, {"model_version": 4}, "as it was scored", "model_version: expected 5, found 4"),
    (SCORED, {"forecast": ROOM._replace(voltage=None)}, "as it was scored", "forecast: expected"),
    (SCORED, {"persistence": Measurements()}, "as it was scored", "persistence: expected"),
    (SCORED, {"error": Measurements()}, "as it was scored", "error: expected (0.5"),
    (MADE, moved(1), "last reading", "key: expected mote-01, found mote-03"),
    (MADE, moved(-10), "last reading", "in [2004-03-04T03:25:00Z"),
    (MADE, moved(2), "last reading", "found 2004-03-04T03:30:00Z"),
    (MADE, {"reading_offset": 9999}, "last reading", "iot_stream/1/9999: expected a Reading, found no record"),
    (("predictions", asked), {"model_version": 6}, "mote-01 itself", "mote-01/7 standing on: expected 5, found 6"),
]
IN_MODELS = [
    (
        MODEL,
        {"event": None},
        ("version 5", "stands on version 5"),
        "version 5: expected on global_models, found 6 others",
    ),
    (MODEL, {"bytes_key": b"other"}, "version 5", "key: expected fleet"),
    (MODEL, said("mote-01/5", coefficient=0.5), "version 5", "sum of the coefficients: expected 1, found 1.2379"),
    (MODEL, said("mote-04/5", coefficient=0.1), "version 5", "coefficient of mote-04/5, which is rejected: expected 0"),
    (
        MODEL,
        said("mote-03/9", outcome="accepted"),
        "version 5",
        "updates of mote-03 in the weights: expected 1, found 2",
    ),
    (MODEL, {"weights": b"?"}, "version 5", "weights: expected"),
    (MODEL, {"weights": DIVERGED}, "version 5", "holds NaN"),
    (MODEL, {"architecture": "x"}, ("version 5", "mote-01/5", "mote-02/4", "mote-03/10"), "architecture: expected"),
    (MODEL, {"window_start": START}, "version 5", "window of version 5: expected from 2004-03-04T02:00:00Z on"),
    (MODEL, {"parent_version": 6}, "version 5", "parent of version 5: expected an older one, found 6"),
    (("global_models", version(4)), {"event": None}, "version 4", "version 4: expected on global_models"),
    (
        ("global_models", version(2)),
        {"event": None},
        ("versions 4 → 3 → 2", "stands on version 2"),
        "version 2: expected on global_models",
    ),
    (("global_models", version(3)), {"window_start": START}, "versions 4 → 3 → 2 → 1 → 0", "window of version 3"),
    (
        ("global_models", version(3)),
        {"event": None},
        ("stands on version 3", "versions 4 → 3"),
        "version 3: expected on global_models",
    ),
]
IN_CONTRIBUTIONS = [
    (
        MODEL,
        said("mote-01/5", offset=offset_of("mote-01/4")),
        "mote-01/5",
        "update_id: expected mote-01/5, found mote-01/4",
    ),
    (MODEL, said("mote-01/5", offset=0), "mote-01/5", "local_updates/1/0: expected a LocalUpdate, found a mark"),
    (
        MODEL,
        said("mote-01/5", offset=9999),
        "mote-01/5",
        "local_updates/1/9999: expected a LocalUpdate, found no record",
    ),
    (MODEL, said("mote-01/5", partition=3), "mote-01/5", "local_updates/3/"),
    (MODEL, said("mote-03/9", offset=9999), "mote-03/9", "found no record"),
    (MODEL, said("mote-04/5", offset=offset_of("mote-04/4")), "mote-04/5", "expected mote-04/5, found mote-04/4"),
    (MODEL, said("mote-01/5", event_time=START), "mote-01/5", "event_time: expected"),
    (MODEL, said("mote-01/5", example_count=7), "mote-01/5", "example_count: expected 7, found 6"),
    (MODEL, said("mote-01/5", base_version=1), "mote-01/5", "base_version: expected 1, found 3"),
    (
        MODEL,
        {"window_end": START + 149 * MINUTE},
        ("mote-01/5", "mote-03/10"),
        "event time: expected up to 2004-03-04T02:29:00Z",
    ),
]
IN_UPDATES = [
    (UPDATE, {"closed_at": START + 160 * MINUTE}, "mote-01/5", "closed_at: expected before 2004-03-04T02:40:00Z"),
    (UPDATE, {"bytes_key": b"mote-03"}, "mote-01/5", "key: expected mote-01, found mote-03"),
    (UPDATE, {"sequence": 8}, "mote-01/5", "id: expected mote-01/8, found mote-01/5"),
    (UPDATE, {"weights": DIVERGED}, "mote-01/5", "holds NaN"),
    (UPDATE, {"architecture": "another"}, "mote-01/5", "found another"),
    (UPDATE, {"base_version": 99}, ("stands on version 99", "mote-01/5"), "version 99: expected on global_models"),
    (
        UPDATE,
        {"base_version": 6, "adopted_at": None},
        ("stands on version 6", "mote-01/5"),
        "window: expected before 2004-03-04T02:30:00Z",
    ),
    (UPDATE, {"adopted_at": START}, "stands on version 3", "adopted_at: expected from 2004-03-04T01:30:00Z to"),
    (UPDATE, {"adopted_at": START + 151 * MINUTE}, "stands on version 3", "to 2004-03-04T02:30:00Z, found"),
    (UPDATE, moved(1, "first_offset"), "readings", "key: expected mote-01, found mote-03"),
    (UPDATE, moved(9999, "last_offset"), "readings", "found no record"),
    (UPDATE, {"last_offset": 3}, "readings", "last offset: expected"),
    (UPDATE, moved(2, "last_offset"), "readings", "event time of the last reading: expected in"),
    (UPDATE, moved(-20, "last_offset"), "readings", "event time of the last reading: expected in"),
    (
        ("iot_stream", lambda r: r == reading("mote-01", 135)),
        {"event_time": START + 155 * MINUTE},
        "readings",
        "expected before 2004-03-04T02:30:00Z, found 2004-03-04T02:35:00Z",
    ),
    (("iot_stream", lambda r: r == reading("mote-01", 149)), {"event": None}, "readings", "found no event"),
    (
        ("iot_stream", lambda r: r == reading("mote-01", 149)),
        {"device_id": "x"},
        "readings",
        "expected mote-01, found x",
    ),
]


@pytest.mark.parametrize(
    ("event", "changes", "labels", "sentence"), IN_FORECASTS + IN_MODELS + IN_CONTRIBUTIONS + IN_UPDATES
)
def test_a_broken_link_shows_and_nothing_else_does(event, changes, labels, sentence):
    log = world()
    log.change(*event, **changes)
    found = broken(lineage(log, name()))
    first, *others = (labels,) if isinstance(labels, str) else labels
    assert found.keys() == {first, *others}
    assert sentence in found[first]


SIX = ("global_models", version(6))
UNDECIDED = "model_version: expected what a version decided by 2004-03-04T03:30:00Z says to stand on, found 5"
IN_DECISIONS = [
    (
        SIX,
        {"decisions": ()},
        {"stood on since version 6": "champion of version 6, which promotes none: expected 4, found 5"},
    ),
    (
        SIX,
        {"decisions": (Decision(5, "rejected", "policy", "why"),)},
        {"rejected by version 6": "champion of version 6, which promotes none: expected 4, found 5"},
    ),
    (
        SIX,
        {"champion": 4},
        {"promoted by version 6": "champion of version 6: expected 5, found 4", "mote-01 itself": UNDECIDED},
    ),
    (
        SIX,
        {"champion": -1},
        {"promoted by version 6": "champion of version 6: expected 5, found 6", "mote-01 itself": UNDECIDED},
    ),
    (SIX, {"window_end": START + 211 * MINUTE}, {"mote-01 itself": UNDECIDED}),
    (
        MODEL,
        {"candidates": ()},
        {
            "promoted by version 6": "promoted by policy: expected a candidate or the fallback of version 5, found 5",
        },
    ),
    (
        MODEL,
        {"champion": -1, "decisions": ()},
        {"stood on since version 5": "which promotes none: expected 3, found 5"},
    ),
    (MODEL, {"candidates": (), "fallback": 5}, {}),
    (MODEL, {"event": None}, {"version 5": "expected on global_models", "stands on version 5": "expected on global"}),
    (SIX, {"decisions": changed(4, 5, "c-1", "why")}, {}),
]


@pytest.mark.parametrize(("event", "changes", "sentences"), IN_DECISIONS)
def test_a_champion_that_does_not_follow_from_the_decisions_shows(event, changes, sentences):
    log = world(JUDGING)
    log.change(*event, **changes)
    found = broken(lineage(log, name()))
    assert found.keys() == sentences.keys()
    assert all(sentence in found[label] for label, sentence in sentences.items())


def test_a_version_that_was_not_promoted_shows_though_the_device_says_it_stood_on_it():
    assert broken(lineage(world(JUDGING, {6: [(5, 4, 1.2)]}), name())) == {"mote-01 itself": UNDECIDED}


def test_a_version_that_spark_used_without_its_promotion_shows():
    log, stream = world(JUDGING), name("stream", "mote-02", 205)
    log.change("predictions", lambda p: p.prediction_id == stream, model_version=7)
    assert broken(lineage(log, stream)) == {
        f"prediction {stream}": "model_version: expected what a version says to stand on, found 7"
    }


def test_an_update_that_is_missing_between_two_shows():
    log = world()
    log.change("local_updates", sent("mote-01/6"), event=None)
    found = broken(lineage(log, name(minute=195)))
    assert "sequence of its next update: expected 6, found 7" in found["mote-01 itself"]


@pytest.mark.parametrize(
    ("minute", "number", "sentence"),
    [(195, 3, "expected 4, or what"), (195, 5, "expected 4, or"), (20, 1, "expected 0")],
)
def test_a_version_that_the_device_had_not_adopted_shows(minute, number, sentence):
    log = world()
    log.change("predictions", lambda p: p.prediction_id == name(minute=minute), model_version=number)
    log.change("global_models", version(5), champion=4)
    wrong = broken(lineage(log, name(minute=minute)))["mote-01 itself"]
    assert sentence in wrong
    assert wrong.count("model_version") == 1


def test_weights_that_changed_without_an_update_show():
    log = world(RULES._replace(min_contributors=3))
    log.change("global_models", version(4), weights=update("mote-01", 99, 0).weights)
    assert "which no update changed" in broken(lineage(log, name(minute=195)))["version 4"]


def test_of_what_is_twice_on_the_log_the_first_is_the_fact():
    log = world()
    for topic in ("predictions", "global_models", "local_updates"):
        for message in log.all(topic):
            if message.event is not None:
                changes = {"weights": b"?"} if topic != "predictions" else {"model_version": 1}
                log.append(message.partition(), message.event._replace(**changes), topic, timestamp=message.timestamp)
    assert broken(lineage(log, name())) == {}


def test_a_prediction_is_found_whatever_its_record_says_of_the_time():
    log = world()
    log.change("predictions", asked, timestamp=0)
    assert lineage(log, name()) == lineage(world(), name())
    log.change("predictions", scored, timestamp=START + 999 * MINUTE)
    assert lineage(log, name()) == lineage(world(), name())


def test_a_device_silent_for_hours_is_found_with_what_it_told_last():
    log = world()
    log.change("local_updates", lambda u: u.device_id == "mote-01" and u.sequence > 1, event=None)
    link = lineage(log, name(minute=195))
    assert "had told the fleet mote-01/1" in one(link, "mote-01 itself").detail


def test_an_unknown_prediction_is_named_with_where_it_was_looked_for():
    with pytest.raises(NotOnTheLogError, match=r"no prediction local/mote-77/.*topic predictions.*1 to offset 9"):
        trace(world(), Name.of(name(device="mote-77")), 1)


@pytest.mark.parametrize(
    "text", ["", "local/mote-01/30", "local/mote-01/x/5", "local//30/5", "local/m/30/5/v", "local/m/30/5/7x"]
)
def test_what_is_no_id_is_refused(text):
    with pytest.raises(NotAnIdError, match="source/device/horizon"):
        Name.of(text)


@pytest.mark.parametrize("text", [*SOUND, "stream/house/2/room 1/60/0"])
def test_an_id_is_the_name_of_its_parts(text):
    assert str(Name.of(text)) == text


def test_both_forms_say_the_same():
    log = world()
    log.change(*MODEL, **said("mote-01/5", offset=9999))
    link = lineage(log, name())
    printed = shown(link, 10_000)
    told = json.loads(as_json(link))
    assert told["broken"] == link.broken == 1
    assert "1 of 20 links do not hold" in printed
    rows = [told["lineage"]]
    while rows:
        row = rows.pop()
        rows += row["children"]
        words = [row["label"], row["place"], row["detail"], *row["wrong"], "✓ " if row["ok"] else "✗ "]
        assert all(word in printed for word in words)
    # On a narrow terminal lines are folded, and nothing is lost.
    bare = str.maketrans("", "", " \n│├└─")
    assert shown(link, 60).translate(bare) == printed.translate(bare)


def shown(link, width):
    out = io.StringIO()
    show(link, Console(file=out, width=width))
    return out.getvalue()


def test_nearby_offsets_are_read_together():
    spans = [Span(0, 5, 9), Span(1, 6, 6), Span(0, 8, 30), Span(0, 41, 42), Span(0, 60, 61)]
    assert joined(spans, 11) == [Span(0, 5, 42), Span(0, 60, 61), Span(1, 6, 6)]
    assert joined([], 11) == []
