import logging
from io import StringIO
from types import SimpleNamespace

import pytest
from rich.console import Console

from mongo_sink import progress as module
from mongo_sink.progress import RateColumn, progress


@pytest.fixture
def clock(monkeypatch):
    at = SimpleNamespace(now=100.0)
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: at.now))
    return at


@pytest.fixture
def console(monkeypatch):
    def on(terminal):
        made = Console(file=StringIO(), force_terminal=terminal, width=120)
        monkeypatch.setattr(module, "Console", lambda stderr: made)
        return made.file

    return on


def lines(caplog):
    return [record.getMessage() for record in caplog.records]


def test_without_a_terminal_a_line_says_rate_and_time_left(clock, console, caplog):
    caplog.set_level(logging.INFO, module.__name__)
    written = console(False)
    with progress("replay", 1000) as advance:
        clock.now += 2
        advance("readings-0", 100)
        assert lines(caplog) == []  # so soon there is nothing to say
        clock.now += 3
        advance("readings-0", 150)
        assert lines(caplog) == ["replay readings-0 250 of 1000, 50/s, 15 s left"]
        clock.now += 4.9
        advance("models-0", 1)
        assert len(lines(caplog)) == 1
        clock.now += 0.1
        advance("models-0", 249)
        assert lines(caplog)[1:] == ["replay models-0 500 of 1000, 50/s, 10 s left"]
        advance("models-0", 500)  # all of it: however soon that is
        assert lines(caplog)[2:] == ["replay models-0 1000 of 1000, 100/s, 0 s left"]
    assert written.getvalue() == ""


def test_in_no_time_at_all_it_does_not_divide_by_it(clock, console, caplog):
    caplog.set_level(logging.INFO, module.__name__)
    console(False)
    with progress("verify", 3) as advance:
        advance("models-0", 3)
    (line,) = lines(caplog)
    assert line.startswith("verify models-0 3 of 3, ")
    assert line.endswith(", 0 s left")


def test_a_terminal_gets_a_bar(console, caplog):
    caplog.set_level(logging.INFO, module.__name__)
    written = console(True)
    with progress("replay", 8) as advance:
        advance("readings-0", 3)
        advance("models-0", 5)
    last = written.getvalue().rpartition("replay models-0")[2]
    assert "8/8" in last
    assert "/s" in last
    assert "0:00:00" in last  # left
    assert lines(caplog) == []


@pytest.mark.parametrize(
    ("finished", "now", "told"), [(None, None, "0/s"), (None, 1234.5, "1,234/s"), (20000.0, 7.0, "20,000/s")]
)
def test_the_bars_rate_is_of_now_and_in_the_end_of_all(finished, now, told):
    assert RateColumn().render(SimpleNamespace(finished_speed=finished, speed=now)).plain == told
