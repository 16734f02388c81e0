"""Records of a device as columns: what Spark read, what only the codec could, and letters for the rest."""

import numpy as np
import pandas as pd

from forecaster.bins import LateReadingError
from schemas.codec import Codec, InvalidEventError
from schemas.events import SENSORS, Reading
from spark_analytics.readings import readings, refusals


class KnowingCodec(Codec):
    """Reads what it was told of, as the registry's would what Spark cannot."""

    def __init__(self, known: dict[bytes, Reading]) -> None:
        self.known = known

    def decode(self, topic, value, key=None):
        if value in self.known:
            return self.known[value]
        raise InvalidEventError(f"{topic} {value!r} {key!r}")


def row(offset: int, value: bytes | None, sound: bool = True, warm: float | None = 20.0) -> dict:
    said = {"device_id": "mote-01", "event_time": 1000 * offset, "dataset": "test", "temperature": warm}
    said |= {"humidity": 40.0, "light": None, "voltage": 2.6}
    if not sound:
        said = dict.fromkeys(said)
    return {"key": b"mote-01", "value": value, "partition": 2, "offset": offset, "timestamp": 7, **said, "sound": sound}


def test_readings_come_in_the_order_of_the_log_whoever_could_read_them():
    late = Reading("mote-01", 2000, None, 21.0, None, 5.0, None, "other")
    rows = pd.DataFrame([row(3, b"c"), row(1, b"a", warm=None), row(2, b"b", sound=False), row(4, b"bad", sound=False)])
    taken, letters = readings(KnowingCodec({b"b": late}), rows)
    assert taken is not None
    assert taken.columns.offsets.tolist() == [1, 2, 3]
    assert taken.columns.event_times.tolist() == [1000, 2000, 3000]
    wanted = [[np.nan, 40, np.nan, 2.6], [21, np.nan, 5, np.nan], [20, 40, np.nan, 2.6]]
    np.testing.assert_array_equal(taken.columns.values, wanted)
    assert (taken.device_id, taken.dataset, taken.partition) == ("mote-01", "test", 2)
    assert [(letter.original, letter.origin_offset, letter.error_class) for letter in letters] == [
        (b"bad", 4, "InvalidEventError")
    ]


def test_a_key_without_any_reading_gives_letters_only():
    taken, letters = readings(KnowingCodec({}), pd.DataFrame([row(1, None, sound=False)]))
    assert taken is None
    assert [(letter.original, letter.letter_id) for letter in letters] == [(b"", "spark_analytics/iot_stream/2/1")]


def test_what_is_refused_goes_to_a_letter_with_the_original():
    taken, _ = readings(KnowingCodec({}), pd.DataFrame([row(1, b"a"), row(2, b"b")]))
    assert taken is not None
    (letter,) = refusals(taken, {1: LateReadingError("late")})
    assert (letter.original, letter.origin_offset, letter.error_message) == (b"b", 2, "late")
    assert len(SENSORS) == taken.columns.values.shape[1]
