from types import SimpleNamespace

import pytest
from confluent_kafka import KafkaException

from mongo_sink import positions, views
from mongo_sink.whose_log import OtherLogError, check, claim, log_of


@pytest.fixture
def files(tmp_path):
    plain = {"name": "files", "connector.class": "ModelFileSinkConnector", "topics": "local_updates"}
    return plain | {"models.directory": str(tmp_path)}


def test_a_view_is_of_the_log_that_it_was_first_of(files, tmp_path):
    positions.write(tmp_path, {("local_updates", 0): 7})
    assert not check(files, "one")  # it does not say yet
    claim(files, "one")
    claim(files, "one")
    assert check(files, "one")
    for refuse in (check, claim):
        with pytest.raises(OtherLogError, match="files: the view is of the log of Kafka cluster one, and this one is "):
            refuse(files, "two")
    assert positions.read(tmp_path) == {("local_updates", 0): 7}


def test_a_view_that_is_dropped_may_be_of_any_log(files):
    claim(files, "one")
    views.clear(files)
    claim(files, "two")
    assert check(files, "two")


def test_a_cluster_that_does_not_say_which_it_is_yet_is_none():
    def client(cluster_id):
        return SimpleNamespace(list_topics=lambda timeout: SimpleNamespace(cluster_id=cluster_id))

    assert log_of(client("abc")) == "abc"
    for nothing in (None, ""):
        with pytest.raises(KafkaException, match="does not say which cluster"):
            log_of(client(nothing))
