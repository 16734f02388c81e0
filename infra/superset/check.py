"""What a dashboard's charts show, asked of a running Superset as a browser would. Needs no Superset to import."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

TIMEOUT_S = 90.0
"""For one chart: more than Superset itself waits."""


class ChartError(RuntimeError):
    """Superset refused, or a chart's query failed; the message says which and why."""


def chart_rows(base_url: str, user: str, password: str, slug: str) -> dict[str, int]:
    """Run every chart of a dashboard against the data as it is now, not as it was cached.

    Args:
        base_url: Superset's, without a path.
        user: who may see the dashboard.
        password: theirs.
        slug: the dashboard's.

    Returns:
        For each chart's title the number of rows with any value: the one row of a maximum over nothing is none.

    Raises:
        ChartError: the dashboard is not there, or a chart's query failed.
        httpx.TransportError: Superset does not answer.
    """
    with signed_in(base_url, user, password) as client:
        charts = told(client.get(f"/api/v1/dashboard/{slug}/charts"), f"dashboard {slug}")["result"]
        return {chart["slice_name"]: _rows(client, chart["id"], chart["slice_name"]) for chart in charts}


@contextmanager
def signed_in(base_url: str, user: str, password: str) -> Iterator[httpx.Client]:
    """A client that Superset knows; arguments and errors as of ``chart_rows``."""
    # Not by way of a proxy of the environment's: Superset is on loopback.
    with httpx.Client(base_url=base_url, timeout=TIMEOUT_S, trust_env=False) as client:
        secret = {"username": user, "password": password, "provider": "db", "refresh": False}
        token = told(client.post("/api/v1/security/login", json=secret), "login")["access_token"]
        client.headers["Authorization"] = f"Bearer {token}"
        yield client


def _rows(client: httpx.Client, chart: int, title: str) -> int:
    what = f"chart {title!r}"
    return count_of(told(client.get(f"/api/v1/chart/{chart}/data/", params={"force": "true"}), what), what)


def count_of(answer: Any, what: str) -> int:
    """The number of rows with any value in what Superset says of a chart.

    Raises:
        ChartError: one of its queries failed.
    """
    count = 0
    for result in answer["result"]:
        if result.get("error"):
            raise ChartError(f"{what}: {result['error']}")
        count += sum(any(value is not None for value in row.values()) for row in result["data"])
    return count


def told(response: httpx.Response, what: str) -> Any:
    """What Superset says.

    Raises:
        ChartError: it refuses ``what`` was asked for.
    """
    if response.is_success:
        return response.json()
    try:
        message = response.json()
    except ValueError:
        message = response.text[:500]
    raise ChartError(f"{what}: {response.status_code} {message}")
