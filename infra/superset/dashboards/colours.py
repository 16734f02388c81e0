"""One colour for one meaning, on every dashboard: Okabe and Ito's, which colour-blind people tell apart, and greys."""

_BLUE, _ORANGE, _GREEN, _VERMILLION = "#0072B2", "#E69F00", "#009E73", "#D55E00"
_PURPLE, _SKY, _YELLOW, _GREY, _DARK = "#CC79A7", "#56B4E9", "#F0E442", "#999999", "#4D4D4D"
_VIRIDIS = ("#440154", "#3B528B", "#21918C", "#5EC962", "#FDE725")
"""From low to high, as readable in grey."""

# From low to high, which is how a browser sorts them: in a map's legend Superset has no other order.
TEMPERATURE_BANDS = ("18 or less", "18 to 20", "20 to 22", "22 to 24", "24 and more")
ERROR_BANDS = ("0.1 or less", "0.1 to 0.25", "0.25 to 0.5", "0.5 to 1", "1 and more")
"""Of °C; short, for a legend has one line."""
UNKNOWN = "not known"

LABEL_COLOURS = {
    "measured": _DARK,
    "local": _BLUE,
    "stream": _ORANGE,
    "batch": _GREEN,
    "persistence": _PURPLE,
    "anomaly": _VERMILLION,
    "usual": _GREY,
    "mean": _DARK,
    "lowest": _SKY,
    "highest": _ORANGE,
    "best": _BLUE,
    "worst": _GREY,
    "readings": _DARK,
    "one version": _BLUE,
    "two versions": _ORANGE,
    "mean staleness (versions)": _BLUE,
    "accepted": _BLUE,
    "clipped": _SKY,
    "superseded": _GREY,
    "rejected": _VERMILLION,
    "below 2.4 V": _YELLOW,
    "jumped": _PURPLE,
    "late": _SKY,
    "unreadable": _GREY,
    "promoted": _GREEN,
    "rolled_back": _PURPLE,
    "pinned": _ORANGE,
    "released": _YELLOW,
    **dict(zip(TEMPERATURE_BANDS, _VIRIDIS, strict=True)),
    **dict(zip(ERROR_BANDS, _VIRIDIS, strict=True)),
    UNKNOWN: _GREY,
}

SEQUENTIAL = "schemeViridis"
"""Of Superset's: for amounts; as readable in grey."""

DIVERGING = "schemePuOr"
"""Of Superset's: for what may be above or below zero."""
