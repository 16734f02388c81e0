from threading import Event as Signal

import pytest
from click.testing import CliRunner
from confluent_kafka import KafkaError, KafkaException
from pymongo.errors import OperationFailure

from mongo_sink import __main__ as command_line
from mongo_sink.preparing import PreparationError
from mongo_sink.redrive import Outcome
from schemas.events import DeadLetter

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
        servers = ("--bootstrap", "b", "--registry", "r", "--mongo", "mongodb://m", "--database", "d", "--models", "m")
        return CliRunner().invoke(command_line.redrive, [*servers, *arguments])

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
