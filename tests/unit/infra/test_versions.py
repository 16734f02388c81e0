import io
import math

import numpy as np
import pytest
from rich.console import Console
from safetensors.numpy import save

from forecaster import weights
from forecaster.config import Config
from forecaster.knowledge import architecture, initial, named
from infra.versions.describing import compared, inspected
from infra.versions.measures import UnreadableWeightsError, arrays_of, distances, sizes
from infra.versions.printing import show_compared, show_inspected
from infra.versions.reading import UnknownVersionError, chosen
from schemas.events import Contribution, Decision, GlobalModel, HorizonError

CONFIG = Config()
BEGIN, WINDOW = 1_078_012_800_000, 1_800_000
START = weights.to_bytes(initial(CONFIG))


def shifted(by):
    return save({name: array + np.float32(by) for name, array in arrays_of(START).items()})


def model(version, parent, by=0.0, devices=("mote-1",), **other):
    end = BEGIN + version * WINDOW
    given = tuple(
        Contribution(f"{device}/{version}", device, 0, 7, end - 1, parent, 0, 10, 1 / len(devices), "accepted")
        for device in devices
    )
    late = Contribution("mote-9/1", "mote-9", 1, 3, end - 1, 0, 9, 10, 0.0, "rejected", "stale: 9 versions")
    return GlobalModel(
        *("fleet", version, parent, end - WINDOW, end, "fedavg", {}, architecture(CONFIG), shifted(by)),
        *((*given, late), 10, (HorizonError("temperature", WINDOW, 12, 0.25, 0.5),), "promoted", {}, "test"),
    )._replace(**other)


def printed(show, told):
    out = io.StringIO()
    show(told, Console(file=out, width=200))
    return out.getvalue()


def test_norms_and_distances_are_those_of_the_numbers():
    one = {"a": np.array([[3.0, 0.0], [0.0, 4.0]], np.float32), "b": np.array([1.0], np.float32), "c": np.zeros(2)}
    other = {"a": np.array([[0.0, 0.0], [0.0, 4.0]], np.float32), "b": np.array([-1.0], np.float32), "c": np.zeros(3)}
    assert [(each.name, each.shape, each.size, each.norm) for each in sizes(one)] == [
        *(("a", (2, 2), 16, 5.0), ("b", (1,), 4, 1.0), ("c", (2,), 16, 0.0)),
    ]
    a, b, both = distances(one, other)
    assert (a.name, a.euclidean, a.share, a.cosine) == ("a", 3.0, 0.75, pytest.approx(16 / 20))
    assert (b.euclidean, b.share, b.cosine) == (2.0, 2.0, -1.0)
    assert both.euclidean == pytest.approx(math.sqrt(13))
    assert both.cosine == pytest.approx((16 - 1) / math.sqrt(26 * 17))


def test_beside_zeros_a_share_is_infinite_and_a_cosine_not_known():
    far, _ = distances({"a": np.ones(2)}, {"a": np.zeros(2)})
    assert far.share == math.inf
    assert math.isnan(far.cosine)
    near, _ = distances({"a": np.zeros(2)}, {"a": np.zeros(2)})
    assert (near.euclidean, near.share) == (0.0, 0.0)


def test_weights_that_are_none_are_said_to_be():
    with pytest.raises(UnreadableWeightsError, match="4 bytes are not safetensors"):
        arrays_of(b"none")


def test_a_version_is_found_with_its_parent_and_all_before():
    events = [model(1, 0), model(2, 1), model(3, 1), model(4, 3), model(3, 2, by=5.0)]
    found = chosen(lambda: events, 4)
    assert (found.model, found.parent, found.ancestors) == (events[3], events[2], [3, 1])
    assert chosen(lambda: events, None) == found
    assert chosen(lambda: events, 1) == (events[0], None, [])


def test_what_is_not_there_is_said_with_what_is():
    with pytest.raises(UnknownVersionError, match="Version 7 is not on the log: there are 1 to 2"):
        chosen(lambda: [model(1, 0), model(2, 1)], 7)
    with pytest.raises(UnknownVersionError, match="there is none yet"):
        chosen(list, None)


def test_a_version_tells_how_far_it_is_from_its_parent_or_from_the_common_start():
    numbers = sum(array.size for array in named(initial(CONFIG)).values())
    decisions = (Decision(1, "promoted", "policy", "better by 3 %"),)
    events = [model(1, 0, by=0.5, decisions=decisions), model(2, 1, by=0.75)]
    first = inspected(chosen(lambda: events, 1), "")
    assert first["from_parent"][-1]["euclidean"] == pytest.approx(0.5 * math.sqrt(numbers), rel=1e-5)
    assert first["outcomes"] == {"accepted": 1, "rejected": 1}
    second = inspected(chosen(lambda: events, 2), "")
    assert second["from_parent"][-1]["euclidean"] == pytest.approx(0.25 * math.sqrt(numbers), rel=1e-5)
    assert (second["ancestors"], second["contributors"]) == ([1], 1)
    shown = printed(show_inspected, first)
    for words in (
        "the common start",
        "1 accepted, 1 rejected",
        "better by 3 %",
        "stale: 9 versions",
        "hidden_1/kernel",
    ):
        assert words in shown
    assert "2004-02-29T00:00:00Z to 2004-02-29T00:30:00Z" in shown


def test_of_another_network_the_common_start_is_not_known():
    found = chosen(lambda: [model(1, 0, architecture="another")], 1)
    assert inspected(found, "")["from_parent"] == []


def test_two_versions_are_told_by_what_is_other_in_them():
    a = model(1, 0, devices=("mote-1", "mote-2"))
    b = model(2, 1, by=1.0, devices=("mote-2", "mote-3"), strategy="median", strategy_parameters={"beta": 0.5})
    told = compared(a, b)
    assert told["changed"].keys() == {"parent_version", "window", "strategy", "strategy_parameters", "stands_on"}
    assert told["changed"]["strategy"] == ["fedavg", "median"]
    assert told["contributors"] == {"both": 1, "only_a": ["mote-1"], "only_b": ["mote-3"]}
    assert told["errors"] == [{"sensor": "temperature", "horizon_ms": WINDOW, "a": 0.25, "b": 0.25}]
    assert compared(a, a)["changed"] == {}
    assert compared(a, a)["arrays"][-1]["euclidean"] == 0
    shown = printed(show_compared, told)
    assert "beta=0.5" in shown
    assert "only in 2  mote-3" in shown
