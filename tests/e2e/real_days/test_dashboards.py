"""The five dashboards in a real browser, on what the loop itself has made of four real days."""

from collections.abc import Iterator

import pytest

from benchmarks.sink.lag import behind
from infra.superset.dashboards.catalogue import DASHBOARDS
from tests.e2e.browser import Browser, artifacts, browsing
from tests.e2e.real_days.lab import DEVICES, READINGS, WINDOWS
from tests.e2e.system import System, eventually

pytestmark = [pytest.mark.e2e, pytest.mark.long, pytest.mark.timeout(1800)]

MAY_BE_EMPTY = {
    # Good news: whether a bin of the last hours is an alarm, the four days' networks decide anew each time.
    "Devices whose newest bin is an alarm",
    "Bins with an alarm, newest first",
    # Four days are no two weeks.
    "Drift from week to week (deviations)",
}
FED = {"predictions": "predictions", "forecast-errors": "predictions", "fleet-analytics": "fleet_analytics"}
"""The connectors that the charts wait for, and their topics."""
MEASURED = "Temperature (°C), measured and forecast"
BY_HOUR = "Error by source, hour by hour of event time"


def lags(real: System) -> dict[str, int]:
    """By connector, how many records it has not put into its view yet."""
    return {name: behind(real.settings.bootstrap, f"sink-{name}", [topic]) for name, topic in FED.items()}


@pytest.fixture(scope="module")
def browser(real: System) -> Iterator[Browser]:
    """Logged in, with all readings learned from, evaluated as a batch, and all there is to be said of the days."""

    def mirrored() -> bool:
        status = real.status()
        return bool(status["mongo"]["sensor_readings"] == READINGS and real.version() >= WINDOWS)

    eventually(mirrored, 1200, "four days of readings in the views, and their models", 5)
    for command in ("batch", "analytics"):
        done = real.make(command, timeout=900)
        assert done.returncode == 0, done.stdout + done.stderr
    eventually(lambda: not any(lags(real).values()), 300, "batch and analytics in the views", 5)
    with browsing(real.settings, artifacts(real.settings)) as browser:
        yield browser


def test_who_does_not_know_the_password_is_not_let_in(browser: Browser):
    assert not browser.lets_in("not the password")


@pytest.mark.parametrize("slug", [dashboard.slug for dashboard in DASHBOARDS])
def test_every_chart_of_a_dashboard_shows_data(browser: Browser, slug: str):
    page = browser.dashboard(slug)
    shown = page.charts()
    pictures = page.screenshot(slug)
    print({title: chart.seconds for title, chart in shown.items()})
    assert {title: chart.text for title, chart in shown.items() if chart.state == "error"} == {}
    assert {title for title, chart in shown.items() if chart.state == "empty"} <= MAY_BE_EMPTY
    assert page.problems() == []
    assert all(picture.stat().st_size > 50_000 for picture in pictures)


def test_the_maps_show_every_device(browser: Browser):
    shown = browser.dashboard("fleet-now").charts()
    for title in ("Map: temperature of the newest reading (°C)", "Map: error of temperature 30 min ahead (°C)"):
        assert sum(len(discs) for discs in shown[title].series.values()) == DEVICES


def test_stream_and_local_forecasts_say_how_long_they_took(browser: Browser):
    shown = browser.dashboard("stream-and-batch").charts()["From a reading to the forecast, wall clock"]
    took = {row["source"]: float(row["median (s)"]) for row in shown.rows}
    assert took.keys() == {"local", "stream"}
    assert all(0 < seconds < 600 for seconds in took.values()), took


def test_the_device_filter_changes_what_the_charts_show(browser: Browser, real: System):
    page = browser.dashboard("device")
    before = page.charts()[MEASURED].series
    page.choose("Device", "mote-07")
    after = page.charts()
    assert after[MEASURED].series["measured"] != before["measured"]
    own = [event for event in real.events("iot_stream", last=2_000) if event.device_id == "mote-07"]
    newest = max(event.event_time for event in own)
    measured = {f"{event.temperature:.2f} {event.voltage:.2f}" for event in own if event.event_time == newest}
    first = after["Newest readings, as they came"].rows[0]
    assert f"{first['temperature (°C)']} {first['voltage (V)']}" in measured


def test_the_source_filter_leaves_one_source(browser: Browser):
    page = browser.dashboard("device")
    page.choose("Source", "local")
    series = page.charts()["Temperature: absolute error (°C), means of 30 min"].series
    assert {name for name, points in series.items() if points} == {"local", "persistence"}


def test_the_version_filter_leaves_its_versions(browser: Browser):
    page = browser.dashboard("global-model")
    page.choose_range(50, 60)
    shown = page.charts()
    assert [row["version"] for row in shown["Versions, newest first"].rows] == [str(n) for n in range(60, 50, -1)]
    assert [x for x, _ in shown["Contributors' error by version"].series["local"]] == list(range(50, 61))


def test_the_filter_of_time_is_about_event_time(browser: Browser):
    page = browser.dashboard("stream-and-batch")
    page.choose_times("2004-03-05T06:00:00", "2004-03-05T12:00:00")
    shown = page.charts()
    hours = [1_078_466_400_000 + hour * 3_600_000 for hour in range(6)]
    assert {name: [x for x, _ in points] for name, points in shown[BY_HOUR].series.items()} == dict.fromkeys(
        ("local", "stream", "batch", "persistence"), hours
    )
    assert shown["Agreement of stream and batch"].rows
    page.clear()
    assert len(page.charts()[BY_HOUR].series["local"]) > 90


def test_a_clicked_cell_filters_the_other_charts(browser: Browser):
    page = browser.dashboard("stream-and-batch")
    page.click_cell("Error by source", "stream")
    shown = page.charts()
    assert shown["How errors are distributed, by source"].series.keys() == {"stream"}
    assert not shown[BY_HOUR].series["local"]
    assert shown[BY_HOUR].series["stream"]
