"""What `math` and `numpy` do not share, for `xp` as in `nnfast.formulas`."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

Number = Any  # a float, or a NumPy array of any shape

_erf_of_each = np.frompyfunc(math.erf, 1, 1)


def where(condition: Any, yes: Number, no: Number) -> Number:
    """`yes` where the condition holds, else `no`; both are computed."""
    if isinstance(condition, np.ndarray):
        return np.where(condition, yes, no)
    return yes if condition else no


def clip(x: Number, low: float, high: float) -> Number:
    """x, but at least `low` and at most `high`; a NaN stays a NaN."""
    return np.clip(x, low, high) if isinstance(x, np.ndarray) else min(max(x, low), high)


def exp(x: Number, xp: Any) -> Number:
    """e^x, infinity where that is too large for a float."""
    try:
        with np.errstate(over="ignore"):
            return xp.exp(x)
    except OverflowError:
        return math.inf


def erf(x: Number, xp: Any) -> Number:
    """2/√π times the integral of e^-t² from 0 to x. NumPy has none: it takes number by number."""
    return math.erf(x) if xp is math else np.asarray(_erf_of_each(x), x.dtype)
