"""The command that makes a page again."""

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_analytics.report.command import OptionError, again, ends_of, listed

ENDS = st.dictionaries(
    st.sampled_from(["predictions", "global_models"]),
    st.dictionaries(st.integers(0, 3), st.integers(0, 10**9), min_size=1),
)


@given(ENDS, st.lists(st.sampled_from(["mote-01", "a b", "c'd"]), unique=True))
def test_what_the_page_says_is_what_the_command_takes(ends: dict, devices: list[str]):
    said = shlex.split(again(None, 1_078_401_600_000, devices, ends))
    assert said[:2] == ["make", "report"]
    options = dict(word.split("=", 1) for word in said[2:])
    assert options.pop("UNTIL") == "2004-03-04T12:00:00Z"
    assert ends_of(options.pop("ENDS", "")) == ends
    assert listed(options.pop("DEVICES", "")) == devices
    assert options == {}


@pytest.mark.parametrize("text", ["predictions", "predictions:0", "predictions:x:1", "predictions:0:-1", "a:0:1:2"])
def test_what_is_no_offset_is_said(text: str):
    with pytest.raises(OptionError, match="is not like predictions:0:1234"):
        ends_of(text)
