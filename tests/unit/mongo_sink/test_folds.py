"""The folds against a model of a collection, and what MongoDB does with each kind of write."""

from itertools import count, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mongo_sink.documents import Row, UnusableRecordError, date, placed
from mongo_sink.write_models import Complete, Delete, Insert, Replace, Update
from mongo_sink.write_strategies import WRITE_STRATEGIES
from schemas.wire import Origin
from tests.unit.mongo_sink.sink_events import NOON, global_model, prediction, row, tombstone, update

FIELDS = {"ReplaceOneGreaterStrategy": "sequence", "ReplaceOneOnceSetStrategy": "actual"}
OURS = ("InsertOneDefaultStrategy", "ReplaceOneGreaterStrategy", "ReplaceOneOnceSetStrategy")
LAST_WINS = ("ReplaceOneDefaultStrategy", "UpdateOneDefaultStrategy", "UpdateOneTimestampsStrategy")
BUSINESS = ("ReplaceOneBusinessKeyStrategy", "UpdateOneBusinessKeyTimestampStrategy")
DEVICES = ("mote-01", "mote-02")


class Store:
    """A collection: documents under what identifies them, in no order."""

    def __init__(self):
        self.documents, self._made = [], count()

    def do(self, write):
        match write:
            case Insert(new):
                if self._find({"_id": new.document["_id"]}) is None:
                    self.documents.append(new.document)
            case Replace(_, filter_, new, _, unless_better):
                there = self._find(filter_)
                if there is not None:
                    self._become(there, {"_id": there["_id"]} | new)
                elif not (unless_better and self._find({"_id": filter_["_id"]})):
                    self.documents.append({"_id": next(self._made)} | new)
            case Complete(new, field):
                there = self._find({"_id": new.document["_id"]})
                if there is None:
                    self.documents.append(new.document)
                elif there[field] is None:
                    self._become(there, new.document)
            case Update(_, filter_, fields, inserted):
                there = self._find(filter_)
                if there is not None:
                    self._become(there, there | fields)
                else:
                    given = {"_id": filter_.get("_id", next(self._made))}
                    self.documents.append(given | fields | inserted)
            case Delete(_, filter_):
                self.documents = [each for each in self.documents if not matches(each, filter_)]

    def content(self, *, ids=True):
        rows = [each if ids else {k: v for k, v in each.items() if k != "_id"} for each in self.documents]
        return sorted(rows, key=repr)

    def _find(self, filter_):
        return next((each for each in self.documents if matches(each, filter_)), None)

    def _become(self, there, new):
        self.documents = [new if each is there else each for each in self.documents]


def matches(document, filter_):
    def held(path):
        value = document
        for name in path.split("."):
            value = value.get(name) if isinstance(value, dict) else None
        return value

    return all(
        held(path) < wanted["$lt"] if isinstance(wanted, dict) and "$lt" in wanted else held(path) == wanted
        for path, wanted in filter_.items()
    )


def sink(strategy, batches):
    store = Store()
    for batch in batches:
        for write in WRITE_STRATEGIES[strategy].writes(batch, FIELDS.get(strategy)):
            store.do(write)
    return store


def cut(rows, places):
    """The rows in batches that end at ``places``."""
    ends = [0, *sorted(min(place, len(rows)) for place in places), len(rows)]
    return [rows[a:b] for a, b in pairwise(ends)]


events_of_log = {
    "InsertOneDefaultStrategy": st.builds(
        lambda version, value: (version, global_model(version, value)), st.integers(1, 3), st.sampled_from([1.0, 2.0])
    ),
    "ReplaceOneGreaterStrategy": st.builds(
        lambda device, sequence, value: (device, update(sequence, device, value)),
        st.sampled_from(DEVICES),
        st.integers(1, 4),
        st.sampled_from([1.0, 2.0]),
    ),
    "ReplaceOneOnceSetStrategy": st.builds(
        lambda id_, scored, score: (id_, prediction(id_, scored=scored, score=score)),
        st.sampled_from("ab"),
        st.booleans(),
        st.sampled_from([1.0, 2.0]),
    ),
}
cuts_of_log = st.lists(st.integers(0, 12), max_size=4)


def expected(strategy, rows):
    """What the collection must hold in the end, said the slow way."""
    kept = []
    for id_ in {each.document["_id"] for each in rows}:
        mine = [each.document for each in rows if each.document["_id"] == id_]
        mine.sort(key=lambda each: each["_log"]["offset"])
        if strategy == "ReplaceOneGreaterStrategy":
            newest = max(each["sequence"] for each in mine)
            mine = [each for each in mine if each["sequence"] == newest]
        elif strategy == "ReplaceOneOnceSetStrategy":
            mine = [each for each in mine if each["actual"] is not None] or mine
        kept.append(mine[0])
    return sorted(kept, key=repr)


@pytest.mark.parametrize("strategy", OURS)
@given(data=st.data(), cuts=cuts_of_log)
def test_the_log_in_any_batches_read_again_from_any_commit_gives_what_it_must(strategy, data, cuts):
    events = data.draw(st.lists(events_of_log[strategy], min_size=1, max_size=12))
    rows = [row(event, id_, offset) for offset, (id_, event) in enumerate(events)]
    batches = cut(rows, cuts)
    again = data.draw(st.integers(0, len(batches)))
    shuffled = [data.draw(st.permutations(batch)) for batch in batches + batches[again:]]
    assert sink(strategy, shuffled).content() == expected(strategy, rows)


@given(data=st.data(), cuts=cuts_of_log)
def test_state_comes_out_the_same_in_any_order_of_arrival(data, cuts):
    sequences = data.draw(st.lists(st.integers(1, 20), unique=True, min_size=1, max_size=12))
    rows = [row(update(each), "mote-07", offset) for offset, each in enumerate(sequences)]
    (document,) = sink("ReplaceOneGreaterStrategy", cut(rows, cuts)).content()
    assert document["sequence"] == max(sequences)


fields_of_document = st.dictionaries(st.sampled_from("abc"), st.integers(0, 3), max_size=3)


def free_row(offset, partition, id_, fields, moment):
    origin = Origin("local_updates", partition, offset, str(id_).encode(), NOON + moment)
    return Row(origin, placed({"_id": id_} | fields, origin))


@st.composite
def logs(draw, ids, tombstones=False):
    """Rows in an order of arrival that is the log's in each partition; an id has one partition."""
    rows, offsets = [], [0, 0]
    for _ in range(draw(st.integers(1, 12))):
        partition = draw(st.integers(0, 1))
        id_ = draw(st.sampled_from(ids[partition]))
        offset, offsets[partition] = offsets[partition], offsets[partition] + 1
        if tombstones and draw(st.booleans()):
            rows.append(tombstone(id_, offset, partition=partition))
        else:
            fields = draw(fields_of_document)
            rows.append(free_row(offset, partition, id_, fields, draw(st.integers(0, 9))))
    return rows


PLAIN_IDS = (["a", "b"], ["c"])
BUSINESS_IDS = ([{"k": 1, "l": {"m": 2}}, {"k": 2, "l": {"m": 2}}], [{"k": 1, "l": {"m": 3}}])


def with_key(rows):
    """The rows with the fields of their business keys, which are fields of the value."""
    return [each._replace(document=each.document["_id"] | each.document) for each in rows]


def one_by_one(strategy, rows):
    """As MongoDB's connector with an ordered bulk: a write for each record, one after the other."""
    return sink(strategy, [[each] for each in rows])


def rearranged(data, rows):
    """Another order of arrival of the same log."""
    partitions = [[each for each in rows if each.origin.partition == number] for number in (0, 1)]
    order = data.draw(st.permutations([each.origin.partition for each in rows]))
    return [partitions[number].pop(0) for number in order]


@pytest.mark.parametrize("strategy", [*OURS[:1], *LAST_WINS])
@pytest.mark.parametrize("tombstones", [False, True])
@given(data=st.data(), cuts=cuts_of_log)
def test_batches_end_where_single_writes_in_the_order_of_the_log_do(strategy, tombstones, data, cuts):
    rows = data.draw(logs(PLAIN_IDS, tombstones))
    batches = cut(rearranged(data, rows), cuts)
    again = data.draw(st.integers(0, len(batches)))
    assert sink(strategy, batches + batches[again:]).content() == one_by_one(strategy, rows).content()


@pytest.mark.parametrize("strategy", BUSINESS)
@given(data=st.data(), cuts=cuts_of_log)
def test_the_same_by_business_key(strategy, data, cuts):
    rows = with_key(data.draw(logs(BUSINESS_IDS)))
    batches = cut(rearranged(data, rows), cuts)
    again = data.draw(st.integers(0, len(batches)))
    made = sink(strategy, batches + batches[again:])
    assert made.content(ids=False) == one_by_one(strategy, rows).content(ids=False)
    assert len(made.documents) == len({repr(each.document["k"]) + repr(each.document["l"]) for each in rows})


@pytest.mark.parametrize("strategy", [*LAST_WINS, *OURS[:1]])
@given(rows=logs(PLAIN_IDS, tombstones=True))
def test_a_batch_has_one_write_per_id(strategy, rows):
    ids = [repr(each.document["_id"]) for each in rows]
    assert len(WRITE_STRATEGIES[strategy].writes(rows, None)) == len(set(ids))


def test_timestamps_are_the_logs_own():
    first, last = free_row(0, 0, "a", {"x": 1}, 5), free_row(1, 0, "a", {"y": 2}, 9)
    (document,) = sink("UpdateOneTimestampsStrategy", [[first, last]]).content()
    assert document == {
        "_id": "a",
        "x": 1,
        "y": 2,
        "_log": last.document["_log"],
        "_modifiedTS": date(NOON + 9),
        "_insertedTS": date(NOON + 5),
    }


def test_a_business_key_is_looked_for_by_dotted_names_and_leaves_the_id_to_the_server():
    (each,) = WRITE_STRATEGIES["ReplaceOneBusinessKeyStrategy"].writes(
        [free_row(0, 0, {"k": 1, "l": {"m": 2}}, {"x": 3}, 0)], None
    )
    assert each.filter == {"k": 1, "l.m": 2}
    assert each.document == {"x": 3, "_log": each.row.document["_log"]}


def test_records_delete_by_their_keys_or_by_business_key():
    rows = [free_row(each, 0, None, {}, 0)._replace(key="a") for each in (0, 1)]
    assert WRITE_STRATEGIES["DeleteOneDefaultStrategy"].writes(rows, None) == [Delete(rows[1], {"_id": "a"})]
    row_ = free_row(0, 0, {"k": {"l": 1}}, {}, 0)
    assert WRITE_STRATEGIES["DeleteOneBusinessKeyStrategy"].writes([row_], None) == [Delete(row_, {"k.l": 1})]


@pytest.mark.parametrize(
    ("strategy", "id_", "fields", "sentence"),
    [
        ("ReplaceOneDefaultStrategy", None, {}, "has no _id"),
        ("ReplaceOneBusinessKeyStrategy", "a", {}, "holds no fields of a business key"),
        ("ReplaceOneBusinessKeyStrategy", {}, {}, "holds no fields of a business key"),
        ("ReplaceOneGreaterStrategy", "a", {}, "has no field 'sequence'"),
        ("ReplaceOneGreaterStrategy", "a", {"sequence": None}, "sequence is null"),
    ],
)
def test_what_a_fold_cannot_take_is_said_of_the_record(strategy, id_, fields, sentence):
    with pytest.raises(UnusableRecordError, match=sentence):
        WRITE_STRATEGIES[strategy].check(free_row(0, 0, id_, fields, 0), FIELDS.get(strategy))


def test_of_both_forms_of_a_prediction_in_a_batch_only_the_scored_is_written():
    both = [row(prediction(scored=scored), "a", offset) for offset, scored in enumerate([False, True])]
    assert WRITE_STRATEGIES["ReplaceOneOnceSetStrategy"].writes(both, "actual") == [Complete(both[1], "actual")]


def test_moments_can_be_the_greater_too():
    rows = [row(update(1, event_time=NOON + each), "mote-07", each) for each in (1, 3, 2)]
    (each,) = WRITE_STRATEGIES["ReplaceOneGreaterStrategy"].writes(rows, "event_time")
    assert each.row == rows[1]
