"""Starting weights: each initializer draws an array (inputs, outputs) from a generator."""

from __future__ import annotations

from collections.abc import Callable
from math import sqrt
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:  # where a network gets its first weights, and no earlier, numpy.random is loaded
    Initializer = Callable[[np.random.Generator, int, int], NDArray[Any]]


def _uniform(rng: np.random.Generator, limit: float, shape: tuple[int, int]) -> NDArray[Any]:
    return rng.uniform(-limit, limit, shape)


# n inputs, m outputs. Glorot & Bengio (2010) for sigmoid and tanh, He et al. (2015) for relu; the
# normal forms are not truncated.
INITIALIZERS: dict[str, Initializer] = {
    "glorot_uniform": lambda rng, n, m: _uniform(rng, sqrt(6 / (n + m)), (n, m)),
    "glorot_normal": lambda rng, n, m: sqrt(2 / (n + m)) * rng.standard_normal((n, m)),
    "he_uniform": lambda rng, n, m: _uniform(rng, sqrt(6 / n), (n, m)),
    "he_normal": lambda rng, n, m: sqrt(2 / n) * rng.standard_normal((n, m)),
    "normal": lambda rng, n, m: rng.standard_normal((n, m)),  # N(0, 1)
    "uniform": lambda rng, n, m: rng.random((n, m)),  # U[0, 1)
    "zeros": lambda rng, n, m: np.zeros((n, m)),
}

BIAS_INITIALIZERS: dict[str, Initializer] = {
    name: INITIALIZERS[name] for name in ("zeros", "normal", "uniform")
}
