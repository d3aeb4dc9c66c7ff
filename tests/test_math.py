"""The functions of the compiled levels, such as exp: within 4 ulp of the truth."""

from __future__ import annotations

import math
import os

import numpy as np
import pytest

from nnfast import _core

LIMIT = 4.0  # ulp
# every float32 where NNFAST_EXHAUSTIVE=1 asks for it (about an hour), else every 1009th
EXHAUSTIVE = os.environ.get("NNFAST_EXHAUSTIVE") == "1"
STRIDE = 1 if EXHAUSTIVE else 1009
BLOCK = 1 << 22

FUNCTIONS = ["exp", "log", "log1p", "sigmoid", "tanh", "expm1", "erf"]
# where a function is asked for: all numbers, or those from zero, or those to zero
FROM_ZERO, TO_ZERO = {"log1p"}, {"expm1"}

every_function = pytest.mark.parametrize("function", FUNCTIONS)


def sigmoid64(x):
    """1 / (1 + e^-x) with neither overflow nor cancellation."""
    e = np.exp(-abs(x))
    return np.where(x < 0, e, 1) / (1 + e)


IN_FLOAT64 = {
    "exp": np.exp,
    "log": np.log,
    "log1p": np.log1p,
    "sigmoid": sigmoid64,
    "tanh": np.tanh,
    "expm1": np.expm1,
    "erf": np.frompyfunc(math.erf, 1, 1),
}


def ulp_errors(y, truth, rest=0.0):
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
    return errors


def worst(x, y, truth, rest=0.0):
    """The largest error in ulp, and where it is."""
    errors = ulp_errors(y, truth, rest)
    i = int(errors.argmax())
    return float(errors[i]), f"f({float(x[i]).hex()}) = {float(y[i]).hex()}"


def float32_blocks(function):
    """All bit patterns, or every 1009th, in blocks."""
    first = 1 << 31 if function in TO_ZERO else 0
    end = 1 << (31 if function in FROM_ZERO else 32)
    for start in range(first, end, BLOCK * STRIDE):
        patterns = np.arange(start, min(start + BLOCK * STRIDE, end), STRIDE, dtype=np.uint64)
        yield patterns.astype(np.uint32).view(np.float32)


def test_table_is_that_of_the_core(compiled_level):
    assert _core.formulas(compiled_level)["functions"] == FUNCTIONS


@pytest.mark.timeout(3600 if EXHAUSTIVE else 60)
@every_function
def test_float32(function, compiled_level):
    for x in float32_blocks(function):
        with np.errstate(all="ignore"):
            truth = IN_FLOAT64[function](x.astype("float64")).astype("float64")
        error, where = worst(x, _core.evaluate(compiled_level, function, x), truth)
        assert error <= LIMIT, where


# float64


def special_numbers():
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


def random_numbers(rng):
    """Of every magnitude, and more of those where the functions are neither 0 nor 1."""
    anywhere = rng.integers(0, 0x7FF << 52, 600).view("float64")
    usual = [rng.uniform(0, limit, 300) for limit in (0.01, 1.0, 25.0, 750.0)]
    return np.concatenate([anywhere, *usual, 10.0 ** rng.uniform(-20, 3, 300)])


def truth_in_two(mp, function, x):
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
            return float(IN_FLOAT64[function](x)), 0.0
    value = exact(mp.mpf(float(x)))
    high = float(value)
    return high, float(value - mp.mpf(high)) if np.isfinite(high) else 0.0


@pytest.fixture(scope="module")
def truths():
    """For each function: arguments, and the true values in two parts."""
    mp = pytest.importorskip("mpmath")
    magnitudes = np.concatenate([special_numbers(), random_numbers(np.random.default_rng(8))])
    result = {}
    for function in FUNCTIONS:
        positive = [] if function in TO_ZERO else [magnitudes]
        x = np.concatenate(positive + ([] if function in FROM_ZERO else [-magnitudes]))
        result[function] = x, np.array([truth_in_two(mp, function, v) for v in x]).T
    return result


@every_function
def test_float64(function, compiled_level, truths):
    x, (truth, rest) = truths[function]
    error, where = worst(x, _core.evaluate(compiled_level, function, x), truth, rest)
    assert error <= LIMIT, where


# Properties


@every_function
def test_nan_gives_nan(function, compiled_level, dtype):
    x = np.array([np.nan, -0.5 if function in TO_ZERO else 0.5, -np.nan], dtype)
    np.testing.assert_array_equal(
        np.isnan(_core.evaluate(compiled_level, function, x)), [True, False, True]
    )


@pytest.mark.parametrize(
    ("function", "x", "expected"),
    [
        ("exp", [-np.inf, -1e4, -0.0, 0.0, 1e4, np.inf], [0, 0, 1, 1, np.inf, np.inf]),
        ("log", [-np.inf, -1.0, 1.0, np.inf], [np.nan, np.nan, 0, np.inf]),
        ("log", [-0.0, 0.0], [-np.inf, -np.inf]),
        ("log1p", [0.0, np.inf], [0, np.inf]),
        ("sigmoid", [-np.inf, -1e4, -0.0, 0.0, 40.0, np.inf], [0, 0, 0.5, 0.5, 1, 1]),
        ("tanh", [-np.inf, -25.0, 0.0, 25.0, np.inf], [-1, -1, 0, 1, 1]),
        ("expm1", [-np.inf, -1e4, -45.0, -0.0, 0.0], [-1, -1, -1, 0, 0]),
        ("erf", [-np.inf, -7.0, 0.0, 7.0, np.inf], [-1, -1, 0, 1, 1]),
    ],
)
def test_limits(function, x, expected, compiled_level, dtype):
    y = _core.evaluate(compiled_level, function, np.array(x, dtype))
    np.testing.assert_array_equal(y, np.array(expected, dtype))


@pytest.mark.parametrize("function", ["tanh", "erf"])
def test_odd_functions_keep_the_sign_of_zero(function, compiled_level, dtype, rng):
    limits = np.finfo(dtype)
    x = np.concatenate([[0.0, limits.smallest_subnormal, limits.tiny], rng.uniform(0, 12, 500)])
    x = x.astype(dtype)
    y = _core.evaluate(compiled_level, function, x)
    np.testing.assert_array_equal(_core.evaluate(compiled_level, function, -x), -y)
    assert not np.signbit(y).any()
    assert np.signbit(_core.evaluate(compiled_level, function, -x)).all()
    if function == "tanh":
        np.testing.assert_array_equal(y[:3], x[:3])


def test_subnormal_results(compiled_level, dtype):
    """e^x where it is subnormal: gradual, not flushed to zero."""
    limits = np.finfo(dtype)
    low, high = np.log(float(limits.smallest_subnormal)), np.log(float(limits.tiny))
    x = np.linspace(low, high, 200)[1:-1].astype(dtype)
    for function in ("exp", "sigmoid"):
        y = _core.evaluate(compiled_level, function, x)
        assert (y > 0).all()
        assert (y < limits.tiny).all()
        assert (np.diff(y) >= 0).all()


@pytest.mark.parametrize(
    ("function", "low", "high"),
    [
        ("exp", 0, np.inf),
        ("log1p", 0, np.inf),
        ("sigmoid", 0, 1),
        ("tanh", -1, 1),
        ("expm1", -1, 0),
        ("erf", -1, 1),
    ],
)
def test_range_and_saturation(function, low, high, compiled_level, dtype):
    """No value outside the range, and none that falls on the way to it by more than its errors."""
    start = 0 if function in FROM_ZERO else -60
    x = np.linspace(start, 0 if function in TO_ZERO else 60, 200_001).astype(dtype)
    y = _core.evaluate(compiled_level, function, x)
    assert y.min() >= low
    assert y.max() <= high
    assert (np.diff(y) >= -2 * LIMIT * np.spacing(abs(y[1:]))).all()
    if high == 1:
        assert (y[x > 45] == 1).all()


@every_function
def test_lanes_do_not_mix(function, compiled_level, dtype, rng):
    """Every number on its own, and as the last of an array that fills no vector."""
    x = rng.uniform(0.1, 5, 37).astype(dtype) * (-1 if function in TO_ZERO else 1)
    expected = _core.evaluate(compiled_level, function, x)
    for n in range(1, 37):
        y = _core.evaluate(compiled_level, function, x[:n].copy())
        np.testing.assert_array_equal(y, expected[:n])
    alone = [_core.evaluate(compiled_level, function, x[i : i + 1].copy()) for i in range(37)]
    np.testing.assert_array_equal(np.concatenate(alone), expected)


@every_function
def test_instruction_sets_with_fma_agree(function, dtype, rng):
    names = [n for n, here in _core.levels().items() if here and n != "baseline"]
    if len(names) < 2:
        pytest.skip("needs two instruction sets with fma")
    kind = {"float32": (np.uint32, 1 << 32), "float64": (np.uint64, 1 << 64)}[dtype]
    x = rng.integers(0, kind[1], 100_000, dtype=kind[0]).view(dtype)
    x = np.concatenate([x, rng.uniform(-30, 30, 100_000).astype(dtype)])
    x = -abs(x) if function in TO_ZERO else x
    results = [_core.evaluate(name, function, x) for name in names]
    for other in results[1:]:
        np.testing.assert_array_equal(other, results[0])
        number = ~np.isnan(other)
        np.testing.assert_array_equal(np.signbit(other[number]), np.signbit(results[0][number]))
