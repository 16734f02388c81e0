"""Our post processors beside the classes of MongoDB's own connector: random documents under random properties.

Three things are not the same, and are not among these: a field with an empty name, an ``_id`` of the chain's making
that it renames then, and an id strategy's projection without paths (docs/sink.md).
"""

import subprocess
from pathlib import Path

import pytest
from bson import Int64, decode, encode

from infra import java
from infra.settings import Settings
from mongo_sink.config import MongoConfig
from mongo_sink.conversion import chain
from mongo_sink.documents import UnusableRecordError
from schemas.wire import Origin
from tests.unit.mongo_sink.random_chains import PROCESSORS, STRATEGIES, Chance
from tests.unit.mongo_sink.sink_events import NOON

PROGRAM = Path(__file__).with_name("OfficialChain.java")
CONFIGURATIONS, DOCUMENTS = 300, 10
KEY = "mote-ü/7"
ORIGIN = Origin("iot_stream", 1, 7, KEY.encode(), NOON)


@pytest.fixture(scope="module")
def cases():
    chance, made = Chance(20040228), []
    for _ in range(CONFIGURATIONS):
        properties = chance.properties(ORIGIN.topic)
        key = {properties["transforms.key.field"]: KEY}
        documents = [chance.document() for _ in range(DOCUMENTS)]
        made.append({"properties": properties, "key": key, "documents": documents})
    return made


@pytest.fixture(scope="module")
def official(cases, tmp_path_factory):
    """By case, what MongoDB's classes make of its documents."""
    settings, folder = Settings(), tmp_path_factory.mktemp("classes")
    asked, made = folder / "asked", folder / "made"
    place = {"partition": ORIGIN.partition, "offset": Int64(ORIGIN.offset), "timestamp": Int64(NOON)}
    asked.write_bytes(encode(place | {"cases": cases}))
    argv = [f"{java.home(settings, java.KAFKA)}/bin/java", "-XX:TieredStopAtLevel=1"]
    argv += ["-cp", f"{settings.build / 'jars' / 'connect'}/*", str(PROGRAM), str(asked), str(made)]
    subprocess.run(argv, check=True)
    return decode(made.read_bytes())["made"]


def ours(process, document):
    """What ours makes of a document, or None."""
    try:
        return process(document, ORIGIN)
    except UnusableRecordError:
        return None


def kept(document):
    """In BSON, the ``_id`` ahead of all else, as a server keeps it."""
    return document and encode({name: document[name] for name in ("_id",) if name in document} | document)


def test_random_documents_become_what_the_official_classes_make_of_them(cases, official):
    for case, expected in zip(cases, official, strict=True):
        process = chain(MongoConfig.of(case["properties"]).by_topic[ORIGIN.topic])
        for document, theirs in zip(case["documents"], expected, strict=True):
            assert kept(ours(process, document)) == kept(theirs), (case["properties"], document, theirs)


def test_they_come_of_every_strategy_and_processor(cases, official):
    made = set()
    for case, expected in zip(cases, official, strict=True):
        changed = zip(map(kept, case["documents"]), map(kept, expected), strict=True)
        if any(theirs not in (None, document) for document, theirs in changed):
            told = case["properties"]
            names = (told["document.id.strategy"], *told["post.processor.chain"].split(","))
            made |= {name.rpartition(".")[2] for name in names}
    assert made == {*STRATEGIES, *(name.rpartition(".")[2] for name in PROCESSORS)}
    refused = sum(theirs is None for expected in official for theirs in expected)
    assert 0 < refused < CONFIGURATIONS * DOCUMENTS / 2
