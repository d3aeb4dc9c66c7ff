"""Formulas of the Numba peer: exp without calls, activations, optimizers."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from math import factorial
from typing import Any

import numpy as np
from nnfast import Adam
from numba import njit

from benchmarks.workloads import Workload

# "numpy" errors: a division needs no check for zero, which would prevent vector code
jit = partial(njit, fastmath=True, error_model="numpy")
Compiled = Callable[..., Any]


def exponential(T: type[np.floating]) -> Compiled:
    """exp(x) = 2^n exp(r), r = x - n ln 2, with Taylor's polynomial in Estrin's form.

    Without branches and calls, so that loops around it become vector code.
    """
    single = T is np.float32
    I = np.int32 if single else np.int64  # noqa: E741
    shift, bias, limit = (I(23), I(127), T(87)) if single else (I(52), I(1023), T(708))
    log2e, half = T(1 / np.log(2)), T(0.5)
    high = T(0.693359375)  # ln 2 = high + low; n high is exact
    low = T(-2.12194440054690583e-4)
    c = [T(1 / factorial(k)) for k in range(12)]
    c0, c1, c2, c3, c4, c5, c6, c7, c8, c9, c10, c11 = c

    @jit
    def exp(x: float) -> float:
        x = min(max(x, -limit), limit)
        t = x * log2e
        n = I(t + (half if t > T(0) else -half))
        r = x - T(n) * high - T(n) * low
        r2 = r * r
        r4 = r2 * r2
        p = (c0 + c1 * r) + r2 * (c2 + c3 * r) + r4 * ((c4 + c5 * r) + r2 * (c6 + c7 * r))
        if not single:
            p += r4 * r4 * ((c8 + c9 * r) + r2 * (c10 + c11 * r))
        return p * I((n + bias) << shift).view(T)

    return exp


def scalar(name: str, T: type[np.floating]) -> tuple[Compiled, Compiled]:
    """a = f(z) of one number, and da/dz in terms of a."""
    exp, one, two, zero = exponential(T), T(1), T(2), T(0)
    table = {
        "sigmoid": (lambda z: one / (one + exp(-z)), lambda a: a * (one - a)),
        "tanh": (lambda z: one - two / (one + exp(two * z)), lambda a: one - a * a),
        "relu": (lambda z: max(z, zero), lambda a: one if a > zero else zero),
        "linear": (lambda z: z, lambda a: one),
    }
    f, slope = table[name]
    return jit(f), jit(slope)


def activation(name: str, columns: int, T: type[np.floating]) -> Compiled:
    """activate(z, rows): a = f(z) in place, in the first rows."""
    if name == "softmax":
        return softmax(columns, T)
    f, _ = scalar(name, T)

    @jit
    def activate(z: Any, rows: int) -> None:
        flat = z.ravel()
        for i in range(rows * z.shape[1]):
            flat[i] = f(flat[i])

    return activate


def softmax(columns: int, T: type[np.floating]) -> Compiled:
    """Each row of z becomes exp(z) / sum exp(z), in place."""
    exp, zero = exponential(T), T(0)

    @jit
    def normalise(z: Any, rows: int) -> None:
        for i in range(rows):
            top, total = z[i, 0], zero
            for j in range(columns):
                top = max(top, z[i, j])
            for j in range(columns):
                z[i, j] = exp(z[i, j] - top)
                total += z[i, j]
            for j in range(columns):
                z[i, j] /= total

    return normalise


def optimizer(w: Workload, size: int) -> Compiled:
    """update(parameters, gradient, m, v, step), which leaves the gradient zero."""
    T = np.dtype(w.dtype).type
    zero, one, rate = T(0), T(1), T(w.optimizer.learning_rate)
    if not isinstance(w.optimizer, Adam):

        @jit
        def sgd(p: Any, g: Any, m: Any, v: Any, step: int) -> None:
            for i in range(size):
                p[i] -= rate * g[i]
                g[i] = zero

        return sgd
    beta1, beta2, epsilon = w.optimizer.beta1, w.optimizer.beta2, T(w.optimizer.epsilon)
    learning_rate, b1, b2 = w.optimizer.learning_rate, T(beta1), T(beta2)

    @jit
    def adam(p: Any, g: Any, m: Any, v: Any, step: int) -> None:
        r = T(learning_rate / (1 - beta1**step))
        c = T(1 / np.sqrt(1 - beta2**step))
        for i in range(size):
            m[i] = b1 * m[i] + (one - b1) * g[i]
            v[i] = b2 * v[i] + (one - b2) * g[i] * g[i]
            p[i] -= r * m[i] / (c * np.sqrt(v[i]) + epsilon)
            g[i] = zero

    return adam


def slope(name: str, T: type[np.floating]) -> Compiled:
    """through(a, delta, rows, _): delta *= f'(z), in terms of a."""
    _, f = scalar(name, T)

    @jit
    def through(a: Any, delta: Any, rows: int, _: Any) -> None:
        flat, flat_a = delta.ravel(), a.ravel()
        for i in range(rows * delta.shape[1]):
            flat[i] *= f(flat_a[i])

    return through


@jit
def nothing(a: Any, b: Any, c: Any, d: Any) -> None:
    """Where a step is not needed."""
