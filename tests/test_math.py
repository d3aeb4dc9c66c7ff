"""The functions of the compiled levels, such as exp: within 4 ulp of the truth."""

from __future__ import annotations

import os

import numpy as np
import pytest

from benchmarks.accuracy import (
    FROM_ZERO,
    FUNCTIONS,
    STRIDE,
    TO_ZERO,
    float32_truths,
    float64_truths,
    worst,
)
from nnfast import _core

LIMIT = 4.0  # ulp
# every float32 where NNFAST_EXHAUSTIVE=1 asks for it (about an hour), else every 1009th
EXHAUSTIVE = os.environ.get("NNFAST_EXHAUSTIVE") == "1"

every_function = pytest.mark.parametrize("function", FUNCTIONS)


def test_table_is_that_of_the_core(compiled_level):
    assert _core.formulas(compiled_level)["functions"] == FUNCTIONS


@pytest.mark.timeout(3600 if EXHAUSTIVE else 60)
@every_function
def test_float32(function, compiled_level):
    for x, truth in float32_truths(function, 1 if EXHAUSTIVE else STRIDE):
        error, where = worst(x, _core.evaluate(compiled_level, function, x), truth)
        assert error <= LIMIT, where


@pytest.fixture(scope="module")
def truths():
    """For each function: arguments, and the true values in two parts."""
    mp = pytest.importorskip("mpmath")
    return {function: float64_truths(mp, function) for function in FUNCTIONS}


@every_function
def test_float64(function, compiled_level, truths):
    x, truth, rest = truths[function]
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
