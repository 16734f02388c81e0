"""What happens to all devices at once in a bin: they report, take up models, judge them, and have updates to send."""

import jax
import jax.numpy as jnp

from forecaster import adoption, online
from forecaster.config import Config
from forecaster.lockstep.state import Fleet, Rounds, Update, Window, delay, where
from forecaster.online import Outputs


def delivered(rounds: Rounds, fleet: Fleet, number: jax.Array, reports: jax.Array) -> Fleet:
    """The fleet when its devices report in bin ``number``: what they had not told yet enters a window.

    That is its own, or where that has closed in the meantime, the one that closes next.
    """
    closes_next = (number - rounds.lateness_bins) // rounds.window_bins
    told = reports & (fleet.unsent.examples > 0)
    ahead = fleet.unsent.number // rounds.window_bins > closes_next

    def entered(window: Window, enters: jax.Array) -> Window:
        return Window(
            where(enters, fleet.unsent.knowledge, window.knowledge),
            window.examples + jnp.where(enters, fleet.unsent.examples, 0),
            jnp.where(enters, fleet.unsent.version, window.versions),
            where(enters, fleet.unsent.panel, window.panels),
            where(enters, fleet.unsent.judged, window.judged),
        )

    return fleet._replace(
        first=entered(fleet.first, told & ~ahead),
        second=entered(fleet.second, told & ahead),
        unsent=fleet.unsent._replace(examples=jnp.where(told, 0, fleet.unsent.examples)),
    )


def joined(config: Config, rounds: Rounds, fleet: Fleet, number: jax.Array, here: jax.Array) -> Fleet:
    """The fleet before bin ``number``: new devices begin, and all take up the model that is due."""
    fresh = here & ~fleet.joined
    fleet = fleet._replace(
        joined=fleet.joined | here, slots=jnp.where(fresh, number // config.update_bins, fleet.slots)
    )
    if not rounds.federated:
        return fleet
    place, age = event_of(config, rounds, number)
    event, champion = fleet.version - age, fleet.panels[place, 0]
    due = here & (event > fleet.followed)
    adopts = due & (champion != fleet.versions)
    model = jax.tree.map(lambda leaf: leaf[place, 0], fleet.judges)
    adopted = jax.vmap(lambda learner: adoption.adopt(config, learner, model))(fleet.learners)
    begun = jax.vmap(lambda _: online.init(config, model))(fleet.joined)
    return fleet._replace(
        learners=where(adopts, where(fresh, begun, adopted), fleet.learners),
        versions=jnp.where(adopts, champion, fleet.versions),
        followed=jnp.where(due, event, fleet.followed),
        judged=where(due, jnp.zeros_like(fleet.judged), fleet.judged),
    )


def event_of(config: Config, rounds: Rounds, number: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Which of the last events devices follow at bin ``number``: its place, and how many windows old it is."""
    closed = (number - rounds.lateness_bins) // rounds.window_bins
    ripe = (number + 1 - -(-config.adoption_delay_ms // config.bin_ms)) // rounds.window_bins
    age = closed - jnp.minimum(ripe, closed)
    return delay(config, rounds) - age, age


def judged(outputs: Outputs) -> jax.Array:
    """What a bin adds to each device's judgement, float32 [devices, rivals, 3, horizons, sensors]; 0 where nothing."""
    errors = jnp.abs(outputs.judged - outputs.level[:, None, None, :])
    persistence = jnp.abs(outputs.scored_level - outputs.level[:, None, :])[:, None]
    rivals, champion = errors[:, 1:], jnp.broadcast_to(errors[:, :1], errors[:, 1:].shape)
    known = jnp.isfinite(rivals) & jnp.isfinite(champion) & jnp.isfinite(persistence)
    return jnp.stack([known, jnp.where(known, rivals, 0), jnp.where(known, champion, 0)], axis=2)


def updated(config: Config, rounds: Rounds, fleet: Fleet, number: jax.Array, here: jax.Array) -> Fleet:
    """The fleet after bin ``number``: who has begun a new interval, and learned, has an update to send."""
    sends, slot = online.sends(config, number, fleet.slots, fleet.labels)
    sends = here & sends
    panel = fleet.panels[event_of(config, rounds, number)[0]]
    return fleet._replace(
        judged=where(sends, jnp.zeros_like(fleet.judged), fleet.judged),
        slots=jnp.where(sends, slot, fleet.slots),
        labels=jnp.where(sends, 0, fleet.labels),
        unsent=where(
            sends,
            Update(
                jax.vmap(online.known)(fleet.learners),
                fleet.labels,
                fleet.versions,
                jnp.broadcast_to(panel, (*sends.shape, *panel.shape)),
                fleet.judged,
                jnp.broadcast_to(number, sends.shape),
            ),
            fleet.unsent,
        ),
    )
