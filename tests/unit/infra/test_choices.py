"""What a system was started with is remembered with its data."""

import click
import pytest

from infra.choices import settled
from infra.settings import Settings


@pytest.fixture(autouse=True)
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("data.txt.gz", "own.csv", "own.py"):
        (tmp_path / name).touch()


def test_what_is_not_said_again_stays_as_it_was(tmp_path):
    data = tmp_path / "data.txt.gz"
    first = settled(Settings(home=tmp_path, data=str(data), speed="1200", laps=1))
    assert settled(Settings(home=tmp_path)) == first
    assert settled(Settings(home=tmp_path, speed="60")).speed == "60"
    assert settled(Settings(home=tmp_path)).speed == "60"
    assert settled(Settings(home=tmp_path)).data == str(data)


def test_the_defaults_hold_where_nothing_was_ever_said(tmp_path):
    settings = settled(Settings(home=tmp_path))
    assert (settings.data, settings.speed, settings.laps) == ("", "120", 0)


def test_a_file_is_remembered_by_its_whole_path(tmp_path):
    assert settled(Settings(home=tmp_path / "home", data="data.txt.gz")).data == str(tmp_path / "data.txt.gz")
    assert settled(Settings(home=tmp_path / "home")).data == str(tmp_path / "data.txt.gz")


def test_other_data_is_not_read_by_the_reader_of_what_was_there_before(tmp_path):
    settled(Settings(home=tmp_path / "home", data="own.csv", reader="own.py"))
    again = settled(Settings(home=tmp_path / "home"))
    assert (again.data, again.reader) == (str(tmp_path / "own.csv"), str(tmp_path / "own.py"))
    assert settled(Settings(home=tmp_path / "home", data="synthetic")).reader == ""


def test_synthetic_is_no_file(tmp_path):
    assert settled(Settings(home=tmp_path, data="synthetic")).data == "synthetic"


def test_two_systems_remember_apart(tmp_path):
    settled(Settings(home=tmp_path / "one", speed="1"))
    assert settled(Settings(home=tmp_path / "two")).speed == "120"


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"data": "nowhere.gz"}, "DATA=.*/nowhere.gz is not there"),
        ({"data": "."}, "DATA=.* is not there"),
        ({"data": "own.csv", "reader": "nowhere.py"}, "READER=.*/nowhere.py is not there"),
        ({"speed": "fast"}, "SPEED=fast is neither"),
        ({"speed": "0"}, "SPEED=0 is neither"),
        ({"learner": "width=48"}, "FEDLOG_LEARNER=width=48 is of a retraining only.*LEARNER=width=48"),
    ],
    ids=str,
)
def test_what_cannot_be_is_said_and_not_remembered(tmp_path, wrong, words):
    home = tmp_path / "home"
    with pytest.raises(click.ClickException, match=words):
        settled(Settings(home=home, **wrong))
    assert settled(Settings(home=home)).data == ""
    before = settled(Settings(home=home, data="data.txt.gz", speed="max"))
    with pytest.raises(click.ClickException, match=words):
        settled(Settings(home=home, **wrong))
    assert settled(Settings(home=home)) == before


def test_a_reader_may_read_a_folder(tmp_path):
    assert settled(Settings(home=tmp_path / "home", data=".", reader="own.py")).data == str(tmp_path)


def test_a_file_that_has_gone_is_said_to_be_what_was_named_earlier(tmp_path):
    settled(Settings(home=tmp_path / "home", data="data.txt.gz"))
    (tmp_path / "data.txt.gz").unlink()
    with pytest.raises(click.ClickException, match="which an earlier `make up` named, is not there"):
        settled(Settings(home=tmp_path / "home"))
    assert settled(Settings(home=tmp_path / "home", data="synthetic")).data == "synthetic"
