"""The log read from its beginning, and every global model on it verified."""

from collections.abc import Iterator

from aggregator_stream import history
from aggregator_stream.fold.state import Rules
from aggregator_stream.fold.verification import Chain, verify
from forecaster.config import Config
from schemas.codec import Codec, UndecodableRecord
from schemas.events import GlobalModel, LocalUpdate
from schemas.wire import is_mark

TOPIC = "local_updates"


def run(bootstrap: str, registry: str) -> Iterator[tuple[GlobalModel, list[str]]]:
    """Each version in its order, and what is wrong with it.

    Raises:
        KafkaException: the topics cannot be read.
    """
    config, codec = Config(), Codec(registry)
    partitions = Rules._field_defaults["partitions"]
    read = (placed.model for placed in history.read(bootstrap, codec, partitions))
    models = sorted(_first_wins(read), key=lambda model: model.version)
    source = _updates(bootstrap, codec, partitions)
    chain = Chain()
    waiting: dict[tuple[int, int], LocalUpdate] = {}
    for model in models:
        wanted = {(c.partition, c.offset) for c in model.contributions}
        # Read on only as far as this version needs: what lies between stays for the next ones.
        while not wanted <= waiting.keys() and (found := next(source, None)):
            place, update = found
            waiting[place] = update
        chain, wrong = verify(config, chain, model, waiting)
        for place in wanted:
            waiting.pop(place, None)
        yield model, wrong


def _first_wins(models: Iterator[GlobalModel]) -> list[GlobalModel]:
    """A version that is on the log twice counts as it stands first."""
    first: dict[int, GlobalModel] = {}
    for model in models:
        first.setdefault(model.version, model)
    return list(first.values())


def _updates(bootstrap: str, codec: Codec, partitions: int) -> Iterator[tuple[tuple[int, int], LocalUpdate]]:
    """Updates by partition and offset; what is none was not counted by any window either."""
    for message in history.messages(bootstrap, TOPIC, partitions):
        if is_mark(TOPIC, message.value()):
            continue
        try:
            update = codec.decode(TOPIC, message.value(), message.key())
        except UndecodableRecord:
            continue
        yield (message.partition(), message.offset()), update
