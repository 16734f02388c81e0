"""What processes log: text as ever, or an object a line that names the event it is about."""

import asyncio
import json
import logging
import os
import re
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta

import pytest

from infra.settings import ROOT
from schemas.log_lines import handling
from tests.unit.logged import objects

LOG = logging.getLogger("stage.part")
SAYS = """
import logging, threading, warnings
from schemas.log_lines import begin, handling
begin("sink")
log = logging.getLogger("stage.part")
log.info("%d °C\\nand more", 21)
log.debug("too much")
logging.getLogger("httpx").info("a request")
logging.getLogger("httpx").warning("a request failed")
"""
FAILS = (
    SAYS
    + """
warnings.warn("old")
def in_a_thread():
    raise KeyError("thread")
other = threading.Thread(target=in_a_thread)
other.start()
other.join()
with handling("mote-07/12"):
    raise ValueError("main")
"""
)


def said(script, **environment):
    env = {key: value for key, value in os.environ.items() if not key.startswith("FEDLOG_")} | environment
    argv = [sys.executable, "-c", script]
    done = subprocess.run(argv, env=env, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout == ""
    return done.stderr


@pytest.mark.parametrize("told", [{}, {"FEDLOG_LOG_FORMAT": "text"}, {"FEDLOG_LOG_FORMAT": ""}])
def test_text_is_as_it_was(told):
    moment = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}"
    expected = rf"{moment} INFO stage\.part 21 °C\nand more\n{moment} WARNING httpx a request failed\n"
    assert re.fullmatch(expected, said(SAYS, **told))


def test_an_error_that_nobody_catches_is_pythons_own_text_there():
    assert said(FAILS).endswith("ValueError: main\n")


def test_each_line_is_an_object_with_the_fields():
    first, second = map(json.loads, said(SAYS, FEDLOG_LOG_FORMAT="json").splitlines())
    moment = first.pop("time")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", moment)
    assert abs(datetime.fromisoformat(moment) - datetime.now(UTC)) < timedelta(minutes=1)
    assert first == {"level": "INFO", "logger": "stage.part", "message": "21 °C\nand more", "service": "sink"}
    assert (second["level"], second["logger"]) == ("WARNING", "httpx")


def test_the_service_is_what_the_supervisor_calls_it():
    lines = said(SAYS, FEDLOG_LOG_FORMAT="json", FEDLOG_SERVICE="aggregator-worker-2").splitlines()
    assert {json.loads(line)["service"] for line in lines} == {"aggregator-worker-2"}


def test_warnings_and_errors_that_nobody_catches_are_objects_too():
    *_, warning, thread, main = map(json.loads, said(FAILS, FEDLOG_LOG_FORMAT="json").splitlines())
    assert (warning["logger"], warning["level"]) == ("py.warnings", "WARNING")
    assert "UserWarning: old" in warning["message"]
    assert (thread["level"], thread["message"]) == ("CRITICAL", "KeyError: 'thread'")
    assert thread["exception"].startswith("Traceback")
    assert "event_id" not in thread
    assert (main["message"], main["event_id"]) == ("ValueError: main", "mote-07/12")
    assert main["exception"].endswith("ValueError: main")


def test_a_line_names_the_event_that_is_being_handled_and_no_other():
    with objects() as lines:
        LOG.info("before")
        with handling("mote-07/12"):
            LOG.info("within")
            with handling("iot_stream#2#17"):
                LOG.info("deeper")
            with handling(None):
                LOG.info("of none")
            LOG.info("within again")
            LOG.info("of its own", extra={"event_id": "given"})
        LOG.info("after")
    assert {line["message"]: line.get("event_id") for line in lines} == {
        "before": None,
        "within": "mote-07/12",
        "deeper": "iot_stream#2#17",
        "of none": None,
        "within again": "mote-07/12",
        "of its own": "given",
        "after": None,
    }


def test_threads_and_tasks_do_not_name_each_others_events():
    async def handled(event_id):
        with handling(event_id):
            await asyncio.sleep(0.01)
            LOG.info("task %s", event_id)
            await asyncio.to_thread(LOG.info, "thread of %s", event_id)

    async def both():
        await asyncio.gather(handled("a/1"), handled("b/1"))

    with objects() as lines, handling("c/1"):
        other = threading.Thread(target=LOG.info, args=("apart",))
        other.start()
        other.join()
        asyncio.run(both())
    assert {line["message"]: line.get("event_id") for line in lines} == {
        "apart": None,
        **{f"{what} {each}": each for what in ("task", "thread of") for each in ("a/1", "b/1")},
    }


def test_whoever_logs_an_error_names_the_event_in_whose_handling_it_arose():
    def failing():
        with handling("outer/1"), handling("inner/1"):
            raise ValueError("no")

    with objects() as lines:
        try:
            failing()
        except ValueError:
            LOG.exception("failed")
        LOG.info("goes on")
    failed, after = lines
    assert failed["event_id"] == "inner/1"
    assert failed["exception"].endswith("ValueError: no")
    assert "event_id" not in after
