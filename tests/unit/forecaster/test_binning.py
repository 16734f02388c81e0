"""Many readings at once against one after the other."""

from itertools import pairwise
from unittest.mock import patch

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from forecaster import binning
from forecaster.binning import FEW, Columns, fold
from forecaster.bins import MAX_JUMP_MS, ClockJumpError, LateReadingError, add
from tests.unit.forecaster.test_bins import BIN, T0, measured

wild = st.lists(
    st.tuples(
        st.integers(-3 * BIN, 3 * BIN) | st.sampled_from([MAX_JUMP_MS, 2 * MAX_JUMP_MS]), st.tuples(*[measured] * 4)
    ),
    min_size=1,
    max_size=25,
)


@given(wild, st.data())
def test_many_at_once_are_one_after_the_other_to_the_bit(rows, data):
    moments = np.cumsum([T0, *(step if step < MAX_JUMP_MS else 0 for step, _ in rows)])[1:]
    moments = moments + [step if step >= MAX_JUMP_MS else 0 for step, _ in rows]
    current, closed, refused = None, [], {}
    for i, (moment, (_, values)) in enumerate(zip(moments.tolist(), rows, strict=True)):
        try:
            current, done = add(current, values, moment, 7 * i, BIN)
            closed += [done] if done else []
        except (LateReadingError, ClockJumpError) as error:
            refused[i] = repr(error)
    cuts = sorted({0, len(rows), *data.draw(st.lists(st.integers(0, len(rows)), max_size=3))})
    opened, bins, wrong = None, [], {}
    table = np.array([[np.nan if v is None else v for v in values] for _, values in rows])
    for low, high in pairwise(cuts):
        part = Columns(moments[low:high], table[low:high], 7 * np.arange(low, high))
        with patch.object(binning, "FEW", data.draw(st.sampled_from([0, FEW]))):
            opened, more, errors = fold(opened, part, BIN)
        bins.append(more)
        wrong |= {low + i: repr(error) for i, error in errors.items()}
    assert repr(opened) == repr(current)
    assert repr([tuple(map(tuple, b.summary)) for b in closed]) == repr(
        [(tuple(int(n) for n in count), *map(tuple, rest)) for part in bins for count, *rest in part.summaries.tolist()]
    )
    told = [part_of for part in bins for part_of in zip(*(part._replace(summaries=part.numbers)), strict=True)]
    assert told == [(b.number, b.number, b.first_offset, b.last_offset, b.closed_at) for b in closed]
    assert wrong == refused
