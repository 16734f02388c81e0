"""The learner again, in plain numpy and float64, written from the documentation: what the JAX one is held against.

Only the draws of the replayed examples are JAX's, since they are its random numbers.
"""

import jax
import numpy as np

SCALES = np.array([1.0, 2.0, 100.0, 0.02])
LEVELS = np.array([20.0, 40.0, 300.0, 2.6])
DAY_MS = 86_400_000


class Usual:
    """The usual half-hour moves: every move ever seen by its kind of day and half-hour, discounted when asked."""

    def __init__(self, config):
        self.config = config
        self.day = DAY_MS // config.bin_ms
        self.half_hour = max(1_800_000 // config.bin_ms, 1)
        self.seen = {}

    def place(self, number):
        day = np.datetime64(number * self.config.bin_ms, "ms").astype("datetime64[D]")
        weekend = not np.is_busday(day)
        return weekend, number % self.day // self.half_hour

    def learn(self, number, move):
        self.seen.setdefault(self.place(number), []).append(np.asarray(move, np.float64))

    def rate(self, number):
        """Float64 [sensors], NaN where unknown."""
        weekend, slot = self.place(number)
        kept = 1 - 1 / (self.config.climatology_days * self.half_hour)
        sums, counts = np.zeros(4), np.zeros(4)
        rows = self.seen.get((weekend, slot), [])
        for sensor in range(4):
            known = [row[sensor] for row in rows if np.isfinite(row[sensor])]
            for age, value in enumerate(reversed(known)):
                sums[sensor] += kept**age * value
                counts[sensor] += kept**age
        return np.where(counts > 0, sums / np.where(counts > 0, counts, 1), np.nan)

    def moves(self, number):
        """Float64 [horizons, sensors]: half-hours one after the other, the last one in part."""
        result = []
        for ahead in self.config.horizons:
            move = np.zeros(4)
            for start in range(0, ahead, self.half_hour):
                move += min(ahead - start, self.half_hour) / self.half_hour * self.rate(number + start)
            result.append(move)
        return np.stack(result)


def features(config, at, number, own, fleet):
    """The feature vector of bin ``number``, with ``at(n)`` the values of bin n or NaN."""
    half_hour = max(1_800_000 // config.bin_ms, 1)
    parts = [(at(number - i * half_hour) - at(number - (i + 1) * half_hour)) / SCALES for i in range(2)]
    parts += [(at(number - i) - at(number - i - 1)) / SCALES for i in range(3)]
    parts.append((at(number) - LEVELS) / (10 * SCALES))
    parts.append(parts[0] - own.rate(number - half_hour))
    angle = 2 * np.pi * (number * config.bin_ms % DAY_MS) / DAY_MS
    parts.append(np.array([np.sin(angle), np.cos(angle), np.sin(2 * angle), np.cos(2 * angle)]))
    mine, theirs = own.moves(number), fleet.moves(number)
    parts += [np.where(np.isnan(mine), theirs, mine).ravel(), theirs.ravel()]
    return np.clip(np.nan_to_num(np.concatenate(parts)), -10, 10)


def skip(config, x):
    """What every forecast starts from; x [..., features]."""
    n = len(config.horizons) * 4
    return config.skip * (x[..., -2 * n : -n] + x[..., -n:]) / 2


def forward(params, x):
    """What the network adds to the usual move, and both hidden layers."""
    p = params["params"]
    one = np.tanh(x @ p["hidden_1"]["kernel"] + p["hidden_1"]["bias"])
    two = np.tanh(one @ p["hidden_2"]["kernel"] + p["hidden_2"]["bias"])
    return two @ p["moves"]["kernel"] + p["moves"]["bias"], one, two


def gradient(params, x, targets, delta, usual=0.0):
    """Of the mean Huber loss over the targets that are numbers; x [n, features], targets [n, outputs]."""
    p = params["params"]
    out, one, two = forward(params, x)
    known = np.isfinite(targets)
    slope = np.where(known, np.clip(usual + out - np.nan_to_num(targets), -delta, delta), 0) / max(known.sum(), 1)
    back_2 = slope @ p["moves"]["kernel"].T * (1 - two**2)
    back_1 = back_2 @ p["hidden_2"]["kernel"].T * (1 - one**2)
    return {
        "params": {
            "hidden_1": {"kernel": x.T @ back_1, "bias": back_1.sum(0)},
            "hidden_2": {"kernel": one.T @ back_2, "bias": back_2.sum(0)},
            "moves": {"kernel": two.T @ slope, "bias": slope.sum(0)},
        }
    }


class Adam:
    """Adam (Kingma and Ba 2015) on a gradient clipped to global norm 1."""

    def __init__(self, rate):
        self.rate, self.steps = rate, 0
        self.mean, self.square = {}, {}

    def step(self, params, grad):
        norm = np.sqrt(sum((a**2).sum() for layer in grad["params"].values() for a in layer.values()))
        self.steps += 1
        for layer, arrays in grad["params"].items():
            for name, array in arrays.items():
                g, key = array / max(norm, 1.0), (layer, name)
                self.mean[key] = 0.9 * self.mean.get(key, 0) + 0.1 * g
                self.square[key] = 0.999 * self.square.get(key, 0) + 0.001 * g**2
                mean = self.mean[key] / (1 - 0.9**self.steps)
                square = self.square[key] / (1 - 0.999**self.steps)
                params["params"][layer][name] = params["params"][layer][name] - self.rate * mean / (
                    np.sqrt(square) + 1e-8
                )


class Ridge:
    """Ridge regression online, one for a horizon, after Haykin's recursion, in float64."""

    def __init__(self, config, size):
        self.delta = config.linear_delta
        self.weights, self.inverse = np.zeros((size + 1, 4)), config.linear_prior * np.eye(size + 1)

    def learn(self, x, target):
        if not np.isfinite(target).any():
            return
        x = np.append(x, 1)
        gain = self.inverse @ x / (1 + x @ self.inverse @ x)
        error = np.nan_to_num(np.clip(target - x @ self.weights, -self.delta, self.delta))
        self.weights = self.weights + np.outer(gain, error)
        self.inverse = self.inverse - np.outer(gain, x @ self.inverse)

    def __call__(self, x):
        return np.append(x, 1) @ self.weights


class Reference:
    """A device that keeps every bin it ever saw, and looks things up by their number."""

    def __init__(self, config, params):
        self.config = config
        self.params = {
            "params": {
                layer: {name: np.asarray(array, np.float64) for name, array in arrays.items()}
                for layer, arrays in params["params"].items()
            }
        }
        self.size = self.params["params"]["hidden_1"]["kernel"].shape[0]
        self.adam = Adam(config.learning_rate)
        self.ridges = [Ridge(config, self.size) for _ in config.horizons]
        self.own, self.fleet = Usual(config), Usual(config)
        self.bins, self.said, self.vectors, self.memory = {}, {}, {}, []

    def at(self, number):
        return self.bins.get(number, np.full(4, np.nan))

    def update(self, number, values):
        """Take a bin; return (forecast, scored, examples)."""
        config, shape = self.config, (len(self.config.horizons), 4)
        self.bins[number] = np.asarray(values, np.float64)
        begun = number - self.own.half_hour
        self.own.learn(begun, (self.at(number) - self.at(begun)) / SCALES)
        scored = np.full(shape, np.nan)
        inputs, targets = [], []
        for h, ahead in enumerate(config.horizons):
            made = number - ahead
            scored[h] = self.said[made][h] if made in self.said else np.nan
            target = np.full(shape, np.nan)
            target[h] = (self.at(number) - self.at(made)) / SCALES
            vector = self.vectors.get(made, np.zeros(self.size))
            self.ridges[h].learn(vector, target[h] - skip(config, vector).reshape(shape)[h])
            inputs.append(vector)
            targets.append(target)
        examples = int(np.isfinite(targets).any(axis=(1, 2)).sum())
        self._remember(number)
        stored = len(self.memory)
        draws = jax.random.randint(
            jax.random.fold_in(jax.random.key(config.seed), number),
            (config.replays,),
            0,
            2**31 - 1,
        )
        for drawn in np.asarray(draws) % min(max(stored, 1), config.memory):
            x, target = self._slot(int(drawn)) if stored else (np.zeros(self.size), np.full(shape, np.nan))
            inputs.append(x)
            targets.append(target)
        x, flat = np.stack(inputs), np.stack(targets).reshape(len(targets), -1)
        if examples:
            self.adam.step(self.params, gradient(self.params, x, flat, config.huber_delta, skip(config, x)))
        vector = features(config, self.at, number, self.own, self.fleet)
        self.vectors[number] = vector
        usual = skip(config, vector).reshape(shape)
        deep = usual + forward(self.params, vector)[0].reshape(shape)
        straight = usual + np.stack([ridge(vector) for ridge in self.ridges])
        self.said[number] = self.at(number) + (deep + straight) / 2 * SCALES
        return self.said[number], scored, examples

    def _slot(self, slot):
        """The newest example that lies in a slot of the ring."""
        size = self.config.memory
        return next(e for i, e in reversed(list(enumerate(self.memory))) if i % size == slot)

    def _remember(self, number):
        born = number - self.config.horizons[-1]
        target = np.stack([(self.at(born + ahead) - self.at(born)) / SCALES for ahead in self.config.horizons])
        if born in self.vectors and np.isfinite(target).any():
            self.memory.append((self.vectors[born], target))
