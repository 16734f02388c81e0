"""What becomes of a batch that MongoDB takes in part. The collection is a stand-in that answers as it is told."""

from threading import Event as Signal

import pytest
from bson import encode
from pymongo import InsertOne, ReplaceOne
from pymongo.errors import AutoReconnect, BulkWriteError, DocumentTooLarge

from mongo_sink.config import MongoConfig
from mongo_sink.mongo_task import MongoSinkTask
from mongo_sink.task import SinkTaskContext, StoppedWaitingError
from mongo_sink.waiting import waiting
from mongo_sink.write_models import Complete, Insert, Replace
from mongo_sink.writes import MAX_BSON, TRANSIENT, ServerNotReadyError, write
from tests.unit.mongo_sink.sink_events import document, prediction, reading, record, update


class Collection:
    """Records what it is sent; raises the prepared errors, one a call."""

    def __init__(self, *errors, held=()):
        self.errors, self.held, self.sent = list(errors), held, []

    def find(self, query, projection):
        return [row for row in self.held if row["_id"] in query["_id"]["$in"]]

    def bulk_write(self, models, ordered):
        assert ordered is False
        self.sent.append(models)
        if self.errors and (error := self.errors.pop(0)):
            raise error


def bulk(*codes, concern=()):
    rows = [{"index": index, "code": code, "errmsg": f"E{code}"} for index, code in enumerate(codes) if code]
    return BulkWriteError({"writeErrors": rows, "writeConcernErrors": list(concern)})


def inserts(count):
    return [Insert(document(reading(), f"id-{offset}", offset)) for offset in range(count)]


def test_what_is_there_already_is_done():
    assert write(Collection(bulk(11000, 11000)), inserts(2)) == {}


def test_a_refused_document_is_named_by_its_place_on_the_log():
    refused = write(Collection(bulk(11000, 121, 0)), inserts(3))
    assert {place: str(error) for place, error in refused.items()} == {("iot_stream", 0, 1): "121: E121"}


@pytest.mark.parametrize("error", [bulk(91), bulk(11000, 14031), bulk(concern=[{"code": 64, "errmsg": "timeout"}])])
def test_errors_of_the_server_pass_and_blame_no_document(error):
    with pytest.raises(ServerNotReadyError):
        write(Collection(error), inserts(2))


def test_what_the_driver_cannot_encode_is_named_and_nothing_else():
    good, nul, huge, large = (document(update(1), name, offset) for offset, name in enumerate("abcd"))
    nul["errors"] = [{"nul\0": 1}]
    huge["example_count"] = 2**70
    large["weights"] = bytes(MAX_BSON)
    for bad in (nul, huge, large):
        collection = Collection(None)
        collection.bulk_write = encoding(collection.bulk_write)
        refused = write(collection, [Insert(good), Insert(bad)])
        assert list(refused) == [("local_updates", 0, bad["_log"]["offset"])]
        assert collection.sent == []


def encoding(bulk_write):
    """As pymongo does: the documents are encoded before anything is sent."""

    def call(models, ordered):
        for model in models:
            if len(encode(model._doc)) > MAX_BSON:
                raise DocumentTooLarge("too large")
        bulk_write(models, ordered)

    return call


def test_each_write_is_what_the_server_can_do_atomically():
    insert, replace = document(reading(), "a"), document(update(7), "mote-07")
    collection = Collection()
    write(collection, [Insert(insert), Replace(replace, {"sequence": {"$lt": 7}})])
    conditional = ReplaceOne({"_id": "mote-07", "sequence": {"$lt": 7}}, replace, upsert=True)
    assert collection.sent == [[InsertOne(insert), conditional]]


def test_a_completion_is_inserted_replaces_or_is_passed_over_by_what_is_there():
    new = {name: document(prediction(name, scored=True), name) for name in ("absent", "open", "scored")}
    collection = Collection(held=[{"_id": "open", "actual": None}, {"_id": "scored", "actual": {"light": 1.0}}])
    write(collection, [Complete(each, "actual") for each in new.values()])
    replacement = ReplaceOne({"_id": "open"}, new["open"], upsert=True)
    assert collection.sent == [[InsertOne(new["absent"]), replacement]]


def test_a_completion_that_meets_another_writer_is_tried_again():
    with pytest.raises(ServerNotReadyError, match="in between"):
        write(Collection(bulk(11000)), [Complete(document(prediction(scored=True), "a"), "actual")])


def test_waiting_ends_when_told_to_stop():
    stopping = Signal()
    collection = Collection(*[AutoReconnect("away")] * 100)

    def attempt():
        if len(collection.sent) == 2:
            stopping.set()
        write(collection, inserts(1))

    with pytest.raises(StoppedWaitingError, match="waiting for MongoDB"):
        waiting("MongoDB", TRANSIENT, stopping)(attempt)
    assert len(collection.sent) == 3


@pytest.fixture
def reported():
    return []


def task_on(collection, reported):
    """A task on ``collection``, without a server."""
    context = SinkTaskContext(lambda origin, value, error: reported.append(origin.offset), Signal())
    task = MongoSinkTask(context)
    properties = {
        "name": "models",
        "connector.class": "MongoSinkConnector",
        "topics": "local_updates",
        "connection.uri": "mongodb://127.0.0.1:9",
        "database": "test",
        "document.id.strategy": "ValueFieldStrategy",
        "document.id.strategy.value.field": "device_id",
        "writemodel.strategy": "ReplaceOneGreaterStrategy",
        "writemodel.strategy.value.field": "sequence",
    }
    task._config = MongoConfig.of(properties)
    task._database = {"local_updates": collection}
    task._patiently = waiting("MongoDB", TRANSIENT, context.stopping)
    return task


def test_a_refused_update_does_not_hide_the_one_before_it(reported):
    collection = Collection(bulk(121), None)
    task_on(collection, reported).put([record(update(1), 0), record(update(2), 1)])
    assert reported == [1]
    assert [[model._doc["sequence"] for model in models] for models in collection.sent] == [[2], [1]]


def test_mongodb_away_is_waited_for_and_logged(reported, caplog):
    collection = Collection(AutoReconnect("127.0.0.1:9: refused, Timeout: 3s, Topology: long"), None)
    task_on(collection, reported).put([record(update(1), 0)])
    assert len(collection.sent) == 2
    assert "waiting for MongoDB, attempt 1: AutoReconnect: 127.0.0.1:9: refused" in caplog.text
    assert "Topology" not in caplog.text
