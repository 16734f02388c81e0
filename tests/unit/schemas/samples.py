"""One event of each class with every field set, and one with every optional field empty."""

from schemas.events import (
    Contribution,
    DeadLetter,
    Decision,
    Evaluation,
    FleetEvaluation,
    FleetInsight,
    GlobalModel,
    HorizonError,
    LocalUpdate,
    Measurements,
    ModelCommand,
    PairedError,
    PartShare,
    Prediction,
    Reading,
    Summand,
    WindowPart,
    WindowPlan,
)

NOON = 1_078_401_600_123  # 2004-03-04T12:00:00.123Z
HALF_HOUR = 1_800_000
ERRORS = (
    HorizonError("temperature", HALF_HOUR, 12, 0.25, 0.5),
    HorizonError("voltage", 2 * HALF_HOUR, 3, 0.001, 0.002),
)
PAIRED = (PairedError("humidity", HALF_HOUR, 7, 1.5, 1.25, 2.5), PairedError("light", HALF_HOUR, 6, 10.0, 20.0, 5.0))
ROOM = Measurements(20.5, 40.25, None, 2.75)

FULL = (
    Reading("mote-07", NOON, 3, 20.5, 40.25, 100.0, 2.75, "test", 2, 17),
    LocalUpdate(
        *("mote-07/3", "mote-07", 3, NOON, 2, NOON - 1, "tanh", b"\0\1\xff", 10, 1, 5, 2**40, ERRORS, "test"),
        *(1, NOON + 5, (Evaluation(3, 2, PAIRED), Evaluation(1, 2, ()))),
    ),
    GlobalModel(
        "fleet",
        7,
        6,
        NOON - HALF_HOUR,
        NOON,
        "fedavg",
        {"decay": 0.5, "momentum": 0.9},
        "tanh",
        b"\xff\0",
        (
            Contribution("mote-07/3", "mote-07", 1, 17, NOON, 2, 4, 10, 1.0, "accepted", None),
            Contribution("mote-08/3", "mote-08", 2, 2**33, NOON - 5, 1, 5, 9, 0.0, "rejected", "stale"),
        ),
        10,
        ERRORS,
        "promoted",
        {"0": 5, "1": 2**33},
        "test",
        {"window_ms": 1.8e6, "staleness_exponent": 0.5},
        {"epsilon": 1.25},
        b"\1\0",
        "no contributors",
        5,
        True,
        (Decision(5, "promoted", "c-1", "6 is worse"), Decision(6, "rolled_back", "c-1", "6 is worse")),
        {"0": 2**33},
        4,
        (6, 7),
        (FleetEvaluation(6, 5, 2, 13, 1.0625, PAIRED),),
    ),
    Prediction(
        f"local/mote-07/30/{NOON}",
        "local",
        "mote-07",
        2,
        NOON,
        NOON + HALF_HOUR,
        HALF_HOUR,
        ROOM,
        Measurements(1.0, 2.0, 3.0, 4.0),
        ROOM,
        Measurements(0.0, -0.5, None, 0.25),
        1.5,
        False,
        1,
        9,
        "test",
    ),
    DeadLetter("s/iot_stream/0/7", "s", "iot_stream", 0, 7, b"k\xff", NOON, "ValueError", "grün", b"\0\xfe"),
    ModelCommand("c-1", "fleet", "rollback", 5, "6 is worse", NOON),
    WindowPlan(
        *("fleet/8/1", "fleet", 8, NOON, "fedadam", {"b1": 0.5}, "tanh", b"\0\1", 1),
        (Summand("mote-07/3", 17, 10, 1.0), Summand("mote-08/3", 2**33, 9, 0.5)),
    ),
    WindowPart(
        *("fleet/8/1", "fleet", 8, NOON, 1, b"\2\3"),
        (PartShare("mote-07/3", 10.0, "accepted"), PartShare("mote-08/3", 4.5, "clipped", "moved 3, the bound is 1")),
    ),
    FleetInsight(
        *(f"profile/mote-07/light/{NOON}", "profile", "mote-07", "light", NOON, NOON + HALF_HOUR),
        *({"mean": 100.25, "count": 3.0}, {"note": "grün"}, 1, 5, 2**33, "test"),
    ),
)
EMPTY = (
    Reading("mote-07", NOON, None, None, None, None, None, "", 0, -1),
    LocalUpdate("mote-07/1", "mote-07", 1, NOON, 0, None, "", b"", 0, 0, 0, 0, (), ""),
    GlobalModel("fleet", 1, 0, NOON - 1, NOON, "fedavg", {}, "", b"", (), 0, (), "unchanged", {}, ""),
    Prediction("", "local", "", 0, NOON, NOON, 0, Measurements(), Measurements(), None, None, None, None, 0, 0, ""),
    DeadLetter("s/t/0/7", "s", "t", 0, 7, None, None, "E", "", b""),
    ModelCommand("", "fleet", "release", 0, "", NOON),
    FleetInsight(f"quality/fleet/{NOON}", "quality", "fleet", None, NOON, NOON, {}),
)
SAMPLES = FULL + EMPTY


def name_of(event) -> str:
    return f"{type(event).__name__}-{'full' if event in FULL else 'empty'}"
