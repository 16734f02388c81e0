"""The folds against a model of a collection: a dict, and what MongoDB does with each kind of write."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mongo_sink.write_models import WRITE_MODELS, Complete, Insert, Replace
from tests.unit.mongo_sink.sink_events import document, global_model, prediction, update

FIELDS = {"ReplaceOneGreaterStrategy": "sequence", "ReplaceOneOnceSetStrategy": "actual"}
DEVICES = ("mote-01", "mote-02")


def apply(store, writes):
    """What the collection holds after ``writes``, each doing what its class promises."""
    for write in writes:
        there = store.get(write.document["_id"])
        match write:
            case Insert(new):
                store.setdefault(new["_id"], new)
            case Replace(new, {"sequence": {"$lt": bound}}):
                if there is None or there["sequence"] < bound:
                    store[new["_id"]] = new
            case Complete(new, field):
                if there is None or there[field] is None:
                    store[new["_id"]] = new
            case _:
                raise AssertionError(write)
    return store


def sink(strategy, batches):
    store = {}
    for batch in batches:
        apply(store, WRITE_MODELS[strategy].fold(batch, FIELDS.get(strategy)))
    return store


def cut(documents, places):
    """The documents in batches that end at ``places``."""
    ends = [0, *sorted(min(place, len(documents)) for place in places), len(documents)]
    return [documents[a:b] for a, b in pairwise(ends)]


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


def expected(strategy, documents):
    """What the collection must hold in the end, said the slow way."""
    store = {}
    for id_ in {each["_id"] for each in documents}:
        mine = sorted((each for each in documents if each["_id"] == id_), key=lambda each: each["_log"]["offset"])
        if strategy == "ReplaceOneGreaterStrategy":
            newest = max(each["sequence"] for each in mine)
            mine = [each for each in mine if each["sequence"] == newest]
        elif strategy == "ReplaceOneOnceSetStrategy":
            mine = [each for each in mine if each["actual"] is not None] or mine
        store[id_] = mine[0]
    return store


@pytest.mark.parametrize("strategy", WRITE_MODELS)
@given(data=st.data(), cuts=st.lists(st.integers(0, 12), max_size=4))
def test_the_log_in_any_batches_read_again_from_any_commit_gives_what_it_must(strategy, data, cuts):
    rows = data.draw(st.lists(events_of_log[strategy], min_size=1, max_size=12))
    documents = [document(event, id_, offset) for offset, (id_, event) in enumerate(rows)]
    batches = cut(documents, cuts)
    again = data.draw(st.integers(0, len(batches)))
    shuffled = [data.draw(st.permutations(batch)) for batch in batches + batches[again:]]
    assert sink(strategy, shuffled) == expected(strategy, documents)


@given(data=st.data(), cuts=st.lists(st.integers(0, 12), max_size=4))
def test_state_comes_out_the_same_in_any_order_of_arrival(data, cuts):
    sequences = data.draw(st.lists(st.integers(1, 20), unique=True, min_size=1, max_size=12))
    documents = [document(update(each), "mote-07", offset) for offset, each in enumerate(sequences)]
    store = sink("ReplaceOneGreaterStrategy", cut(documents, cuts))
    assert store["mote-07"]["sequence"] == max(sequences)


@pytest.mark.parametrize("strategy", WRITE_MODELS)
@given(data=st.data())
def test_a_batch_has_one_write_per_id(strategy, data):
    rows = data.draw(st.lists(events_of_log[strategy], max_size=12))
    documents = [document(event, id_, offset) for offset, (id_, event) in enumerate(rows)]
    ids = [write.document["_id"] for write in WRITE_MODELS[strategy].fold(documents, FIELDS.get(strategy))]
    assert sorted(ids, key=str) == sorted({each["_id"] for each in documents}, key=str)


def test_of_both_forms_of_a_prediction_in_a_batch_only_the_scored_is_written():
    both = [document(prediction(scored=scored), "a", offset) for offset, scored in enumerate([False, True])]
    assert WRITE_MODELS["ReplaceOneOnceSetStrategy"].fold(both, "actual") == [Complete(both[1], "actual")]
