"""Matrix products of the Numba peer, each in three forms: plain loops, blocked loops, BLAS.

    forward(x, first, rows, W, b, z)        z = x W + b
    gradient(x, first, rows, delta, tW, tb) tW += x^T delta, tb += the sum of delta's rows
    backward(delta, rows, W, below)         below = delta W^T

x: rows first ... first + rows of the layer's inputs; z, delta (rows, outputs).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.peers.numba_kernels import Compiled, jit

Products = tuple[Compiled, Compiled, Compiled]


def plain(inputs: int, outputs: int, T: type[np.floating]) -> Products:
    """Sums over the inner index, for layers of a few units: the compiler unrolls them."""
    zero = T(0)

    @jit
    def forward(x: Any, first: int, rows: int, W: Any, b: Any, z: Any) -> None:
        for r in range(rows):
            for j in range(outputs):
                total = b[j]
                for k in range(inputs):
                    total += x[first + r, k] * W[k, j]
                z[r, j] = total

    @jit
    def gradient(x: Any, first: int, rows: int, delta: Any, tW: Any, tb: Any) -> None:
        for k in range(inputs):
            for j in range(outputs):
                total = zero
                for r in range(rows):
                    total += x[first + r, k] * delta[r, j]
                tW[k, j] += total
        for j in range(outputs):
            total = zero
            for r in range(rows):
                total += delta[r, j]
            tb[j] += total

    @jit
    def backward(delta: Any, rows: int, W: Any, below: Any) -> None:
        for r in range(rows):
            for k in range(inputs):
                total = zero
                for j in range(outputs):
                    total += delta[r, j] * W[k, j]
                below[r, k] = total

    return forward, gradient, backward


def single(inputs: int, T: type[np.floating]) -> Products:
    """One output: the loops over the inputs become vector code."""
    backward = plain(inputs, 1, T)[2]

    @jit
    def forward(x: Any, first: int, rows: int, W: Any, b: Any, z: Any) -> None:
        for r in range(rows):
            total = b[0]
            for k in range(inputs):
                total += x[first + r, k] * W[k, 0]
            z[r, 0] = total

    @jit
    def gradient(x: Any, first: int, rows: int, delta: Any, tW: Any, tb: Any) -> None:
        for r in range(rows):
            d = delta[r, 0]
            for k in range(inputs):
                tW[k, 0] += x[first + r, k] * d
            tb[0] += d

    return forward, gradient, backward


def blocked(inputs: int, padded: int, T: type[np.floating]) -> Products:
    """Outer products over `padded` columns, for layers of some dozen units."""
    product, transposed_product = accumulate(padded), accumulate(inputs)
    zero = T(0)

    @jit
    def forward(x: Any, first: int, rows: int, W: Any, b: Any, z: Any) -> None:
        for r in range(rows):
            for j in range(padded):
                z[r, j] = b[j]
        product(x[first : first + rows], W, z, rows, inputs)

    @jit
    def gradient(x: Any, first: int, rows: int, delta: Any, tW: Any, tb: Any) -> None:
        product(x[first : first + rows].T, delta, tW, inputs, rows)
        for r in range(rows):
            for j in range(padded):
                tb[j] += delta[r, j]

    @jit
    def backward(delta: Any, rows: int, W: Any, below: Any) -> None:
        transposed = np.empty((padded, inputs), T)
        for k in range(inputs):
            for j in range(padded):
                transposed[j, k] = W[k, j]
        for r in range(rows):
            for k in range(below.shape[1]):
                below[r, k] = zero
        transposed_product(delta, transposed, below, rows, padded)

    return forward, gradient, backward


def blas() -> Products:
    """SciPy's BLAS, which Numba calls, for wide layers."""

    @jit
    def forward(x: Any, first: int, rows: int, W: Any, b: Any, z: Any) -> None:
        np.dot(x[first : first + rows], W, z[:rows])
        for r in range(rows):
            for j in range(b.size):
                z[r, j] += b[j]

    @jit
    def gradient(x: Any, first: int, rows: int, delta: Any, tW: Any, tb: Any) -> None:
        product = np.dot(x[first : first + rows].T, delta[:rows])
        for k in range(tW.shape[0]):
            for j in range(tW.shape[1]):
                tW[k, j] += product[k, j]
        for r in range(rows):
            for j in range(tb.size):
                tb[j] += delta[r, j]

    @jit
    def backward(delta: Any, rows: int, W: Any, below: Any) -> None:
        np.dot(delta[:rows], W.T, below[:rows])

    return forward, gradient, backward


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
