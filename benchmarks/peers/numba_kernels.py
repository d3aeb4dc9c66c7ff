"""Compiled pieces of the Numba peer: exp, activations and matrix products in explicit loops."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from math import factorial
from typing import Any

import numpy as np
from numba import njit

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
    """activate(a, flat): a = f(z) in place, where flat is a without its shape."""
    if name == "softmax":
        return softmax(columns, T)
    f, _ = scalar(name, T)

    @jit
    def activate(a: Any, flat: Any) -> None:
        for i in range(flat.size):
            flat[i] = f(flat[i])

    return activate


def softmax(columns: int, T: type[np.floating]) -> Compiled:
    """Each row of z becomes exp(z) / sum exp(z), in place."""
    exp, zero = exponential(T), T(0)

    @jit
    def normalise(z: Any, flat: Any) -> None:
        for i in range(z.shape[0]):
            top, total = z[i, 0], zero
            for j in range(columns):
                top = max(top, z[i, j])
            for j in range(columns):
                z[i, j] = exp(z[i, j] - top)
                total += z[i, j]
            for j in range(columns):
                z[i, j] /= total

    return normalise


def slope(name: str, T: type[np.floating]) -> Compiled:
    """through(a, delta, work): delta *= f'(z), in terms of a."""
    _, f = scalar(name, T)

    @jit
    def through(a: Any, delta: Any, work: Any) -> None:
        for i in range(delta.size):
            delta[i] *= f(a[i])

    return through


@jit
def nothing(a: Any, b: Any, c: Any) -> None:
    """Where a step is not needed."""


def blocked(columns: int) -> Compiled:
    """C += A @ B in blocks of 4 rows and 4 terms; the loop over columns becomes vector code."""

    @jit
    def product(A: Any, B: Any, C: Any, work: Any) -> None:
        rows, terms = C.shape[0], B.shape[0]
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


@jit
def dots(A: Any, B: Any, C: Any, work: Any) -> None:
    """C += A @ B for a single column, a sum over A's rows each."""
    for i in range(A.shape[0]):
        total = C[i, 0]
        for k in range(B.shape[0]):
            total += A[i, k] * B[k, 0]
        C[i, 0] = total


@jit
def outer(A: Any, B: Any, C: Any, work: Any) -> None:
    """C += A @ B for a single column, where the columns of A are contiguous."""
    for k in range(B.shape[0]):
        b = B[k, 0]
        for i in range(C.shape[0]):
            C[i, 0] += A[i, k] * b


@jit
def blas(A: Any, B: Any, C: Any, work: Any) -> None:
    """C += A @ B for wide layers: SciPy's BLAS, which Numba calls."""
    product = work[: C.size].reshape(C.shape)
    np.dot(A, B, product)
    for i in range(C.shape[0]):
        for j in range(C.shape[1]):
            C[i, j] += product[i, j]
