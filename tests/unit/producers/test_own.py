import json
from pathlib import Path

import pytest

from producers.cleaning import Verdict
from producers.dataset import DataError, letter, reading, report
from producers.outgoing import Partitions, outgoing
from producers.own import prepare
from producers.replay import stretches
from producers.resume import Resumption
from schemas.events import DeadLetter, Reading

OCCUPANCY = Path(__file__).parents[3] / "docs" / "occupancy.py"
PUBLISHED = """\
"date","Temperature","Humidity","Light","CO2","HumidityRatio","Occupancy"
"1","2015-02-04 17:51:00",23.18,27.272,426,721.25,0.00479298817650529,1
"2","2015-02-04 17:51:59",23.15,27.2675,429.5,714,0.00478344094931065,1
"3","2015-02-04 17:53:00",23.15,27.245,426,713.5,0.00477946352442199,1
"""
"""The first lines of its training file."""
HEAD = "from producers.readers import Measured, Unreadable\nNAME = 'own'\n"


@pytest.fixture
def own(tmp_path):
    """Prepares what a reader's body yields."""

    def prepared(body, head=HEAD):
        (tmp_path / "data").write_text("something")
        (tmp_path / "reader.py").write_text(f"{head}def readings(path):\n    {body}\n")
        return prepare(tmp_path / "data", tmp_path / "reader.py", tmp_path / "cache")

    return prepared


def events(data):
    (stretch,) = stretches(data.timeline, 0, 10_000, laps=1)
    return [o.event for o in outgoing(data, stretch, Resumption(0, 0, (-1,) * 4), (), Partitions(4, 4))]


def test_the_public_file_is_read_by_the_reader_that_the_page_shows(tmp_path):
    (tmp_path / "datatraining.txt").write_text(PUBLISHED + '"4","2015-02-04 17:54:00",23.15,,426,713.5,0.004,1\n')
    data = prepare(tmp_path / "datatraining.txt", OCCUPANCY, tmp_path / "cache")
    first, second, third, refused = events(data)
    moment = 1_423_072_260_000  # 2015-02-04T17:51:00Z, by date -u -d
    assert first == Reading("office", moment, None, 23.18, 27.272, 426.0, None, "occupancy", 0, 0)
    assert (second.event_time - moment, third.event_time - moment) == (59_000, 120_000)
    assert second.light == 429.5
    assert isinstance(refused, DeadLetter)
    assert refused.original == b"4,2015-02-04 17:54:00,23.15,,426,713.5,0.004,1"
    assert refused.error_message.startswith("malformed row: the reader cannot read it:")
    assert "4 rows of 1 devices" in report(data)


def test_devices_keep_their_names_and_rows_come_in_the_order_of_time(own):
    data = own(
        "yield Measured('roof/α', 1_423_072_320_000, 4.5); yield Measured('cellar', 1_423_072_260_000, voltage=2.9)"
    )
    cellar, roof = events(data)
    assert (cellar.device_id, cellar.voltage, cellar.temperature) == ("cellar", 2.9, None)
    assert (roof.device_id, roof.temperature, roof.position) == ("roof/α", 4.5, 1)


def test_what_is_out_of_the_readers_ranges_is_a_dead_letter_and_nothing_else_is(own):
    head = HEAD + "RANGES = {'temperature': (-40, 20)}\n"
    data = own(
        "yield Measured('a', 1_423_072_260_000, 21.0, 400.0); yield Measured('a', 1_423_072_261_000, 20, 400)", head
    )
    refused, kept = events(data)
    assert refused.error_message == "temperature out of range: 21 is not in -40..20"
    assert json.loads(refused.original)["temperature"] == 21.0
    assert (kept.temperature, kept.humidity) == (20.0, 400.0)


@pytest.mark.parametrize(
    "item",
    [
        "Measured('a', 7, 20.0)",  # 1970
        "Measured('a', 1_423_072_260.5, 20.0)",
        "Measured('', 1_423_072_260_000, 20.0)",
        "Measured('a', 1_423_072_260_000, float('inf'))",
        "Unreadable('rubbish')",
    ],
)
def test_what_cannot_be_an_event_is_a_dead_letter_at_the_time_of_the_row_before(own, item):
    data = own(
        f"yield Measured('a', 1_423_072_260_000, 20.0); yield {item}; yield Measured('a', 1_423_072_261_000, 1.0)"
    )
    assert data.rows["verdict"].tolist() == [Verdict.ACCEPTED, Verdict.MALFORMED_ROW, Verdict.ACCEPTED]
    assert letter(data, 1).origin_timestamp == 1_423_072_260_000


def test_what_comes_twice_in_an_epoch_is_a_duplicate(own):
    data = own("for _ in range(2): yield Measured('a', 1_423_072_260_000, 20.0, epoch=3)")
    assert data.rows["verdict"].tolist() == [Verdict.ACCEPTED, Verdict.DUPLICATE_EPOCH]
    assert reading(data, data.rows[0].tolist(), 0, 0, 0).epoch == 3


def test_another_reader_reads_the_same_file_anew(own):
    first = own("yield Measured('a', 1_423_072_260_000, 20.0)")
    second = own("yield Measured('a', 1_423_072_260_000, 21.0)")
    assert [data.rows["temperature"][0] for data in (first, second)] == [20.0, 21.0]


@pytest.mark.parametrize(
    ("body", "head", "words"),
    [
        ("yield 7", HEAD, "fails at row 0 of .*: TypeError: int is neither Measured nor Unreadable"),
        ("yield Measured('a', 1_423_072_260_000); 1 / 0", HEAD, "fails at row 1 of .*: ZeroDivisionError"),
        ("return []", HEAD, "the reader yields nothing"),
        ("yield Unreadable('x')", HEAD, "holds no row that .* reads as a measurement"),
        ("yield 7", "", "is no reader: it has to define NAME"),
        ("yield 7", HEAD + "RANGES = {'pressure': (0, 1)}\n", "RANGES names pressure, which is no sensor"),
    ],
)
def test_what_is_wrong_with_a_reader_is_said(own, body, head, words):
    with pytest.raises(DataError, match=words):
        own(body, head)


def test_a_file_that_is_not_there_is_said_to_be(tmp_path):
    with pytest.raises(DataError, match="does not exist"):
        prepare(tmp_path / "none", OCCUPANCY, tmp_path)
    with pytest.raises(DataError, match="cannot be read"):
        prepare(OCCUPANCY, tmp_path / "none.py", tmp_path)


def test_the_page_shows_the_reader_as_it_is():
    page = (OCCUPANCY.parent / "own-data.md").read_text()
    shown = page.partition("```python\n")[2].partition("```")[0]
    assert shown.strip() in OCCUPANCY.read_text()
