"""Every global model made again from what its event says it was made of, and held against that event."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from immutables import Map

from aggregator_stream.fold.closing import close
from aggregator_stream.fold.commands import CommandError, obey
from aggregator_stream.fold.restore import beginning, standing_on
from aggregator_stream.fold.state import RECORDED, Located, Order, Rules, Windows
from forecaster import knowledge
from forecaster.config import Config
from forecaster.knowledge import architecture
from forecaster.strategies import named
from schemas.events import Contribution, Decision, GlobalModel, LocalUpdate, ModelCommand


class Chain(NamedTuple):
    """What has been verified so far.

    Attributes:
        models: by version.
        counted: update_id to the version whose window decided it.
    """

    models: Map[int, GlobalModel] = Map()
    counted: Map[str, int] = Map()


def rules_of(config: Config, model: GlobalModel) -> Rules:
    """The rules that a model's event says it was made by.

    Raises:
        ValueError: no such strategy or rule, or another architecture than ours.
    """
    if model.architecture != architecture(config):
        raise ValueError(f"architecture {model.architecture} is not {architecture(config)}")
    strategy = named(model.strategy, model.strategy_parameters, knowledge.learned(config), knowledge.parts(config))
    kinds = {name: type(Rules._field_defaults[name]) for name in RECORDED}
    if unknown := model.rules.keys() - kinds.keys():
        raise ValueError(f"rules {sorted(unknown)} are unknown")
    said = {name: kinds[name](value) for name, value in model.rules.items()}
    return Rules(config, strategy, model.model, **said)


def verify(
    config: Config, chain: Chain, model: GlobalModel, updates: Mapping[tuple[int, int], LocalUpdate]
) -> tuple[Chain, list[str]]:
    """Hold the next model against what follows from the ones before and its ``updates``, by partition and offset.

    Returns:
        The chain with it, and what is wrong: nothing, if every byte is as it must be.
    """
    wrong = _out_of_line(chain, model)
    wrong += [f"{c.update_id} is not at {c.partition}/{c.offset}" for c in model.contributions if _lost(c, updates)]
    if not wrong:
        wrong = _differs(config, chain, model, updates)
    counted = chain.counted.update({c.update_id: model.version for c in model.contributions})
    return Chain(chain.models.set(model.version, model), counted), wrong


def _out_of_line(chain: Chain, model: GlobalModel) -> list[str]:
    """Versions and windows come one after the other, and no update is in two."""
    wrong = []
    before = chain.models.get(model.version - 1)
    if model.version > 1 and before is None:
        wrong.append(f"version {model.version - 1} is missing")
    if before and before.window_end > model.window_start:
        wrong.append(f"its window begins at {model.window_start}, before the last ends at {before.window_end}")
    if model.parent_version and model.parent_version not in chain.models:
        wrong.append(f"its parent, version {model.parent_version}, is missing")
    twice = [c.update_id for c in model.contributions if c.update_id in chain.counted]
    return wrong + [f"{update_id} was decided by version {chain.counted[update_id]} already" for update_id in twice]


def _lost(contribution: Contribution, updates: Mapping[tuple[int, int], LocalUpdate]) -> bool:
    update = updates.get((contribution.partition, contribution.offset))
    return update is None or update.update_id != contribution.update_id


def _differs(
    config: Config, chain: Chain, model: GlobalModel, updates: Mapping[tuple[int, int], LocalUpdate]
) -> list[str]:
    """The model is made again, by the same function; field by field, what is not the same."""
    try:
        rules = rules_of(config, model)
    except ValueError as error:
        return [str(error)]
    before = chain.models.get(model.version - 1)
    try:
        state = standing_on(rules, before, chain.models.__getitem__) if before else beginning(rules)
    except KeyError as missing:
        return [f"version {missing}, which version {model.version - 1} names, is missing"]
    try:
        again, of = _again(rules, state, chain, model, updates)
    except (CommandError, ValueError) as error:
        return [f"no command makes it: {error}"]
    # Where to read on depends on how far each partition had been read.
    compared = [name for name in GlobalModel._fields if name not in ("resume_offsets", "command_offsets")]
    # Rules that there were none of then decided as they do by default.
    again = again._replace(rules={name: again.rules[name] for name in again.rules if name in model.rules})
    return [f"{name} is not what {of}" for name in compared if getattr(again, name) != getattr(model, name)]


def _again(
    rules: Rules,
    state: Windows,
    chain: Chain,
    model: GlobalModel,
    updates: Mapping[tuple[int, int], LocalUpdate],
) -> tuple[GlobalModel, str]:
    """The model from its members, or where it has no window, from the command that its reason tells of."""
    if model.window_start < model.window_end:
        window = model.window_start // rules.window_ms
        return close(rules, state._replace(window=window), located(model.contributions, updates))[1], "its members give"
    said = model.decisions[0] if model.decisions else Decision(0, "", "", "")
    action = (model.reason or "").partition(" ")[0]
    command = ModelCommand(said.by, model.model, action, model.champion, said.reason, 0)
    _, [again] = obey(rules, state, Order(command, 0, 0, chain.models.get(model.champion)))
    return again, "its command makes"


def located(contributions: Sequence[Contribution], updates: Mapping[tuple[int, int], LocalUpdate]) -> list[Located]:
    """A window's updates in their places."""
    return [Located(updates[c.partition, c.offset], c.partition, c.offset) for c in contributions]
