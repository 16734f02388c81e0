"""A tree of arrays as two vectors: what is kept and handed over between calls, which many small arrays slow down."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np


class Vectors(NamedTuple):
    """All numbers of a tree, leaf by leaf; of many trees alike, with as many rows.

    Attributes:
        floats: float32 [..., n]
        integers: int32 [..., m], truth values among them.
    """

    floats: Any
    integers: Any


def joined(tree: Any) -> Vectors:
    """The numbers of ``tree``; of NumPy arrays as NumPy's, else as JAX's."""
    leaves = jax.tree.leaves(tree)
    xp: Any = np if all(isinstance(leaf, np.ndarray | np.generic) for leaf in leaves) else jnp
    floats = [xp.ravel(leaf) for leaf in leaves if not _integral(leaf)]
    integers = [xp.ravel(leaf).astype(np.int32) for leaf in leaves if _integral(leaf)]
    return Vectors(xp.concatenate(floats), xp.concatenate(integers) if integers else xp.zeros(0, np.int32))


def parted(shapes: Any, vectors: Vectors) -> Any:
    """A tree like ``shapes``, with the leading axes that the vectors have."""
    leaves, structure = jax.tree.flatten(shapes)
    made, places = [], [0, 0]
    for leaf in leaves:
        kind = int(_integral(leaf))
        low, places[kind] = places[kind], places[kind] + leaf.size
        part = vectors[kind][..., low : low + leaf.size]
        made.append(part.reshape((*part.shape[:-1], *leaf.shape)).astype(leaf.dtype, copy=False))
    return jax.tree.unflatten(structure, made)


def empty(shapes: Any, rows: int) -> Vectors:
    """Zeros for ``rows`` trees like ``shapes``."""
    sizes = [0, 0]
    for leaf in jax.tree.leaves(shapes):
        sizes[_integral(leaf)] += leaf.size
    return Vectors(jnp.zeros((rows, sizes[0]), jnp.float32), jnp.zeros((rows, sizes[1]), jnp.int32))


def _integral(leaf: Any) -> bool:
    return bool(leaf.dtype.kind != "f")
