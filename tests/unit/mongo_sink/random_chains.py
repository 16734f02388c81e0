"""Random documents, and random properties of what makes documents of events, that both connectors take."""

import json
import random
from uuid import UUID

from bson import Int64

from mongo_sink.documents import date
from tests.unit.mongo_sink.sink_events import NOON

NAMES = ("a", "b", "ab", "c", "_id")
LISTS = ("AllowList", "BlockList")
PROCESSORS = (
    "AllowListValueProjector",
    "BlockListValueProjector",
    "DocumentIdAdder",
    "KafkaMetaAdder",
    "NullFieldValueRemover",
    "field.renaming.RenameByMapping",
    "field.renaming.RenameByRegExp",
)
STRATEGIES = {
    **{
        f"{name}Strategy": "key"
        for name in ("KafkaMetaData", "FullKey", "PartialKey", "PartialValue", "ProvidedInValue", "UuidProvidedInValue")
    },
    "ProvidedInKeyStrategy": "_id",
}
"""Those of ids that are the same in two runs, each with the field in which it wants the key."""
_SINK = "com.mongodb.kafka.connect.sink.processor"


class Chance(random.Random):
    """The same for one seed."""

    def document(self, depth=3):
        return {name: self._value(depth) for name in self.sample(NAMES, self.randint(0, len(NAMES)))}

    def _value(self, depth):
        plain = [
            *(lambda: None, self.random, lambda: self.randrange(9), lambda: Int64(self.getrandbits(62))),
            *(lambda: self.random() < 0.5, lambda: "ü" * self.randrange(3), lambda: date(self.randrange(NOON))),
            lambda: str(UUID(int=self.getrandbits(128))),
        ]
        below = [lambda: self.document(depth - 1), lambda: [self._value(depth - 1) for _ in range(self.randrange(3))]]
        return self.choice(plain + below * 4 if depth else plain)()

    def properties(self, topic):
        """Of a connector to one topic."""
        strategy = self.choice(list(STRATEGIES))
        partial = "document.id.strategy.partial"
        return {
            "name": "random",
            "connector.class": "com.mongodb.kafka.connect.MongoSinkConnector",
            "topics": topic,
            "connection.uri": "mongodb://127.0.0.1:9",
            "database": "none",
            "transforms": "key",
            "transforms.key.type": "org.apache.kafka.connect.transforms.HoistField$Key",
            "transforms.key.field": STRATEGIES[strategy],
            "document.id.strategy": f"{_SINK}.id.strategy.{strategy}",
            "document.id.strategy.overwrite.existing": self.choice(("true", "false")),
            f"{partial}.value.projection.type": self.choice(LISTS),
            f"{partial}.value.projection.list": self._paths(1),
            f"{partial}.key.projection.type": self.choice(LISTS),
            f"{partial}.key.projection.list": self.choice(("key", "k*", "*", "a")),
            "post.processor.chain": ",".join(f"{_SINK}.{name}" for name in self.sample(PROCESSORS, self.randint(1, 4))),
            "value.projection.type": self.choice(LISTS),
            "value.projection.list": self._paths(0),
            "field.renamer.mapping": json.dumps(self._mapping()),
            "field.renamer.regexp": json.dumps([self._rule() for _ in range(self.randint(1, 2))]),
        }

    def _path(self, *more):
        return ".".join(self.choices([*NAMES, *more], k=self.randint(1, 3)))

    def _paths(self, least):
        return ",".join(self._path("*", "**", "a*") for _ in range(self.randint(least, 3)))

    def _mapping(self):
        paths = [path for path in sorted({self._path() for _ in range(3)}) if not path.startswith("_id")]
        return [{"oldName": f"value.{path}", "newName": self.choice((*NAMES, "d", "e"))} for path in paths]

    def _rule(self):
        return {
            "regexp": rf"^value\.(?!_id).*{self.choice(NAMES)}.*$",
            "pattern": self.choice(("a", "(a)(b)?", "^.", "[bc]")),
            "replace": self.choice(("$0_", "x", "_id")),
        }
