"""The rules of aggregation as options of a command line."""

import math
from collections.abc import Callable
from functools import reduce
from typing import Any

import click

from aggregator_stream.fold.state import Rules
from forecaster import knowledge
from forecaster.config import configured, pairs
from forecaster.strategies import named

MINUTE_MS = 60_000


class Share(click.FloatRange):
    """A number from 0 to 10: ten times is worse than anything, and no discount for staleness comes down to 0."""

    def __init__(self) -> None:
        super().__init__(0, 10)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The number; NaN, which lies outside no range, is refused too."""
        number = super().convert(value, param, ctx)
        return self.fail(f"{number} is no number.", param, ctx) if math.isnan(number) else number


_OPTIONS = (
    click.option("--window-minutes", default=30, show_default=True, type=click.IntRange(1)),
    click.option("--lateness-minutes", default=10, show_default=True, type=click.IntRange(0)),
    click.option("--idle-minutes", default=30, show_default=True, type=click.IntRange(0)),
    click.option("--min-contributors", default=1, show_default=True, type=click.IntRange(1)),
    click.option("--staleness-exponent", default=0.5, show_default=True, type=Share()),
    click.option("--staleness-bound", default=48, show_default=True, type=click.IntRange(0), help="In versions."),
    click.option("--promotion", default="evaluated", show_default=True, type=click.Choice(["evaluated", "immediate"])),
    click.option("--promotion-margin", default=0.05, show_default=True, type=Share(), help="Share."),
    click.option("--promotion-labels", default=20, show_default=True, type=click.IntRange(1)),
    click.option("--strategy", default="fedavg", show_default=True, help="How updates become a model."),
    click.option("--strategy-parameters", default="", help="Its own settings: name=value,name=value."),
    click.option("--learner", default="", help="How devices learn, other than as ever: name=value,name=value."),
)


def with_rules(command: Callable[..., Any]) -> Callable[..., Any]:
    """A command that takes the rules' options, of which ``rules`` makes ``state.Rules``; times are event time."""
    return reduce(lambda wrapped, option: option(wrapped), reversed(_OPTIONS), command)


def rules(
    *,
    window_minutes: int,
    lateness_minutes: int,
    idle_minutes: int,
    min_contributors: int,
    staleness_exponent: float,
    staleness_bound: int,
    promotion: str,
    promotion_margin: float,
    promotion_labels: int,
    strategy: str,
    strategy_parameters: str,
    learner: str = "",
) -> Rules:
    """The rules that the options say.

    Raises:
        click.BadParameter: no such strategy, no such parameter of it, or not a number; the same of the learner.
    """
    try:
        config = configured(learner)
    except ValueError as error:
        raise click.BadParameter(f"--learner {learner!r}: {error}") from error
    try:
        parameters = {name: float(value) for name, value in pairs(strategy_parameters)}
        chosen = named(strategy, parameters, knowledge.learned(config), knowledge.parts(config))
    except ValueError as error:
        said = f"--strategy {strategy} --strategy-parameters {strategy_parameters!r}"
        raise click.BadParameter(f"{said}: {error}") from error
    return Rules(
        config,
        chosen,
        window_ms=window_minutes * MINUTE_MS,
        lateness_ms=lateness_minutes * MINUTE_MS,
        idle_ms=idle_minutes * MINUTE_MS,
        min_contributors=min_contributors,
        staleness_exponent=staleness_exponent,
        staleness_bound=staleness_bound,
        evaluated=promotion == "evaluated",
        margin=promotion_margin,
        min_labels=promotion_labels,
    )
