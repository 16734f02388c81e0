import hashlib
import logging
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import pytest

from producers import arrival
from producers.arrival import Arrival
from producers.download import ATTEMPTS, ChecksumError, DownloadError, Published, fetch

BODY = bytes(range(256)) * 2000


class Site:
    """A web server on a free port: serves ``body``, breaks off as told, remembers the ranges it was asked for."""

    def __init__(self):
        self.body, self.ranges, self.honest, self.status = BODY, True, [], None
        self.break_after: list[int] = []
        self.asked: list[str | None] = []
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                asked = self.headers.get("Range")
                site.asked.append(asked)
                if site.status:
                    self.send_error(site.status)
                    return
                start = int(re.match(r"bytes=(\d+)-", asked)[1]) if asked and site.ranges else 0
                self.send_response(206 if start else 200)
                if start:
                    self.send_header("Content-Range", f"bytes {start}-{len(site.body) - 1}/{len(site.body)}")
                self.send_header("Content-Length", str(len(site.body) - start))
                self.end_headers()
                end = start + site.break_after.pop(0) if site.break_after else len(site.body)
                self.wfile.write(site.body[start:end])

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{self.server.server_port}/data.txt.gz"
        self.published = Published(url, len(BODY), hashlib.sha256(BODY).hexdigest())


@pytest.fixture
def site():
    site = Site()
    yield site
    site.server.shutdown()
    site.server.server_close()


def test_it_comes_whole_and_only_once(site, tmp_path):
    for _ in range(2):
        assert fetch(site.published, tmp_path / "new" / "data.gz").read_bytes() == BODY
    assert site.asked == [None]
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["data.gz"]


def test_it_goes_on_where_the_connection_broke(site, tmp_path):
    site.break_after = [100_000, 150_000]
    assert fetch(site.published, tmp_path / "data.gz", wait=0).read_bytes() == BODY
    assert site.asked == [None, "bytes=100000-", "bytes=250000-"]


def test_it_goes_on_where_an_earlier_process_was_killed(site, tmp_path):
    (tmp_path / "data.gz.part").write_bytes(BODY[:12_345])
    assert fetch(site.published, tmp_path / "data.gz").read_bytes() == BODY
    assert site.asked == ["bytes=12345-"]


def test_a_server_without_ranges_sends_all_of_it_again(site, tmp_path):
    site.ranges = False
    (tmp_path / "data.gz.part").write_bytes(BODY[:12_345])
    assert fetch(site.published, tmp_path / "data.gz").read_bytes() == BODY


def test_a_complete_part_needs_no_network(site, tmp_path):
    (tmp_path / "data.gz.part").write_bytes(BODY)
    assert fetch(site.published, tmp_path / "data.gz").read_bytes() == BODY
    assert site.asked == []


@pytest.mark.parametrize("body", [BODY[:-1] + b"!", BODY + b"more", b"<html>sign in to this network</html>"])
def test_something_else_is_refused_and_not_kept(site, tmp_path, body):
    site.body = body
    with pytest.raises(ChecksumError, match="SHA-256"):
        fetch(site.published, tmp_path / "data.gz", wait=0)
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_copy_is_fetched_again(site, tmp_path):
    (tmp_path / "data.gz").write_bytes(b"damaged")
    assert fetch(site.published, tmp_path / "data.gz").read_bytes() == BODY


def test_a_refusal_is_tried_a_few_times_and_then_told(site, tmp_path):
    site.status = 503
    with pytest.raises(DownloadError, match="503"):
        fetch(site.published, tmp_path / "data.gz", wait=0)
    assert len(site.asked) == ATTEMPTS


@pytest.fixture
def no_terminal(monkeypatch):
    monkeypatch.setattr(arrival, "Console", lambda **_: SimpleNamespace(is_terminal=False))


@pytest.mark.usefixtures("no_terminal")
def test_off_a_terminal_it_says_now_and_then_how_far_it_is(site, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(arrival, "EVERY", 0)
    caplog.set_level(logging.INFO)
    (tmp_path / "data.gz.part").write_bytes(BODY[:256_000])
    fetch(site.published, tmp_path / "data.gz")
    said = [record.message for record in caplog.records if record.name == arrival.__name__]
    assert site.published.url in said[0]
    shares = [int(re.search(r"\((\d+)%\), [\d.]+ MB/s, \d+ s left", line)[1]) for line in said[1:]]
    assert shares == sorted(shares)
    assert 50 <= shares[0] <= shares[-1] == 100


@pytest.mark.usefixtures("no_terminal")
def test_it_is_quiet_between_two_lines(site, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(arrival, "EVERY", 3600)
    caplog.set_level(logging.INFO)
    fetch(site.published, tmp_path / "data.gz")
    assert len([record for record in caplog.records if record.name == arrival.__name__]) == 1


@pytest.mark.usefixtures("no_terminal")
def test_a_line_tells_what_has_come_since_this_attempt_began(monkeypatch):
    monkeypatch.setattr(arrival.time, "monotonic", lambda: 100.0)
    coming = Arrival("data", 40_000_000, 10_000_000)
    assert coming.line(104.0) == "10.0 of 40.0 MB (25%), 0.00 MB/s, nothing comes"
    coming.note(10_000_000)
    assert coming.line(104.0) == "20.0 of 40.0 MB (50%), 2.50 MB/s, 8 s left"
