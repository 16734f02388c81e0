"""The task against every server at hand: each way to write, delivered again, ends in the same documents."""

from threading import Event as Signal
from uuid import uuid4

import pytest

from mongo_sink.documents import date
from mongo_sink.mongo_client import connect
from mongo_sink.mongo_task import MongoSinkTask
from mongo_sink.preparing import PreparationError
from mongo_sink.task import SinkTaskContext
from tests import mongo_servers
from tests.unit.mongo_sink.sink_events import NOON, prediction, reading, record, update

pytestmark = pytest.mark.integration
PARTIAL = {
    "document.id.strategy": "PartialValueStrategy",
    "document.id.strategy.partial.value.projection.type": "AllowList",
    "document.id.strategy.partial.value.projection.list": "device_id",
}


@pytest.fixture
def server(mongo):
    with connect(mongo) as client:
        assert client.write_concern.document == {"w": "majority", "j": True}
        name = mongo_servers.database(uuid4().hex[:8])
        yield mongo, client[name]
        client.drop_database(name)


def delivered(server, batches, topic="local_updates", **properties):
    """What the collection holds after ``batches`` and the errors that were reported; all is delivered twice."""
    uri, database = server
    reported = []
    context = SinkTaskContext(lambda origin, value, error: reported.append((origin.offset, str(error))), Signal())
    plain = {"name": "a", "connector.class": "MongoSinkConnector", "topics": topic, "connection.uri": uri}
    for _ in range(2):
        task = MongoSinkTask(context)
        task.start(plain | {"database": database.name} | properties)
        for batch in batches:
            task.put(task.converted(batch))
        task.stop()
        found = sorted(database[topic].find(), key=repr)
    return found, reported


UPDATES = [
    record(update(each, device, value=each), 3 * each + number)
    for each in (1, 2, 3)
    for number, device in enumerate("ab")
]
SPLIT = [UPDATES[:3], UPDATES[3:]]


@pytest.mark.parametrize("batches", [[UPDATES], SPLIT])
@pytest.mark.parametrize(
    ("strategy", "sequences"),
    [
        ("InsertOneDefaultStrategy", [1, 1]),
        ("ReplaceOneDefaultStrategy", [3, 3]),
        ("DefaultWriteModelStrategy", [3, 3]),
        ("UpdateOneDefaultStrategy", [3, 3]),
    ],
)
def test_one_document_for_each_id(server, batches, strategy, sequences):
    found, reported = delivered(server, batches, **PARTIAL, **{"writemodel.strategy": strategy})
    assert [row["_id"] for row in found] == [{"device_id": "a"}, {"device_id": "b"}]
    assert ([row["sequence"] for row in found], reported) == (sequences, [])


@pytest.mark.parametrize("batches", [[UPDATES], SPLIT])
@pytest.mark.parametrize("strategy", ["ReplaceOneBusinessKeyStrategy", "UpdateOneBusinessKeyTimestampStrategy"])
def test_one_document_for_each_business_key(server, batches, strategy):
    found, reported = delivered(server, batches, **PARTIAL, **{"writemodel.strategy": strategy})
    assert [(row["device_id"], row["sequence"]) for row in sorted(found, key=lambda row: row["device_id"])] == [
        ("a", 3),
        ("b", 3),
    ]
    assert reported == []
    unique = [index["key"] for index in server[1]["local_updates"].list_indexes() if index.get("unique")]
    assert unique == [{"device_id": 1}]


@pytest.mark.parametrize("batches", [[UPDATES], SPLIT])
def test_timestamps_are_the_same_however_often_it_is_delivered(server, batches):
    later = [
        record_._replace(origin=record_.origin._replace(timestamp=NOON + record_.origin.offset)) for record_ in UPDATES
    ]
    cut = [later[: len(batches[0])], later[len(batches[0]) :]]
    found, _ = delivered(server, cut, **PARTIAL, **{"writemodel.strategy": "UpdateOneTimestampsStrategy"})
    assert [(row["_insertedTS"], row["_modifiedTS"]) for row in found] == [
        (date(NOON + 3), date(NOON + 9)),
        (date(NOON + 4), date(NOON + 10)),
    ]


@pytest.mark.parametrize("strategy", ["ReplaceOneDefaultStrategy", "UpdateOneTimestampsStrategy"])
def test_a_record_that_is_put_in_after_all_does_not_go_back(server, strategy):
    told = PARTIAL | {"writemodel.strategy": strategy}
    found, _ = delivered(server, [UPDATES], **told)
    assert delivered(server, [UPDATES[:2]], **told)[0] == found


def test_forecasts_by_device_and_moment_are_completed_once(server):
    told = PARTIAL | {"document.id.strategy.partial.value.projection.list": "device_id,made_at,horizon_ms"}
    told |= {"writemodel.strategy": "ReplaceOneOnceSetStrategy", "writemodel.strategy.value.field": "actual"}
    forecast = [record(prediction(scored=scored, score=score), score) for scored, score in ((0, 0), (1, 1), (1, 2))]
    found, reported = delivered(server, [[each] for each in forecast], "predictions", **told)
    assert [row["anomaly_score"] for row in found] == [1]
    assert [row["_id"].keys() for row in found] == [{"device_id", "made_at", "horizon_ms"}]
    assert reported == []


@pytest.mark.parametrize("strategy", ["BsonOidStrategy", "UuidStrategy", "KafkaMetaDataStrategy"])
def test_generated_ids_double_nothing(server, strategy):
    rows = [record(reading(position=each), each) for each in range(20)]
    found, _ = delivered(server, [rows], "iot_stream", **{"document.id.strategy": strategy})
    assert sorted(row["position"] for row in found) == list(range(20))


def test_binary_uuids_are_found_again(server):
    told = {"document.id.strategy": "UuidStrategy", "document.id.strategy.uuid.format": "binary"}
    found, _ = delivered(server, [UPDATES], **told)
    assert len(found) == len(UPDATES)


def test_a_tombstone_deletes_what_was_before_it(server):
    gone = UPDATES[2]._replace(fields=None, origin=UPDATES[2].origin._replace(offset=100))
    told = {"document.id.strategy": "FullKeyStrategy", "delete.on.null.values": "true"}
    found, _ = delivered(server, [UPDATES, [gone]], **told)
    assert [row["_id"] for row in found] == ["b"]
    found, _ = delivered(server, [[*UPDATES, gone]], **told)
    assert [row["_id"] for row in found] == ["b"]


def test_records_can_delete_by_their_keys(server):
    told = {"document.id.strategy": "FullKeyStrategy"}
    assert len(delivered(server, [UPDATES], **told)[0]) == 2
    later = UPDATES[0]._replace(origin=UPDATES[0].origin._replace(offset=100))
    left, _ = delivered(server, [[later]], **told, **{"writemodel.strategy": "DeleteOneDefaultStrategy"})
    assert [row["_id"] for row in left] == ["b"]


def test_a_document_that_is_too_large_is_named_and_the_others_are_written(server):
    large = record(update(9, "c", weights=bytes(17 * 2**20)), 50)._replace(value=bytes(17 * 2**20))
    for strategy in ("ReplaceOneDefaultStrategy", "UpdateOneDefaultStrategy", "InsertOneDefaultStrategy"):
        told = PARTIAL | {"writemodel.strategy": strategy}
        found, reported = delivered(server, [[*UPDATES, large]], **told)
        assert len(found) == 2
        assert {offset for offset, _ in reported} == {50}


def test_a_time_series_is_made_or_else_refused_in_one_sentence_and_leaves_nothing(server):
    told, database = {"timeseries.timefield": "event_time"}, server[1]
    database.create_collection("asked", timeseries={"timeField": "event_time"})
    [asked] = database.list_collections(filter={"name": "asked"})
    database.drop_collection("asked")
    if asked.get("type") == "timeseries":
        assert len(delivered(server, [UPDATES], **told)[0]) == 2 * len(UPDATES)
        [made] = database.list_collections(filter={"name": "local_updates"})
        assert made["type"] == "timeseries"
        return
    with pytest.raises(PreparationError, match="this server has no time series"):
        delivered(server, [UPDATES], **told)
    assert database.list_collection_names() == []


def test_a_chain_of_processors_is_what_is_written(server):
    told = {
        "document.id.strategy": "KafkaMetaDataStrategy",
        "post.processor.chain": "DocumentIdAdder,AllowListValueProjector,RenameByMapping,KafkaMetaAdder",
        "value.projection.list": "_id,device_id,errors.mae",
        "field.renamer.mapping": '[{"oldName": "value.device_id", "newName": "device"}]',
    }
    (found,), _ = delivered(server, [UPDATES[:1]], **told)
    assert found == {
        "_id": "local_updates#0#3",
        "errors": [{"mae": 0.25}],
        "device": "a",
        "topic-partition-offset": "local_updates-0-3",
        "CREATE_TIME": NOON,
        "_log": {"topic": "local_updates", "partition": 0, "offset": 3},
    }
