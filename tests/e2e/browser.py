"""Superset as a person sees it, in a real Chromium without a window.

with browsing(settings, artifacts(settings)) as browser:
    page = browser.dashboard("fleet-now")
    page.charts()["Devices: newest reading learned from"].rows
    page.choose("Devices", "mote-07")
    page.screenshot("fleet-now")
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser as Chromium
from playwright.sync_api import BrowserContext, sync_playwright

from infra.settings import HOST, Settings
from tests.e2e.dashboard_page import DashboardPage

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-proxy-server",
    # Whatever page or browser want of another machine, they do not find it.
    f"--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE {HOST}",
)
WIDTH, HEIGHT = 1440, 900
PATIENCE_MS = 60_000
"""For a page or one of its parts; the first page after Superset's start takes longest."""


def chromium() -> str:
    """The browser: that named by ``FEDLOG_CHROMIUM``, else one on the PATH, else the test that asks is skipped."""
    if named := os.environ.get("FEDLOG_CHROMIUM"):
        return named
    for name in NAMES:
        if found := shutil.which(name):
            return found
    pytest.skip(f"no browser: none of {', '.join(NAMES)} is on the PATH, and FEDLOG_CHROMIUM names none")


def artifacts(settings: Settings) -> Path:
    """The folder for what people look at after the tests: ``FEDLOG_ARTIFACTS``, else in the build's folder."""
    return Path(os.environ.get("FEDLOG_ARTIFACTS") or settings.build / "artifacts") / "dashboards"


class Browser:
    """A browser whose user has logged in to Superset."""

    def __init__(self, settings: Settings, folder: Path, chromium: Chromium) -> None:
        self._base = f"http://{HOST}:{settings.superset_port}"
        self._password = settings.home / "superset" / "admin_password"
        self._folder = folder
        self._chromium = chromium
        self._session = self._context()
        assert self._log_in(self._session, self._password.read_text()), "Superset's login page refuses the password"

    def dashboard(self, slug: str) -> DashboardPage:
        """A dashboard, all its charts loaded. That which was open is closed: its charts would go on asking."""
        for page in self._session.pages:
            page.close()
        return DashboardPage(self._session.new_page(), self._base, slug, self._folder)

    def lets_in(self, password: str) -> bool:
        """Whether the login page takes a password from somebody it does not know yet."""
        with self._context() as stranger:
            return self._log_in(stranger, password)

    def _context(self) -> BrowserContext:
        context = self._chromium.new_context(
            base_url=self._base,
            viewport={"width": WIDTH, "height": HEIGHT},
            locale="en-US",
            timezone_id="UTC",
        )
        context.set_default_timeout(PATIENCE_MS)
        return context

    def _log_in(self, context: BrowserContext, password: str) -> bool:
        page = context.new_page()
        page.goto("/login/")
        page.get_by_test_id("username-input").fill("admin")
        page.get_by_test_id("password-input").fill(password)
        with page.expect_navigation():
            page.get_by_test_id("login-button").click()
        page.wait_for_selector("[data-test=navbar-top] li, [data-test=password-input]")
        inside = "/login" not in page.url
        page.close()
        return inside


@contextmanager
def browsing(settings: Settings, folder: Path) -> Iterator[Browser]:
    """A browser, logged in to the Superset of these settings, that is ended afterwards.

    Args:
        settings: of the running system.
        folder: where screenshots go.
    """
    path = chromium()
    with sync_playwright() as playwright:
        playwright.selectors.set_test_id_attribute("data-test")
        with playwright.chromium.launch(executable_path=path, args=FLAGS) as running:
            yield Browser(settings, folder, running)
