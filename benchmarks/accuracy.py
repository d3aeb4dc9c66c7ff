"""`python -m benchmarks.accuracy`: how far exp, log and the others are from the truth, in ulp.

An ulp, a unit in the last place, is the distance of the two numbers of a dtype around the truth. In
float32 the truth comes from float64, for every 1009th of all numbers there are (`--stride 1` takes
all, about an hour); in float64 from mpmath with 60 digits, for a few thousand random and special
numbers.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnfast import _core

Array = NDArray[Any]

FUNCTIONS = ["exp", "log", "log1p", "sigmoid", "tanh", "expm1", "erf"]
# where a function is asked for: all numbers, or those from zero, or those to zero
FROM_ZERO, TO_ZERO = {"log1p"}, {"expm1"}
STRIDE = 1009
BLOCK = 1 << 22


def sigmoid64(x: Array) -> Array:
    """1 / (1 + e^-x) with neither overflow nor cancellation."""
    e = np.exp(-abs(x))
    return np.asarray(np.where(x < 0, e, 1) / (1 + e))


IN_FLOAT64: dict[str, Callable[[Array], Any]] = {
    "exp": np.exp,
    "log": np.log,
    "log1p": np.log1p,
    "sigmoid": sigmoid64,
    "tanh": np.tanh,
    "expm1": np.expm1,
    "erf": np.frompyfunc(math.erf, 1, 1),
}


def ulp_errors(y: Array, truth: Array, rest: Any = 0.0) -> Array:
    """|y - (truth + rest)| in units of the last place of y's dtype at the truth.

    NaN and infinity must stand where they stand in the truth. Where only one of the two is beyond
    the range of the dtype, the largest number stands for it.
    """
    largest = np.finfo(y.dtype).max
    with np.errstate(over="ignore", invalid="ignore"):
        rounded = truth.astype(y.dtype)
        size = np.spacing(np.minimum(abs(rounded), largest)).astype("float64")
        finite = np.clip(y.astype("float64"), -float(largest), float(largest))
        errors = abs((finite - np.clip(truth, -float(largest), float(largest))) - rest) / size
        same = (y == rounded) | (np.isnan(y) & np.isnan(truth))
        errors[same & ~np.isfinite(rounded)] = 0
        errors[np.isnan(y) != np.isnan(truth)] = np.inf
        errors[np.isinf(truth) & ~same] = np.inf
    return np.asarray(errors)


def worst(x: Array, y: Array, truth: Array, rest: Any = 0.0) -> tuple[float, str]:
    """The largest error in ulp, and where it is."""
    errors = ulp_errors(y, truth, rest)
    i = int(errors.argmax())
    return float(errors[i]), f"f({float(x[i]).hex()}) = {float(y[i]).hex()}"


def float32_truths(function: str, stride: int = STRIDE) -> Iterator[tuple[Array, Array]]:
    """(x, truth) in blocks: all bit patterns, or every `stride`-th."""
    first = 1 << 31 if function in TO_ZERO else 0
    end = 1 << (31 if function in FROM_ZERO else 32)
    for start in range(first, end, BLOCK * stride):
        patterns = np.arange(start, min(start + BLOCK * stride, end), stride, dtype=np.uint64)
        x = patterns.astype(np.uint32).view(np.float32)
        with np.errstate(all="ignore"):
            yield x, IN_FLOAT64[function](x.astype("float64")).astype("float64")


def special_numbers() -> Array:
    """The places where something changes: subnormals, limits, range reduction, cancellation."""
    limits = np.finfo("float64")
    tiny = [limits.smallest_subnormal, 3 * limits.smallest_subnormal, limits.tiny / 2, limits.tiny]
    half_ln2 = np.log(2) / 2 * np.arange(1, 40)
    exp_limits = [708.4, 709.78, 709.79, 744.4, 745.13, 745.14, 746.0, 747.0, 1e3, 1e300]
    saturation = [18.0, 18.7, 19.0, 19.06, 19.07, 20.0, 20.1, 36.0, 36.7, 37.5]
    powers = 2.0 ** np.arange(-70, 64)
    places = np.concatenate(
        [tiny, half_ln2, exp_limits, saturation, powers, [0.5**0.5, 2**0.5, limits.max, 1.0]]
    )
    with np.errstate(over="ignore"):
        near = [np.nextafter(places, 0), places, np.nextafter(places, np.inf)]
    near_one = 1 + np.linspace(-1e-3, 1e-3, 41)
    return np.concatenate([*near, near_one, [0.0, np.inf, np.nan]])


def random_numbers(rng: np.random.Generator) -> Array:
    """Of every magnitude, and more of those where the functions are neither 0 nor 1."""
    anywhere = rng.integers(0, 0x7FF << 52, 600).view("float64")
    usual = [rng.uniform(0, limit, 300) for limit in (0.01, 1.0, 25.0, 750.0)]
    return np.concatenate([anywhere, *usual, 10.0 ** rng.uniform(-20, 3, 300)])


def truth_in_two(mp: Any, function: str, x: float) -> tuple[float, float]:
    """The true value as the sum of two float64."""
    mp.mp.dps = 60
    exact = {
        "exp": mp.exp,
        "log": mp.log,
        "log1p": lambda v: mp.log1p(v) if v else v,
        "sigmoid": lambda v: 1 / (1 + mp.exp(-v)),
        "tanh": mp.tanh,
        "expm1": lambda v: mp.expm1(v) if v else v,
        "erf": mp.erf,
    }[function]
    if np.isnan(x) or (function == "log" and x < 0):
        return np.nan, 0.0
    if np.isinf(x) or (function == "log" and x == 0):
        with np.errstate(divide="ignore"):
            return float(IN_FLOAT64[function](np.float64(x))), 0.0
    value = exact(mp.mpf(float(x)))
    high = float(value)
    return high, float(value - mp.mpf(high)) if np.isfinite(high) else 0.0


def float64_truths(mp: Any, function: str) -> tuple[Array, Array, Array]:
    """(x, truth, rest): arguments, and the true values in two parts."""
    magnitudes = np.concatenate([special_numbers(), random_numbers(np.random.default_rng(8))])
    positive = [] if function in TO_ZERO else [magnitudes]
    x = np.concatenate(positive + ([] if function in FROM_ZERO else [-magnitudes]))
    truth, rest = np.array([truth_in_two(mp, function, v) for v in x]).T
    return x, truth, rest


def measure(function: str, levels: list[str], stride: int) -> dict[tuple[str, str], float]:
    """The largest error of a function for each (dtype, level)."""
    import mpmath

    x, truth, rest = float64_truths(mpmath, function)
    errors = {
        ("float64", level): worst(x, _core.evaluate(level, function, x), truth, rest)[0]
        for level in levels
    }
    errors |= {("float32", level): 0.0 for level in levels}
    for x, truth in float32_truths(function, stride):
        for level in levels:
            error, _ = worst(x, _core.evaluate(level, function, x), truth)
            errors["float32", level] = max(errors["float32", level], error)
    return errors


def main() -> None:
    parser = argparse.ArgumentParser("python -m benchmarks.accuracy", description=__doc__)
    parser.add_argument("--stride", type=int, default=STRIDE, help=f"of float32 ({STRIDE})")
    stride = parser.parse_args().stride
    levels = [name for name, here in _core.levels().items() if here]
    columns = [(dtype, level) for dtype in ("float32", "float64") for level in levels]
    print("| function |", " | ".join(f"{level}, {dtype}" for dtype, level in columns), "|")
    print("|---|" + "---|" * len(columns))
    for function in FUNCTIONS:
        errors = measure(function, levels, stride)
        print(f"| {function} |", " | ".join(f"{errors[column]:.2f}" for column in columns), "|")


if __name__ == "__main__":
    main()
