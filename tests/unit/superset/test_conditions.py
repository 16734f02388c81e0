"""A query's conditions: MongoDB's filter and our own decision agree."""

from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from infra.superset.mongo_adapter.catalogue import TABLES
from infra.superset.mongo_adapter.conditions import Condition, chosen, meets, mongo_filter, span
from tests.unit.superset.views import matches

TABLE = TABLES["dead_letters"]
DAY = datetime(2004, 3, 4)
moments = st.integers(0, 5).map(lambda hours: DAY + timedelta(hours=hours))
numbers, words = st.integers(0, 5), st.sampled_from("abc")
VALUES = {"stage": words, "origin_partition": numbers, "origin_timestamp": moments}


@st.composite
def conditions(draw):
    column = draw(st.sampled_from(sorted(VALUES)))
    kind = draw(st.sampled_from(["in", "ge", "gt", "le", "lt", "null", "not null"]))
    if kind == "in":
        return Condition(column, kind, frozenset(draw(st.sets(VALUES[column], max_size=3))))
    return Condition(column, kind, None if "null" in kind else draw(VALUES[column]))


rows = st.fixed_dictionaries({name: st.none() | values for name, values in VALUES.items()})


@given(st.lists(conditions(), max_size=4), rows)
def test_a_filter_finds_exactly_the_documents_that_meet_the_conditions(wanted, row):
    assert matches(row, mongo_filter(TABLE, wanted)) == meets(row, wanted)


@given(st.lists(conditions(), max_size=4), moments)
def test_a_span_leaves_out_no_moment_that_meets_the_conditions(wanted, moment):
    about = [condition for condition in wanted if condition.column == "origin_timestamp"]
    if any(condition.operator == "in" and not condition.value for condition in about):
        return
    earliest, latest = span(about, "origin_timestamp")
    if meets({"origin_timestamp": moment}, about):
        assert earliest is None or earliest <= moment
        assert latest is None or moment <= latest


def test_without_conditions_everything_is_wanted():
    assert mongo_filter(TABLE, []) == {}
    assert meets({}, [])


def test_the_values_let_through_are_those_of_every_list():
    wanted = [Condition("stage", "in", frozenset("ab")), Condition("stage", "in", frozenset("bc"))]
    assert chosen(wanted, "stage", "abcd") == ["b"]
    assert chosen([], "stage", "ba") == ["a", "b"]
    assert chosen([Condition("other", "in", frozenset("x"))], "stage", "ab") == ["a", "b"]
