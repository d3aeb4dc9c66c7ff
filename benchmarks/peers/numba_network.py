"""Compiled networks of the Numba peer: layers linked into one training or prediction function.

Sizes are constants of each compiled function. Parameters and gradient are one flat array each, of
which tuples of views are made once; the outputs of a layer may be padded to whole vectors, with
weights that stay zero.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from nnfast import Adam
from numba import njit, prange

from benchmarks.peers import numba_kernels as kernels
from benchmarks.peers import numba_products as products
from benchmarks.peers.numba_kernels import Compiled, jit
from benchmarks.workloads import Workload

TINY = 16 * 16  # weights of a layer up to which plain loops are fastest
WIDE = 128 * 128  # weights of a layer from which on BLAS is


@dataclass(frozen=True)
class Plan:
    """One layer: W = parameters[W:b] (inputs, padded), b = parameters[b:end], and its products."""

    name: str
    inputs: int
    outputs: int
    padded: int
    W: int
    b: int
    end: int
    products: products.Products


def plan(w: Workload) -> list[Plan]:
    T = np.dtype(w.dtype).type
    lanes = 64 // np.dtype(w.dtype).itemsize
    widest = max(inputs * outputs for inputs, outputs in w.shapes)
    plans: list[Plan] = []
    start = 0
    for (inputs, outputs), name in zip(w.shapes, w.activations, strict=True):
        padded = outputs if widest <= TINY or outputs <= 4 else -(-outputs // lanes) * lanes
        if widest <= TINY:
            forms = products.plain(inputs, outputs, T)
        elif outputs == 1:
            forms = products.single(inputs, T)
        elif widest >= WIDE:
            forms = products.blas()
        else:
            forms = products.blocked(inputs, padded, T)
        b = start + inputs * padded
        plans.append(Plan(name, inputs, outputs, padded, start, b, b + padded, forms))
        start = b + padded
    return plans


def tuple_of(makers: list[Compiled]) -> Compiled:
    """make(flat): the tuple of what each maker makes of it."""
    first = makers[0]
    if len(makers) == 1:

        @njit
        def one(flat: Any) -> Any:
            return (first(flat),)

        return one
    others = tuple_of(makers[1:])

    @njit
    def more(flat: Any) -> Any:
        return (first(flat), *others(flat))

    return more


def matrix(start: int, stop: int, columns: int) -> Compiled:
    return njit(lambda flat: flat[start:stop].reshape((stop - start) // columns, columns))


def vector(start: int, stop: int) -> Compiled:
    return njit(lambda flat: flat[start:stop])


def zeros(rows: int, columns: int, T: type[np.floating]) -> Compiled:
    return njit(lambda flat: np.zeros((rows, columns), T))


def makers(plans: list[Plan], chunk: int, T: type[np.floating]) -> tuple[Compiled, ...]:
    """Functions of a flat array that give the tuples of its W, of its b, and of new buffers."""
    return (
        tuple_of([matrix(p.W, p.b, p.padded) for p in plans]),
        tuple_of([vector(p.b, p.end) for p in plans]),
        tuple_of([zeros(chunk, p.padded, T) for p in plans]),
    )


def training(w: Workload, plans: list[Plan], chunk: int) -> Compiled:
    """run(X, Y, P): all epochs on the flat parameters P."""
    T = np.dtype(w.dtype).type
    epochs, rows, batch, size = w.epochs, w.rows, w.batch, plans[-1].end
    # plain descent on a batch in one piece: P += X^T (-rate delta) without a gradient
    fused = not isinstance(w.optimizer, Adam) and batch <= chunk
    scale = -w.optimizer.learning_rate if fused else 1.0
    even = batch if batch <= chunk and rows % batch == 0 else 0  # rows of every sweep, if equal
    sweep, update = link(w, plans, 0, scale, even), kernels.optimizer(w, size)
    matrices, vectors, buffers = makers(plans, chunk, T)

    @njit(fastmath=True, error_model="numpy")
    def run(X: Any, Y: Any, P: Any) -> None:
        gradient, m, v = np.zeros(size, T), np.zeros(size, T), np.zeros(size, T)
        target = P if fused else gradient
        W, b, tW, tb = matrices(P), vectors(P), matrices(target), vectors(target)
        outputs, slopes = buffers(P), buffers(P)
        step = 0
        for _ in range(epochs):
            for start in range(0, rows, batch):
                stop = min(start + batch, rows)
                n = T(stop - start)
                for i in range(start, stop, chunk):
                    count = min(chunk, stop - i)
                    sweep(X, Y, i, i, count, n, W, b, tW, tb, outputs, slopes)
                if not fused:
                    step += 1
                    update(P, gradient, m, v, step)

    return run


def link(w: Workload, plans: list[Plan], k: int, scale: float, even: int) -> Compiled:
    """sweep(x, Y, first, i, rows, n, W, b, tW, tb, outputs, slopes) of layer k and all above.

    x[first:], Y[i:]: `rows` rows of a batch of n. tW, tb += scale times the gradient of the mean
    loss; the slopes dLoss/dx go to the layer below.
    """
    p, T = plans[k], np.dtype(w.dtype).type
    forward, gradient, backward = p.products
    activate = kernels.activation(p.name, p.outputs, T)
    last = k == len(plans) - 1
    above = output_slopes(w, scale) if last else link(w, plans, k + 1, scale, even)
    through = kernels.nothing if last and w.paired else kernels.slope(p.name, T)
    if k == 0:
        backward = kernels.nothing
    lower = max(k - 1, 0)

    @jit
    def sweep(
        x: Any, Y: Any, first: int, i: int, count: int, n: Any,
        W: Any, b: Any, tW: Any, tb: Any, outputs: Any, slopes: Any,
    ) -> None:
        rows = even if even else count
        a, delta = outputs[k], slopes[k]
        forward(x, first, rows, W[k], b[k], a)
        activate(a, rows)
        above(a, Y, 0, i, rows, n, W, b, tW, tb, outputs, slopes)
        through(a, delta, rows, 0)
        backward(delta, rows, W[k], slopes[lower])
        gradient(x, first, rows, delta, tW[k], tb[k])

    return sweep  # fmt: skip


def output_slopes(w: Workload, scale: float) -> Compiled:
    """scale dLoss/da of the outputs, or dLoss/dz where the slope has cancelled."""
    factor = np.dtype(w.dtype).type(scale * w.slope_factor)
    last, columns = len(w.shapes) - 1, w.sizes[-1]

    @jit
    def slopes_of(
        a: Any, Y: Any, first: int, i: int, rows: int, n: Any,
        W: Any, b: Any, tW: Any, tb: Any, outputs: Any, slopes: Any,
    ) -> None:
        c = factor / n
        delta = slopes[last]
        for r in range(rows):
            for j in range(columns):
                delta[r, j] = c * (a[r, j] - Y[i + r, j])

    return slopes_of  # fmt: skip


def prediction(w: Workload, plans: list[Plan], chunk: int) -> Compiled:
    """run(X, P): outputs of all rows; threads share the chunks."""
    T = np.dtype(w.dtype).type
    n, columns = w.rows, w.sizes[-1]
    layers = chain(w, plans, 0)
    matrices, vectors, buffers = makers(plans, min(chunk, n), T)
    parallel = w.threads > 1 and max(p.inputs * p.outputs for p in plans) < WIDE  # BLAS has threads
    pieces = w.threads if parallel else 1

    @njit(fastmath=True, error_model="numpy", parallel=parallel)
    def run(X: Any, P: Any) -> Any:
        out = np.empty((n, columns), T)
        for piece in prange(pieces):
            W, b, outputs = matrices(P), vectors(P), buffers(P)
            end = (piece + 1) * n // pieces
            for start in range(piece * n // pieces, end, chunk):
                rows = min(chunk, end - start)
                a = layers(X, start, rows, W, b, outputs)
                for i in range(rows):
                    for j in range(columns):
                        out[start + i, j] = a[i, j]
        return out

    return run


def chain(w: Workload, plans: list[Plan], k: int) -> Compiled:
    """layers(x, first, rows, W, b, outputs): the last outputs, from layer k on."""
    p, last = plans[k], k == len(plans) - 1
    forward = p.products[0]
    activate = kernels.activation(p.name, p.outputs, np.dtype(w.dtype).type)
    above = jit(lambda x, first, rows, W, b, outputs: x) if last else chain(w, plans, k + 1)

    @jit
    def layers(x: Any, first: int, rows: int, W: Any, b: Any, outputs: Any) -> Any:
        forward(x, first, rows, W[k], b[k], outputs[k])
        activate(outputs[k], rows)
        return above(outputs[k], 0, rows, W, b, outputs)

    return layers
