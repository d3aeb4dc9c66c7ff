"""Compiled pieces of the Numba peer: exp without calls, activations, products, optimizers."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from math import factorial
from typing import Any

import numpy as np
from numba import njit

from benchmarks.workloads import Workload
from nnfast import Adam

# "numpy" errors: a division needs no check for zero, which would prevent vector code
jit = partial(njit, fastmath=True, error_model="numpy")
Compiled = Callable[..., Any]


def exponential(T: type[np.floating]) -> Compiled:
    """exp(x) = 2^n exp(r), r = x - n ln 2, with Taylor's polynomial in Estrin's form.

    Without branches and calls, so that loops around it become vector code.
    """
    single = T is np.float32
    Int = np.int32 if single else np.int64
    shift, bias, limit = (Int(23), Int(127), T(87)) if single else (Int(52), Int(1023), T(708))
    log2e, half, zero = T(1 / np.log(2)), T(0.5), T(0)
    high, low = T(0.693359375), T(-2.12194440054690583e-4)  # ln 2; n high is exact
    c0, c1, c2, c3, c4, c5, c6, c7, c8, c9, c10, c11 = (T(1 / factorial(k)) for k in range(12))

    @jit
    def exp(x: float) -> float:
        x = min(max(x, -limit), limit)
        t = x * log2e
        n = Int(t + (half if t > zero else -half))
        r = x - T(n) * high - T(n) * low
        r2 = r * r
        r4 = r2 * r2
        p = (c0 + c1 * r) + r2 * (c2 + c3 * r) + r4 * ((c4 + c5 * r) + r2 * (c6 + c7 * r))
        if not single:
            p += r4 * r4 * ((c8 + c9 * r) + r2 * (c10 + c11 * r))
        return p * Int((n + bias) << shift).view(T)

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
    f, slope = table.get(name, table["linear"])  # softmax goes by rows
    return jit(f), jit(slope)


def activation(name: str, columns: int, T: type[np.floating]) -> Compiled:
    """activate(z, rows): a = f(z) in place, in the first rows."""
    if name == "softmax":
        return softmax(columns, T)
    f, _ = scalar(name, T)

    @jit
    def activate(z: Any, rows: int) -> None:
        flat = z.reshape(z.size)
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


def through(name: str, T: type[np.floating]) -> Compiled:
    """multiply(a, delta, rows): delta *= f'(z), in terms of a."""
    _, slope = scalar(name, T)

    @jit
    def multiply(a: Any, delta: Any, rows: int) -> None:
        flat, flat_a = delta.reshape(delta.size), a.reshape(a.size)
        for i in range(rows * delta.shape[1]):
            flat[i] *= slope(flat_a[i])

    return multiply


def accumulate(columns: int) -> Compiled:
    """C += A @ B in blocks of 4 rows and 4 terms; the loop over columns becomes vector code."""

    @jit
    def product(A: Any, B: Any, C: Any, rows: int, terms: int) -> None:
        for i in range(0, rows - rows % 4, 4):
            for k in range(0, terms - terms % 4, 4):
                a00, a01, a02, a03 = A[i, k], A[i, k + 1], A[i, k + 2], A[i, k + 3]
                a10, a11, a12, a13 = A[i + 1, k], A[i + 1, k + 1], A[i + 1, k + 2], A[i + 1, k + 3]
                a20, a21, a22, a23 = A[i + 2, k], A[i + 2, k + 1], A[i + 2, k + 2], A[i + 2, k + 3]
                a30, a31, a32, a33 = A[i + 3, k], A[i + 3, k + 1], A[i + 3, k + 2], A[i + 3, k + 3]
                for j in range(columns):
                    b0, b1, b2, b3 = B[k, j], B[k + 1, j], B[k + 2, j], B[k + 3, j]
                    C[i, j] += a00 * b0 + a01 * b1 + a02 * b2 + a03 * b3
                    C[i + 1, j] += a10 * b0 + a11 * b1 + a12 * b2 + a13 * b3
                    C[i + 2, j] += a20 * b0 + a21 * b1 + a22 * b2 + a23 * b3
                    C[i + 3, j] += a30 * b0 + a31 * b1 + a32 * b2 + a33 * b3
            for k in range(terms - terms % 4, terms):
                a0, a1, a2, a3 = A[i, k], A[i + 1, k], A[i + 2, k], A[i + 3, k]
                for j in range(columns):
                    b0 = B[k, j]
                    C[i, j] += a0 * b0
                    C[i + 1, j] += a1 * b0
                    C[i + 2, j] += a2 * b0
                    C[i + 3, j] += a3 * b0
        for i in range(rows - rows % 4, rows):
            for k in range(terms):
                a0 = A[i, k]
                for j in range(columns):
                    C[i, j] += a0 * B[k, j]

    return product


def optimizer(w: Workload, size: int) -> Compiled:
    """update(P, G, m, v, step), which leaves the gradient G zero."""
    T = np.dtype(w.dtype).type
    zero, one, rate = T(0), T(1), T(w.optimizer.learning_rate)
    if not isinstance(w.optimizer, Adam):

        @jit
        def sgd(P: Any, G: Any, m: Any, v: Any, step: int) -> None:
            for i in range(size):
                P[i] -= rate * G[i]
                G[i] = zero

        return sgd
    beta1, beta2, epsilon = w.optimizer.beta1, w.optimizer.beta2, T(w.optimizer.epsilon)
    learning_rate, b1, b2 = w.optimizer.learning_rate, T(beta1), T(beta2)

    @jit
    def adam(P: Any, G: Any, m: Any, v: Any, step: int) -> None:
        r = T(learning_rate / (1 - beta1**step))
        c = T(1 / np.sqrt(1 - beta2**step))
        for i in range(size):
            m[i] = b1 * m[i] + (one - b1) * G[i]
            v[i] = b2 * v[i] + (one - b2) * G[i] * G[i]
            P[i] -= r * m[i] / (c * np.sqrt(v[i]) + epsilon)
            G[i] = zero

    return adam
