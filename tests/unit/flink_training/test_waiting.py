import math

from hypothesis import given
from hypothesis import strategies as st

from flink_training.waiting import newest, released
from tests.unit.flink_training.test_packing import laid_out


def batch(*timestamps):
    return laid_out([(0, at, at, (1.0,) * 4, 1, b"mote-04", b"") for at in timestamps])


def test_a_batch_waits_for_the_latest_in_it():
    assert newest(batch(5, 9, 7)) == 9
    assert released([batch(5, 9, 7)], 8) == 0
    assert released([batch(5, 9, 7)], 9) == 1


def test_what_is_no_reading_waits_for_nothing_whatever_its_timestamp_says():
    def rubbish(timestamp):
        return laid_out([(0, timestamp, 0, (math.nan,) * 4, 0, b"mote-04", b"?")])

    assert newest(rubbish(2**60)) == 0
    assert released([rubbish(2**60)], 0) == 1
    assert released([batch(9), rubbish(2**60)], 8) == 0  # but for its turn


def test_late_records_alone_do_not_overtake_what_stands_before_them():
    waiting = [batch(100, 110), batch(40)]
    assert released(waiting, 40) == 0
    assert released(waiting, 109) == 0
    assert released(waiting, 110) == 2


@given(st.lists(st.integers(0, 30), min_size=1, max_size=12), st.lists(st.integers(0, 30), max_size=12))
def test_whenever_the_watermark_comes_by_they_go_in_the_order_in_which_they_came(moments, watermarks):
    waiting = [(n, batch(at)) for n, at in enumerate(moments)]
    gone = []
    for watermark in [*sorted(watermarks), 30]:
        count = released([packed for _, packed in waiting], watermark)
        assert all(newest(packed) <= watermark for _, packed in waiting[:count])
        gone += [n for n, _ in waiting[:count]]
        waiting = waiting[count:]
    assert gone == list(range(len(moments)))
