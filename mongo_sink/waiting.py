"""Waiting for a server for as long as it takes, saying so."""

import logging
from threading import Event as Signal
from typing import Never

from tenacity import RetryCallState, Retrying, retry_if_exception_type, sleep_using_event, wait_exponential
from tenacity.stop import stop_when_event_set

from mongo_sink.task import StoppedWaitingError

LOG = logging.getLogger(__name__)
LONGEST_PAUSE = 10.0  # seconds between two attempts


def waiting(server: str, errors: tuple[type[Exception], ...], stopping: Signal) -> Retrying:
    """Call something again for as long as it raises one of ``errors``.

    Raises (when called):
        StoppedWaitingError: ``stopping`` was set before the server came back.
    """

    def complain(state: RetryCallState) -> None:
        LOG.warning("waiting for %s, attempt %d: %s", server, state.attempt_number, _short(_error(state)))

    def stopped(state: RetryCallState) -> Never:
        raise StoppedWaitingError(f"stopped while waiting for {server}") from _error(state)

    return Retrying(
        retry=retry_if_exception_type(errors),
        wait=wait_exponential(multiplier=0.2, max=LONGEST_PAUSE),
        stop=stop_when_event_set(stopping),
        sleep=sleep_using_event(stopping),
        before_sleep=complain,
        retry_error_callback=stopped,
    )


def _error(state: RetryCallState) -> BaseException | None:
    return state.outcome.exception() if state.outcome else None


def _short(error: BaseException | None) -> str:
    # pymongo appends the whole topology to some messages.
    return f"{type(error).__name__}: {str(error).partition(', Timeout:')[0][:300]}"
