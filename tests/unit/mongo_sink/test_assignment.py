"""Where a task begins to read, by its view and the log."""

from threading import Event as Signal
from types import SimpleNamespace

import pytest
from confluent_kafka import OFFSET_BEGINNING, KafkaException, TopicPartition

from mongo_sink import positions
from mongo_sink.assignment import AheadOfLogError, Assignment
from mongo_sink.config import ConfigError
from mongo_sink.task import StoppedWaitingError
from mongo_sink.whose_log import OtherLogError

END = 40


class Kafka:
    """Of a consumer, what is asked before it reads: each partition ends at ``END``."""

    def __init__(self, cluster="this", topics=(), away=None):
        self.cluster, self.topics, self.away = cluster, topics, away

    def list_topics(self, timeout):
        if self.away:
            self.away.set()
            raise KafkaException("no broker")
        return SimpleNamespace(cluster_id=self.cluster, topics=self.topics)

    def get_watermark_offsets(self, place, timeout):
        return 0, END


def assignment(folder, kafka, stopping=None, **more):
    told = {"name": "files", "connector.class": "ModelFileSinkConnector", "topics": "local_updates"}
    told |= {"models.directory": str(folder)} | {name.replace("_", "."): value for name, value in more.items()}
    return Assignment(told, kafka, stopping or Signal())


def begin(found, held):
    """Where partitions 0 and 1 begin, of a view that holds some."""
    places = [TopicPartition("local_updates", partition) for partition in range(2)]
    asked = []
    task = SimpleNamespace(open=lambda places: asked.append(places) or held)
    assert found.begin(task, places) == held
    assert asked == [[("local_updates", 0), ("local_updates", 1)]]
    return [place.offset for place in places]


def test_it_begins_where_the_view_says_and_else_at_the_beginning(tmp_path):
    found = assignment(tmp_path, Kafka())
    assert begin(found, {("local_updates", 1): END}) == [OFFSET_BEGINNING, END]
    assert positions.read_log(tmp_path) == "this"


def test_a_view_that_holds_more_than_the_log_has_is_another_logs(tmp_path):
    with pytest.raises(
        AheadOfLogError, match=r"files: the view holds local_updates/0 up to 41, and the log ends at 40"
    ):
        begin(assignment(tmp_path, Kafka()), {("local_updates", 0): END + 1})


def test_a_view_that_says_that_it_is_another_logs_is_refused_before_it_is_asked(tmp_path):
    assignment(tmp_path, Kafka("another")).claim()
    with pytest.raises(OtherLogError, match="Kafka cluster another, and this one is that of this"):
        assignment(tmp_path, Kafka()).begin(SimpleNamespace(), [])


def test_a_topic_of_letters_that_is_not_there_is_named(tmp_path):
    queue = {"errors_deadletterqueue_topic_name": "letters", "errors_tolerance": "all"}
    with pytest.raises(ConfigError, match="'letters', and there is no such topic"):
        assignment(tmp_path, Kafka(), **queue).begin(SimpleNamespace(), [])
    assert begin(assignment(tmp_path, Kafka(topics=("letters",)), **queue), {}) == [OFFSET_BEGINNING] * 2


def test_told_to_stop_while_kafka_is_away_it_stops(tmp_path):
    stopping = Signal()
    with pytest.raises(StoppedWaitingError, match="Kafka"):
        assignment(tmp_path, Kafka(away=stopping), stopping).claim()
