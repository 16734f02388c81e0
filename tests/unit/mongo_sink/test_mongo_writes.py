"""What becomes of a batch that MongoDB takes in part. The collection is a stand-in that answers as it is told."""

from threading import Event as Signal

import pytest
from bson import CodecOptions, Int64, decode, encode
from pymongo import DeleteOne, InsertOne, ReplaceOne, UpdateOne
from pymongo.errors import AutoReconnect, BulkWriteError, DocumentTooLarge

from mongo_sink.config import MongoConfig
from mongo_sink.conversion import Conversion
from mongo_sink.documents import date
from mongo_sink.mongo_task import MongoSinkTask
from mongo_sink.task import SinkTaskContext, StoppedWaitingError
from mongo_sink.topic_writer import TopicWriter
from mongo_sink.waiting import waiting
from mongo_sink.write_models import Complete, Delete, Insert, Replace, Update
from mongo_sink.writes import MAX_BSON, TRANSIENT, ServerNotReadyError, write
from tests.unit.mongo_sink.sink_events import NOON, prediction, reading, record, row, tombstone, update


class Collection:
    """Records what it is sent; raises the prepared errors, one a call."""

    def __init__(self, *errors, held=()):
        self.errors, self.held, self.sent = list(errors), held, []

    def find(self, query, projection):
        return [row for row in self.held if row["_id"] in query["_id"]["$in"]]

    def insert_many(self, documents, ordered):
        self.bulk_write([InsertOne(document) for document in documents], ordered)

    def bulk_write(self, models, ordered):
        assert ordered is False
        self.sent.append(models)
        if self.errors and (error := self.errors.pop(0)):
            raise error


def bulk(*codes, concern=(), **more):
    rows = [{"index": index, "code": code, "errmsg": f"E{code}"} | more for index, code in enumerate(codes) if code]
    return BulkWriteError({"writeErrors": rows, "writeConcernErrors": list(concern)})


def inserts(count):
    return [Insert(row(reading(), f"id-{offset}", offset)) for offset in range(count)]


def greater(event, id_):
    made = row(event, id_)
    return Replace(made, {"_id": id_, "sequence": {"$lt": event.sequence}}, made.document, unless_better=True)


def replace(event, id_):
    made = row(event, id_)
    return Replace(made, {"_id": id_}, made.document)


def test_what_is_there_already_is_done():
    assert write(Collection(bulk(11000, 11000)), inserts(2)) == []
    assert write(Collection(bulk(11000)), [greater(update(1), "a")]) == []


def test_a_refused_document_is_named_by_its_place_on_the_log():
    ((refused, error),) = write(Collection(bulk(11000, 121, 0)), inserts(3))
    assert (refused.row.position, str(error)) == (("iot_stream", 0, 1), "121: E121")


@pytest.mark.parametrize("error", [bulk(91), bulk(11000, 14031), bulk(concern=[{"code": 64, "errmsg": "timeout"}])])
def test_errors_of_the_server_pass_and_blame_no_document(error):
    with pytest.raises(ServerNotReadyError):
        write(Collection(error), inserts(2))


@pytest.mark.parametrize(
    "told",
    [
        {"keyPattern": {"device_id": 1}},
        {"errmsg": "E11000 duplicate key error collection: x.a index: device_id_1 dup key: { device_id: 1 }"},
    ],
)
def test_a_duplicate_in_another_unique_index_is_a_refusal_and_not_a_document_that_is_there(told):
    for each in (inserts(1)[0], replace(update(1), "a"), greater(update(1), "a")):
        assert [refused for refused, _ in write(Collection(bulk(11000, **told)), [each])] == [each]


@pytest.mark.parametrize("each", [replace(update(1), "a"), Update((row(update(1), "a"),), {"k.l": 1}, {}, {})])
def test_what_another_inserts_between_looking_and_writing_is_looked_for_again(each):
    pattern = dict.fromkeys(each.filter, 1)
    with pytest.raises(ServerNotReadyError, match="in between"):
        write(Collection(bulk(11000, keyPattern=pattern)), [each])


def test_what_the_driver_cannot_encode_is_named_and_nothing_else():
    good, nul, huge, large = (row(update(1), name, offset) for offset, name in enumerate("abcd"))
    nul.document["errors"] = [{"nul\0": 1}]
    huge.document["example_count"] = 2**70
    large.document["weights"] = bytes(MAX_BSON)
    for bad in (nul, huge, large):
        collection = Collection(None)
        collection.bulk_write = encoding(collection.bulk_write)
        refused = write(collection, [Insert(good), Insert(bad)])
        assert [each for each, _ in refused] == [Insert(bad)]
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
    made, there = row(reading(), "a"), tombstone("b")
    collection = Collection()
    updating = Update((made,), {"a.b": 1}, {"c": 2}, {"_insertedTS": 3})
    write(collection, [Insert(made), greater(update(7), "mote-07"), updating, Delete(there, {"_id": "b"})])
    assert collection.sent == [
        [
            InsertOne(made.document),
            ReplaceOne({"_id": "mote-07", "sequence": {"$lt": 7}}, row(update(7), "mote-07").document, upsert=True),
            UpdateOne({"a.b": 1}, {"$set": {"c": 2}, "$setOnInsert": {"_insertedTS": 3}}, upsert=True),
            DeleteOne({"_id": "b"}),
        ]
    ]


def test_a_completion_is_inserted_replaces_or_is_passed_over_by_what_is_there():
    new = {name: row(prediction(name, scored=True), name) for name in ("absent", "open", "scored")}
    collection = Collection(held=[{"_id": "open", "actual": None}, {"_id": "scored", "actual": {"light": 1.0}}])
    write(collection, [Complete(each, "actual") for each in new.values()])
    replacement = ReplaceOne({"_id": "open"}, new["open"].document, upsert=True)
    assert collection.sent == [[InsertOne(new["absent"].document), replacement]]


def test_a_record_that_comes_late_does_not_go_back_behind_what_is_there():
    late = row(update(1), "a", 5)
    each = [
        Replace(late, {"_id": "a"}, late.document),
        Update((row(update(1), "a", 4), late), {"_id": "a"}, {"x": 1}, {}),
        Delete(tombstone("a", 5), {"_id": "a"}),
    ]
    place = {"topic": "local_updates", "partition": 0, "offset": 6}
    for held, sent in ((place, 0), (place | {"offset": 5}, 3), (place | {"partition": 1}, 3), (None, 3)):
        collection = Collection(held=[{"_id": "a"} | ({"_log": held} if held else {})])
        write(collection, each)
        assert [len(models) for models in collection.sent] == ([sent] if sent else [])


@pytest.mark.parametrize("id_", [{"of": {"a": Int64(7)}, "at": date(NOON)}, {"at": [date(NOON)]}, {"x": float("nan")}])
def test_an_id_of_several_fields_is_known_again_as_the_server_gives_it_back(id_):
    def held(**fields):
        return decode(encode({"_id": id_} | fields), CodecOptions(tz_aware=True))

    late = row(update(1), id_, 5)
    gone_by, scored = held(_log={"topic": "local_updates", "partition": 0, "offset": 6}), held(actual={"light": 1.0})
    for each, there in ((Replace(late, {"_id": id_}, late.document), gone_by), (Complete(late, "actual"), scored)):
        collection = Collection()
        collection.find = lambda query, projection, there=there: [there]
        write(collection, [each])
        assert collection.sent == []


def test_a_completion_that_meets_another_writer_is_tried_again():
    with pytest.raises(ServerNotReadyError, match="in between"):
        write(Collection(bulk(11000)), [Complete(row(prediction(scored=True), "a"), "actual")])


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


class Task(MongoSinkTask):
    """Takes records."""

    def put(self, records):
        super().put(self.converted(records))


def task_on(collection, reported, **changes):
    """A task on ``collection``, without a server."""
    context = SinkTaskContext(lambda origin, value, error: reported.append(origin.offset), Signal())
    task = Task(context)
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
    kept = {key: value for key, value in (properties | changes).items() if value is not None}
    own = MongoConfig.of(kept).by_topic["local_updates"]
    patiently = waiting("MongoDB", TRANSIENT, context.stopping)
    writer = TopicWriter({"local_updates": collection}, "local_updates", own, context, patiently)
    writer._prepared = True
    task._writers, task._conversions = {"local_updates": writer}, {"local_updates": Conversion(own)}
    return task


UPDATES = {
    "writemodel.strategy": "UpdateOneTimestampsStrategy",
    "writemodel.strategy.value.field": None,
    "document.id.strategy": "FullKeyStrategy",
    "document.id.strategy.value.field": None,
}


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


def test_of_updates_that_were_merged_the_one_that_is_refused_is_found(reported):
    collection = Collection(bulk(121), None, bulk(121), None)
    task_on(collection, reported, **UPDATES).put([record(update(each), each) for each in (1, 2, 3)])
    assert reported == [2]
    sent = [[model._doc["$set"]["sequence"] for model in models] for models in collection.sent]
    assert sent == [[3], [1], [2], [3]]


def test_a_tombstone_is_no_hiding_place_for_what_is_refused_after_it(reported):
    collection = Collection(bulk(121), None, None, None, bulk(121))
    gone = record(update(9), 2)._replace(fields=None)
    rows = [record(update(1), 1), gone, record(update(3), 3), record(update(4), 4)]
    task_on(collection, reported, **UPDATES, **{"delete.on.null.values": True}).put(rows)
    assert reported == [4]
    assert [type(models[0]) for models in collection.sent] == [ReplaceOne, UpdateOne, DeleteOne, UpdateOne, UpdateOne]


def test_a_record_that_makes_no_document_is_reported_and_the_others_are_written(reported):
    collection = Collection()
    keyless = record(update(1), 5)
    task_on(collection, reported, **UPDATES).put(
        [keyless._replace(origin=keyless.origin._replace(key=None)), record(update(2), 6)]
    )
    assert reported == [5]
    assert len(collection.sent[0]) == 1


def test_a_topics_batches_are_no_larger_than_told(reported):
    collection = Collection()
    changes = {"writemodel.strategy": "InsertOneDefaultStrategy", "writemodel.strategy.value.field": None}
    own = {"document.id.strategy": "KafkaMetaDataStrategy", "document.id.strategy.value.field": None}
    task_on(collection, reported, **changes, **own, **{"topic.override.local_updates.max.batch.size": "2"}).put(
        [record(update(each), each) for each in range(5)]
    )
    assert [len(models) for models in collection.sent] == [2, 2, 1]


def test_where_the_chain_takes_an_inserted_documents_id_it_has_one_that_no_redelivery_doubles(reported):
    properties = {
        "writemodel.strategy": "InsertOneDefaultStrategy",
        "writemodel.strategy.value.field": None,
        "post.processor.chain": "DocumentIdAdder,BlockListValueProjector",
        "value.projection.type": "BlockList",
        "value.projection.list": "_id",
    }
    collection = Collection()
    for _ in range(2):
        task_on(collection, reported, **properties).put([record(update(1), 1)])
    (first,), (second,) = collection.sent
    assert first._doc["_id"] == second._doc["_id"]
    assert next(iter(first._doc)) == "_id"
