"""One dashboard in a browser: what its charts show, how long they took, its filters, what went wrong."""

import re
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import ConsoleMessage, Locator, Page, Request, Response, expect

SHOWN = Path(__file__).with_name("charts_shown.js").read_text()
LOADED_S = 120
"""Within which all charts of what is open have come, or it is told which have not."""
LOOK_MS = 300
DRAWN_MS = 1200
"""In which ECharts draws a plot in."""
DATA = "/api/v1/chart/data"
COUNTED_FROM = "apachesuperset.gateway.scarf.sh"
"""Superset's counting pixel. That its own policy blocks it is an error on the console, and what we want."""


@dataclass(frozen=True)
class Chart:
    """What a chart shows.

    Args:
        state: data, nothing, or a box that says what went wrong.
        text: the big number, or what is said instead of data.
        rows: of a table or pivot table, its first page, by heading.
        series: of a plot, by name the points it draws; a gap is none.
        seconds: its newest answer took.
    """

    state: Literal["data", "empty", "error"]
    text: str = ""
    rows: list[dict[str, str]] = field(default_factory=list)
    series: dict[str, list[Any]] = field(default_factory=dict)
    seconds: float | None = None


class DashboardPage:
    """A dashboard that was opened; see ``Browser.dashboard``."""

    def __init__(self, page: Page, base: str, slug: str, folder: Path) -> None:
        self._page = page
        self._base = base
        self._folder = folder
        self._pending: set[Request] = set()
        self._status: dict[Request, int] = {}
        self._seconds: dict[int, list[float]] = defaultdict(list)
        self._titles: dict[int, str] = {}
        self._problems: list[str] = []
        page.on("console", self._said)
        page.on("pageerror", lambda error: self._problems.append(f"page: {error}"))
        page.on("request", self._asked)
        page.on("response", self._answered)
        page.on("requestfinished", self._finished)
        page.on("requestfailed", self._failed)
        page.goto(f"/superset/dashboard/{slug}/")
        page.get_by_test_id("grid-container").wait_for()
        self._settled()

    def charts(self) -> dict[str, Chart]:
        """Every chart of every tab, by title, once all have come."""
        found: dict[str, Chart] = {}
        for _ in self._tabs():
            for chart in self._settled():
                took = self._seconds[chart["id"]]
                self._titles[chart["id"]] = chart["title"]
                shown = {each.name: chart[each.name] for each in fields(Chart) if each.name in chart}
                found[chart["title"]] = Chart(**shown, seconds=took[-1] if took else None)
        return found

    def seconds(self) -> dict[str, list[float]]:
        """By chart's title, how long each of its answers took, of those that ``charts`` has seen."""
        return {title: self._seconds[number] for number, title in self._titles.items()}

    def problems(self) -> list[str]:
        """What went wrong since the page was opened: errors on the console, failed requests, requests to elsewhere."""
        return list(self._problems)

    def choose(self, name: str, *values: str) -> None:
        """Set a filter that lists values to just these, apply it, and wait for the charts.

        Filters of charts on other tabs than the open ones are not shown.
        """
        label = self._page.get_by_test_id("filter-control-name").filter(has_text=re.compile(f"^{re.escape(name)}$"))
        if not label.is_visible() and (more := self._page.get_by_test_id("dropdown-container-btn")).is_visible():
            more.click()
        label.wait_for()
        number = (label.get_attribute("id") or "").removeprefix("filter-name-")
        select = self._page.locator(f".ant-select[data-test='{number}']")
        box = select.get_by_role("combobox")
        while (chosen := select.locator(".ant-select-selection-item-remove")).count():
            chosen.first.click()
        box.click(force=True)  # Under the placeholder; what is typed is taken once the list is open.
        for value in values:
            box.fill(value)
            # Not where the mouse is: the list slides in, and above a long dashboard its place is the header's, too.
            self._page.locator(f".ant-select-item-option[title='{value}']:visible").dispatch_event("click")
        box.press("Escape")
        self._set(self._page.get_by_test_id("filter-bar__apply-button"))

    def choose_range(self, least: int, greatest: int) -> None:
        """Set the dashboard's filter that is a range of numbers, apply it, and wait for the charts."""
        for end, value in (("from", least), ("to", greatest)):
            box = self._page.get_by_test_id(f"range-filter-{end}-input")
            box.fill(str(value))
            box.press("Enter")
        self._set(self._page.get_by_test_id("filter-bar__apply-button"))

    def choose_times(self, since: str, until: str) -> None:
        """Set the dashboard's filter of time to ``[since, until)``, ISO 8601, apply it, and wait for the charts."""
        self._page.get_by_test_id("time-range-trigger").click()
        # Not with the mouse: beside a long dashboard the box hangs out of the window.
        self._page.locator(".ant-select[data-test='Range type'] .ant-select-selector").dispatch_event("mousedown")
        self._page.locator(".ant-select-item-option[title='Advanced']:visible").dispatch_event("click")
        start, end = self._page.locator(".ant-popover:visible input.ant-input").all()
        start.fill(since)
        end.fill(until)
        self._page.get_by_test_id("date-filter-control__apply-button").dispatch_event("click")
        self._set(self._page.get_by_test_id("filter-bar__apply-button"))

    def click_cell(self, chart: str, text: str) -> None:
        """Click a cell of a table, which filters the other charts by it, and wait for them."""
        box = self._page.locator(f"[data-test-chart-name='{chart}']")
        box.locator("td").filter(has_text=re.compile(f"^{re.escape(text)}$")).first.click()
        self._page.wait_for_timeout(LOOK_MS)
        self._settled()

    def clear(self) -> None:
        """Take back what was chosen in all filters, and wait for the charts."""
        self._set(self._page.get_by_test_id("filter-bar__clear-button"))

    def screenshot(self, name: str) -> list[Path]:
        """The whole dashboard as a picture, cut off nowhere; one for each tab where there are tabs."""
        taken = []
        for tab in self._tabs():
            self._settled()
            self._page.wait_for_timeout(DRAWN_MS)
            self._settled()
            path = self._folder / f"{'-'.join([name, *tab])}.png"
            self._page.screenshot(path=path)
            taken.append(path)
        return taken

    def _set(self, button: Locator) -> None:
        button.click()
        expect(self._page.get_by_test_id("filter-bar__apply-button")).to_be_disabled()
        self._page.wait_for_timeout(LOOK_MS)
        self._settled()

    def _tabs(self) -> Iterator[list[str]]:
        """Open every tab, inner ones too, and then those that were open; tell the names of the open ones.

        Once, with no name, where there are no tabs.
        """
        first: list[str] = []
        opened: set[str] = set()
        while True:
            bars = self._page.locator("[data-test=dashboard-component-tabs] [role=tablist]:visible").all()
            tabs = [[(str(tab.get_attribute("id")), tab) for tab in bar.get_by_role("tab").all()] for bar in bars]
            active = {name: tab for bar in tabs for name, tab in bar if tab.get_attribute("aria-selected") == "true"}
            opened |= active.keys()
            first = first or list(active)
            yield [re.sub(r"\W+", "-", tab.inner_text().strip().lower()) for tab in active.values()]
            # Inner tabs come after outer ones, and are gone once another outer one is opened.
            left = (tab for bar in reversed(tabs) for name, tab in bar if name not in opened)
            if (following := next(left, None)) is None:
                break
            following.click()
        for name in first:
            self._page.locator(f"[id='{name}']").click()

    def _settled(self) -> list[dict[str, Any]]:
        """What is shown, in a window that is as high as all of it, once nothing more is to come."""
        deadline = time.monotonic() + LOADED_S
        before = None
        while True:
            self._fit()
            shown = self._page.evaluate(SHOWN)
            waiting = [chart["title"] for chart in shown if chart["state"] == "waiting"]
            now = [(chart["id"], chart["state"]) for chart in shown]
            if not waiting and not self._pending and now == before:
                return shown
            assert time.monotonic() < deadline, f"still loading after {LOADED_S} s: {waiting or self._pending}"
            before = now
            self._page.wait_for_timeout(LOOK_MS)

    def _fit(self) -> None:
        """Make the window as high as the dashboard: what is out of sight is not drawn, and would be cut off."""
        bottom = self._page.evaluate(
            "() => Math.max(0, ...[...document.querySelectorAll('[data-test=grid-content]')].map("
            "(grid) => grid.getBoundingClientRect().bottom + window.scrollY))"
        )
        size = self._page.viewport_size
        assert size is not None
        height = max(900, int(bottom) + 48)
        if size["height"] != height:
            self._page.set_viewport_size({"width": size["width"], "height": height})

    def _said(self, message: ConsoleMessage) -> None:
        if message.type == "error" and COUNTED_FROM not in message.text:
            self._problems.append(f"console: {message.text}")

    def _asked(self, request: Request) -> None:
        if DATA in request.url:
            self._pending.add(request)

    def _answered(self, response: Response) -> None:
        self._status[response.request] = response.status
        if response.status >= 400:
            self._problems.append(f"{response.status} from {response.url}")
        if not response.url.startswith((self._base, "data:", "blob:")):
            self._problems.append(f"asked elsewhere: {response.url}")

    def _finished(self, request: Request) -> None:
        self._pending.discard(request)
        if DATA in request.url and (number := _slice(request.url)) is not None:
            self._seconds[number].append(request.timing["responseEnd"] / 1000)

    def _failed(self, request: Request) -> None:
        self._pending.discard(request)
        # What a newer question makes needless is given up; what the page's policy forbids was never sent.
        if request.failure not in ("net::ERR_ABORTED", "csp"):
            self._problems.append(f"{request.failure}: {request.url}")


def _slice(url: str) -> int | None:
    """The chart that a question for data is of; a filter's question for its values is of none."""
    form = parse_qs(urlsplit(url).query).get("form_data", [""])[0]
    found = re.search(r'"slice_id":\s*(\d+)', form)
    return int(found[1]) if found else None
