"""Types and argument checks shared by the data-set functions."""

from __future__ import annotations

import math
from numbers import Integral, Real
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Labels: TypeAlias = NDArray[np.int64]


def whole_number(name: str, value: object, low: int, high: int | None = None) -> int:
    """Return ``value`` as an int in ``low..high``, or raise a sentence naming ``name``."""
    wanted = f"a whole number of at least {low}" + ("" if high is None else f" and at most {high}")
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise TypeError(f"{name} must be {wanted}; {value!r} was given.")
    number = int(value)
    if number < low or (high is not None and number > high):
        raise ValueError(f"{name} must be {wanted}; {value!r} was given.")
    return number


def real_number(name: str, value: object, low: float, high: float = math.inf) -> float:
    """Return ``value`` as a finite float in ``low..high``, or raise a sentence naming ``name``."""
    wanted = f"a finite number of at least {low:g}"
    wanted += "" if high == math.inf else f" and at most {high:g}"
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{name} must be {wanted}; {value!r} was given.")
    number = float(value)
    if not (math.isfinite(number) and low <= number <= high):
        raise ValueError(f"{name} must be {wanted}; {value!r} was given.")
    return number


def generator(seed: int | None) -> np.random.Generator:
    """Return NumPy's default generator: fresh entropy for None, reproducible for an int."""
    return np.random.default_rng(None if seed is None else whole_number("seed", seed, 0))
