"""What a stream without its checkpoint reads back from ``predictions``: which version it chose for each bin.

The choice depended on when models and readings came, so it was made once and is on the log; made anew it would be
another, and one id would have two contents.
"""

import json
import logging
from collections import defaultdict
from pathlib import Path

from confluent_kafka import Consumer, KafkaException, TopicPartition

from schemas.codec import Codec, UndecodableRecord
from schemas.topics import TOPICS
from spark_analytics.choice import UNKNOWN, Run, Runs, runs
from spark_analytics.pins import replace

logger = logging.getLogger(__name__)

TOPIC = "predictions"
SOURCE = "stream"
FILE = "past.json"


def kept(checkpoint: Path, bootstrap: str, codec: Codec) -> Runs:
    """The runs that the log had when the query was first started, kept in its checkpoint's folder.

    A query that dies before its first micro-batch has said nothing, so the file holds for the next life as well.
    """
    path = checkpoint / FILE
    if not path.exists():
        found = read(bootstrap, codec)
        replace(path, json.dumps(found))
    told: dict[str, list[list[int]]] = json.loads(path.read_text())
    return {device_id: [Run(*run) for run in known] for device_id, known in told.items()}


def read(bootstrap: str, codec: Codec) -> Runs:
    """All runs that the topic tells of by now.

    Raises:
        KafkaException: Kafka does not answer.
    """
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "spark-past", "enable.auto.commit": False})
    made: dict[str, list[tuple[int, int, int]]] = defaultdict(list)
    for number in range(TOPICS[TOPIC].partitions):
        low, end = consumer.get_watermark_offsets(TopicPartition(TOPIC, number), timeout=10)
        consumer.assign([TopicPartition(TOPIC, number, low)])
        while low < end:
            messages = consumer.consume(min(1000, end - low), timeout=30)
            if not messages:
                raise KafkaException(f"{TOPIC}/{number} does not answer at offset {low} of {end}")
            for message in messages:
                if message.error():
                    raise KafkaException(message.error())
                low = message.offset() + 1
                if dict(message.headers() or []).get("source") != SOURCE.encode():
                    continue
                try:
                    event = codec.decode(TOPIC, message.value())
                except UndecodableRecord:
                    continue  # the sink has written the letter; what is no forecast has chosen nothing
                stale = UNKNOWN if event.stale is None else int(event.stale)
                made[event.device_id].append((event.made_at, event.model_version, stale))
    consumer.close()
    found = {device_id: runs(moments) for device_id, moments in made.items()}
    logger.info("the log has forecasts of %d devices to go by", len(found))
    return found
