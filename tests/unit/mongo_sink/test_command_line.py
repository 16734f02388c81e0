from threading import Event as Signal

import pytest
from click.testing import CliRunner
from confluent_kafka import KafkaError, KafkaException
from pymongo.errors import OperationFailure

from mongo_sink import __main__ as command_line
from mongo_sink.comparison import Compared
from mongo_sink.digest import Digest
from mongo_sink.preparing import PreparationError
from mongo_sink.redrive import Outcome
from schemas.events import DeadLetter

SERVERS = ("--bootstrap", "b", "--registry", "r", "--mongo", "mongodb://m", "--database", "d", "--models", "m")
LETTERS = [
    DeadLetter(f"mongo_sink/{topic}/0/{offset}", "mongo_sink", topic, 0, offset, b"k", 0, "E", "m", b"")
    for topic, offset in (("iot_stream", 1), ("iot_stream", 2), ("predictions", 3))
]
REFUSED = {"mongo_sink/iot_stream/0/2": "DocumentRefusedError: 11000"}


@pytest.fixture
def run(monkeypatch):
    """``redrive`` with these arguments, where there are ``LETTERS`` on the log, or ``broken`` ends it behind them."""

    def ran(*arguments, broken=None):
        def redrive(connectors, bootstrap, registry, stopping, wanted):
            for letter in filter(wanted, LETTERS):
                yield Outcome(letter.letter_id, "readings", REFUSED.get(letter.letter_id))
            if broken:
                raise broken

        monkeypatch.setattr(command_line, "redrive_letters", redrive)
        monkeypatch.setattr(command_line, "_stopping", Signal)
        return CliRunner().invoke(command_line.redrive, [*SERVERS, *arguments])

    return ran


def test_what_a_view_takes_is_not_said_to_be_written(run):
    done = run("--topic", "predictions")
    assert done.output.splitlines() == ["mongo_sink/predictions/0/3 readings: accepted", "1 accepted, 0 refused again"]
    assert done.exit_code == 0


def test_what_is_refused_again_is_said_and_counts(run):
    done = run()
    assert "mongo_sink/iot_stream/0/2 readings: DocumentRefusedError: 11000" in done.output.splitlines()
    assert (done.output.splitlines()[-1], done.exit_code) == ("2 accepted, 1 refused again", 1)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--letter", "mongo_sink/x"), "Error: 'mongo_sink/x' is no letter of the sink whose record a connector reads"),
        (
            ("--letter", "mongo_sink/iot_stream/0/1", "--topic", "predictions"),
            "Error: 'mongo_sink/iot_stream/0/1' is no letter of the sink of predictions whose record a connector reads",
        ),
        (("--topic", "iot_steam"), "Error: Invalid value for '--topic': 'iot_steam' is not one of 'iot_stream'"),
    ],
)
def test_a_letter_or_topic_that_is_none_is_an_error(run, arguments, sentence):
    done = run(*arguments)
    assert done.output.splitlines()[-1].startswith(sentence)
    assert done.exit_code != 0


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (PreparationError("no time series here"), "Error: no time series here"),
        (KafkaException("iot_stream/0/1 does not come"), "Error: Kafka: iot_stream/0/1 does not come"),
        (KafkaException(KafkaError(KafkaError._TRANSPORT)), "Error: Kafka: Local: Broker transport failure"),
        (OperationFailure("not you"), "Error: MongoDB: not you"),
    ],
)
def test_what_ends_it_is_a_sentence(run, error, sentence):
    done = run("--topic", "predictions", broken=error)
    assert done.output.splitlines() == ["mongo_sink/predictions/0/3 readings: accepted", sentence]
    assert (done.exit_code, type(done.exception)) == (1, SystemExit)


def test_a_verification_tells_what_differs_from_what_is_ahead(monkeypatch):
    found = [
        Compared("a", Digest(3, "abc"), None, []),
        Compared("b", Digest(4, "abd"), None, ["x", "y"]),
        Compared("c", Digest(5, "abe"), "z", ["x"]),
    ]

    def verified(count):
        monkeypatch.setattr(command_line, "verify_views", lambda *_: found[:count])
        monkeypatch.setattr(command_line, "_stopping", Signal)
        return CliRunner().invoke(command_line.verify, SERVERS)

    why = "the sink was ended before it noted them, and writes them again when it starts"
    assert verified(2).output.splitlines() == [
        "a 3 abc equal",
        f"b 4 abd equal; 2 ahead of the view's positions, x the first: {why}",
    ]
    assert verified(2).exit_code == 0
    last = verified(3).output.splitlines()[-1]
    assert last == f"c 5 abe differs from a replay at z; 1 ahead of the view's positions, x the first: {why}"
    assert verified(3).exit_code == 1
