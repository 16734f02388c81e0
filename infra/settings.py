"""Every address, path and knob, in one place: the environment (``FEDLOG_…``) over these defaults."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from infra import listening
from infra.listening import PORTS

ROOT = Path(__file__).resolve().parent.parent
HOST = listening.HOST
UpToTen = Annotated[float, Field(ge=0, le=10, allow_inf_nan=False)]


class Settings(BaseSettings):
    """Settings of one running system; two systems on a machine differ in ``home`` and ports."""

    model_config = SettingsConfigDict(env_prefix="FEDLOG_", env_ignore_empty=True)

    home: Path = Field(ROOT / "var", description="Where the servers keep data, logs and sockets.")
    build: Path = Field(ROOT / "build", description="Where environments and jars are installed.")
    data: str = Field("", description="Raw Intel Lab file, or `synthetic`; empty: download, else synthetic.")
    reader: str = Field("", description="File of Python that reads `data`, where it is another format's.")
    cache: Path = Field(ROOT / "var" / "cache", description="Downloaded and prepared data sets.")
    speed: str = Field("120", description="Event-seconds a second of the replay, or `max`.")
    laps: int = Field(0, description="How often the data set is replayed; 0: for ever.")
    parallelism: int = Field(2, description="Flink tasks that train, and slots.")
    window_minutes: int = Field(30, description="Length of an aggregation window, minutes of event time.")
    lateness_minutes: int = Field(10, description="For which a window waits for updates, minutes of event time.")
    idle_minutes: int = Field(30, description="Behind which a silent partition is not waited for, if nobody marks it.")
    min_contributors: int = Field(1, description="Devices without which a window lets the model stand.")
    staleness_exponent: UpToTen = Field(
        0.5, description="An update s versions behind counts (1 + s) to the minus this, 10 at most."
    )
    staleness_bound: int = Field(48, description="Versions behind the champion from which an update is rejected.")
    aggregator_workers: int = Field(0, ge=0, description="Processes that sum windows up; 0: the aggregator does.")
    promotion: Literal["evaluated", "immediate"] = Field(
        "evaluated", description="Whether a version is promoted once devices have judged it, or as it is made."
    )
    promotion_margin: UpToTen = Field(
        0.05, description="By which an error must exceed another to be worse, as a share, 10 at most."
    )
    promotion_labels: int = Field(20, description="Labels behind a judgement, without which it does not count.")
    strategy: str = Field("fedavg", description="How a window's updates become a model (docs/aggregation.md).")
    strategy_parameters: str = Field("", description="The strategy's own settings: name=value,name=value.")
    learner: str = Field(
        "",
        description="Of a retraining only: the network and how it learns, name=value,name=value (docs/retrain.md).",
    )
    state: Literal["hashmap", "rocksdb"] = Field(
        "hashmap", description="Flink's state: on the heap and checkpointed whole, or RocksDB, in increments."
    )
    checkpoint_seconds: int = Field(30, description="Between two checkpoints of the Flink job.")
    in_step: int = Field(0, description="Train in step with aggregation; no model is due before this moment, ms.")
    bounded_models: bool = Field(False, description="In step with the models on the log now, and no later ones.")
    trigger_seconds: int = Field(5, description="Between two micro-batches of the Spark evaluator.")
    readings_a_batch: int = Field(10_000, gt=0, description="That a micro-batch of the Spark evaluator takes, at most.")
    stale_after_minutes: int = Field(
        120, ge=0, description="Event time after which the newest model counts as old for Spark; 0: never."
    )
    positions: str = Field(
        "", description="File with the devices' positions, `id x y` a line, metres; else the data set's own."
    )
    database: str = Field("fedlog", description="MongoDB database.")
    mongo: str = Field("", description="URI of a MongoDB; empty: `mongod` on the PATH, else the embedded stand-in.")
    registry_url: str = Field("", description="URL of a schema registry with Confluent's API; empty: one of our own.")
    log_format: Literal["text", "json"] = Field(
        "text", description="Of what our Python processes log: lines of text, or JSON (docs/logs.md)."
    )
    without: str = Field("", description="Services not to run, by name, joined by commas.")
    java: str = Field("", description="A JDK's folder; empty: `JAVA_HOME`, else that of the `java` on the PATH.")

    kafka_port: int = PORTS["kafka_port"].default
    kafka_controller_port: int = PORTS["kafka_controller_port"].default
    registry_port: int = PORTS["registry_port"].default
    registry_management_port: int = PORTS["registry_management_port"].default
    mongo_port: int = PORTS["mongo_port"].default
    flink_port: int = PORTS["flink_port"].default
    flink_rpc_port: int = PORTS["flink_rpc_port"].default
    aggregator_port: int = PORTS["aggregator_port"].default
    spark_port: int = PORTS["spark_port"].default
    spark_metrics_port: int = PORTS["spark_metrics_port"].default
    sink_metrics_port: int = PORTS["sink_metrics_port"].default
    superset_port: int = PORTS["superset_port"].default

    @field_validator("home", "build", "cache")
    @classmethod
    def _whole(cls, path: Path) -> Path:
        """Processes are told from those of another clone by their home, and run in another folder than who named it."""
        return path.absolute()

    @property
    def bootstrap(self) -> str:
        """Kafka's address."""
        return f"{HOST}:{self.kafka_port}"

    @property
    def registry(self) -> str:
        """The registry's Confluent API."""
        return self.registry_url or f"http://{HOST}:{self.registry_port}/apis/ccompat/v7"

    @property
    def mongo_uri(self) -> str:
        """MongoDB's address."""
        return self.mongo or f"mongodb://{HOST}:{self.mongo_port}"

    @property
    def flink(self) -> str:
        """Flink's REST address."""
        return f"http://{HOST}:{self.flink_port}"

    @property
    def elsewhere(self) -> frozenset[str]:
        """Services that these settings know to run elsewhere."""
        return frozenset(service for service, name in listening.ELSEWHERE.items() if getattr(self, name))

    @property
    def models(self) -> Path:
        """The model files' folder: in the repository for the default system, else in its home."""
        return ROOT / "models" if self.home == ROOT / "var" else self.home / "models"

    @property
    def socket(self) -> Path:
        """Supervisord's socket."""
        return self.home / "run" / "supervisor.sock"

    def python(self, environment: str) -> str:
        """The interpreter of one of the environments: ``core``, ``spark`` or ``superset``."""
        return str(self.build / "env" / environment / "bin" / "python")

    def exported(self) -> dict[str, str]:
        """These settings as environment variables, for the processes we start."""
        return {f"FEDLOG_{name.upper()}": str(value) for name, value in self.model_dump().items()}


def refusal(error: ValidationError) -> str:
    """What is wrong with settings, each by the variable that says it."""
    return " ".join(
        f"FEDLOG_{'_'.join(map(str, wrong['loc'])).upper()}={wrong['input']}: {wrong['msg']}."
        for wrong in error.errors(include_url=False)
    )
