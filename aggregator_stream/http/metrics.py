"""Metrics that are told from the board when they are asked for: nothing has to be kept in step with it."""

import time
from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from aggregator_stream.catalogue import stood_on
from aggregator_stream.http.board import Board
from schemas.events import GlobalModel


class Derived(Collector):
    """The board as Prometheus metrics. Counts are over all versions on the log, so they survive a restart."""

    def __init__(self, board: Board) -> None:
        self._board = board

    def collect(self) -> Iterator[Metric]:
        """The metrics now; a gauge that is not known yet has no sample."""
        yield from self._counts()
        board, newest = self._board, self._board.catalogue.newest
        yield _gauge("fedlog_model_version", "The newest version.", newest.event.version if newest else 0)
        yield _gauge(
            "fedlog_champion_version",
            "The version that everybody stands on.",
            newest.event.stands_on if newest else 0,
        )
        yield _gauge(
            "fedlog_candidate_ratio",
            "Of the newest candidate's error to the champion's, as the newest version says.",
            _candidate_ratio(newest.event) if newest else None,
        )
        yield _gauge("fedlog_updates_pending", "Updates that no window has decided.", board.pending)
        yield _gauge(
            "fedlog_window_lag_seconds", "Event time from the newest window's end to the newest update.", board.lag_s
        )
        age = GaugeMetricFamily(
            "fedlog_model_age_seconds",
            "clock=event: event time from the window that made what everybody stands on to the newest update; "
            "clock=wall: since the newest version was made, if by this process.",
            labels=["clock"],
        )
        made = stood_on(board.catalogue)
        if made and board.newest:
            age.add_metric(["event"], (board.newest - made.event.window_end) / 1000)
        if board.closed_at is not None:
            age.add_metric(["wall"], time.monotonic() - board.closed_at)
        yield age

    def _counts(self) -> Iterator[Metric]:
        tally = self._board.catalogue.tally
        windows = CounterMetricFamily("fedlog_windows", "Windows by result.", labels=["result"])
        for result, count in tally.windows.items():
            windows.add_metric([result], count)
        updates = CounterMetricFamily(
            "fedlog_updates", "Updates by what became of them and why.", labels=["outcome", "reason"]
        )
        for (outcome, reason), count in tally.updates.items():
            updates.add_metric([outcome, reason], count)
        late = CounterMetricFamily("fedlog_updates_late", "Updates that came after the window of their event time.")
        late.add_metric([], tally.late)
        decisions = CounterMetricFamily(
            "fedlog_decisions", "Decisions on versions by what became of them and who said so.", labels=["state", "by"]
        )
        for (state, by), count in tally.decisions.items():
            decisions.add_metric([state, by], count)
        yield from (windows, updates, late, decisions)


def _candidate_ratio(event: GlobalModel) -> float | None:
    """Of the newest version that is held against an older champion: the fallback is older than the champion."""
    candidates = (said for said in event.evaluations if said.version > said.champion)
    newest = max(candidates, key=lambda said: said.version, default=None)
    return newest.ratio if newest else None


def _gauge(name: str, documentation: str, value: float | None) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, documentation)
    if value is not None:
        family.add_metric([], value)
    return family
