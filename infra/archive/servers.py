"""The log's servers, for as long as an archive is written or read."""

from collections.abc import Iterator
from contextlib import contextmanager

from confluent_kafka import KafkaException
from confluent_kafka.schema_registry.error import SchemaRegistryError
from httpx2 import TransportError

from infra import ready, supervision
from infra.archive.records import ArchiveError
from infra.settings import Settings
from infra.standalone import StartError, end_in_order_at_sigterm, serving
from schemas.registry import BreakingChangeError


@contextmanager
def log_of(settings: Settings) -> Iterator[None]:
    """Kafka and the registry of a system: those that run, else started for the block and ended with it.

    Raises:
        ArchiveError: they do not come up, or fail in the block.
    """
    try:
        if ready.kafka(settings) and ready.registry(settings):
            yield
        elif supervision.alive(settings):
            raise ArchiveError("Kafka or the registry does not answer: `make status` says more; then begin again.")
        else:
            end_in_order_at_sigterm()
            with serving(settings, "kafka", "registry"):
                yield
    except StartError as error:
        raise ArchiveError(f"The log's servers cannot be started: {error}") from error
    except KafkaException as error:
        raise ArchiveError(f"Kafka has refused something ({error}): see that it is well, and begin again.") from error
    except (SchemaRegistryError, TransportError) as error:
        raise ArchiveError(f"The registry does not do its part ({error}): see that it is well, begin again.") from error
    except BreakingChangeError as error:
        raise ArchiveError(f"{error}: use the version of Fedlog that the archive is from.") from error
    except OSError as error:
        raise ArchiveError(f"The folder cannot be used ({error}): mend that, and begin again.") from error
