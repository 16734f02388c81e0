"""`make up` says which data set is played, and loudly if it is made up."""

import io
from types import SimpleNamespace

import pytest
from rich.console import Console

from infra import lifecycle, played
from infra.settings import Settings
from schemas.codec import NotAvroError


@pytest.fixture
def log(monkeypatch):
    """A log whose records' values are data sets' names; what begins with a question mark is no event."""
    values = []

    class Codec:
        def __init__(self, registry):
            pass

        def decode(self, topic, value):
            if value.startswith("?"):
                raise NotAvroError(value)
            return SimpleNamespace(dataset=value)

    monkeypatch.setattr(played, "Codec", Codec)
    monkeypatch.setattr(
        played, "read", lambda *_, **__: iter([SimpleNamespace(value=lambda value=value: value) for value in values])
    )
    return values


@pytest.fixture
def printed(monkeypatch):
    out = io.StringIO()
    console = Console(file=out, width=60, force_terminal=True, color_system="standard")
    monkeypatch.setattr(lifecycle, "console", console)
    monkeypatch.setattr(lifecycle, "say", lambda _: None)
    return out


YELLOW = "\x1b[1;33m"


def test_the_log_says_what_is_played_whatever_else_is_on_it(log, tmp_path):
    assert played.dataset(Settings(home=tmp_path)) is None
    log += ["?rubbish", "intel_lab", "later"]
    assert played.dataset(Settings(home=tmp_path)) == "intel_lab"


@pytest.mark.parametrize(
    ("data", "on_log", "words"),
    [
        ("", ["synthetic-seed7"], ["NOT MEASUREMENTS", "synthetic-seed7", "could not be had"]),
        ("synthetic", ["synthetic-seed7"], ["NOT MEASUREMENTS", "synthetic-seed7"]),
        ("synthetic", [], ["NOT MEASUREMENTS"]),
    ],
)
def test_synthetic_data_is_loud(log, printed, tmp_path, data, on_log, words):
    log += on_log
    lifecycle._where(Settings(home=tmp_path, data=data, without="superset"))
    assert YELLOW in printed.getvalue()
    assert all(word in printed.getvalue() for word in words)
    assert ("could not be had" in printed.getvalue()) == (not data)


@pytest.mark.parametrize(
    ("data", "on_log", "words"),
    [
        ("", ["intel_lab"], "intel_lab, the published file"),
        ("/some/file.gz", ["roofs"], "roofs, /some/file.gz"),
        ("", [], "no reading is on the log yet"),
    ],
)
def test_other_data_is_named(log, printed, tmp_path, data, on_log, words):
    log += on_log
    lifecycle._where(Settings(home=tmp_path, data=data, without="superset"))
    assert words in printed.getvalue()
    assert YELLOW not in printed.getvalue()


def test_without_a_producer_nothing_is_said_of_data(log, printed, tmp_path):
    lifecycle._where(Settings(home=tmp_path, without="producer"))
    assert printed.getvalue() == ""
