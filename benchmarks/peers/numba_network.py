"""Compiled networks of the Numba peer: layers linked into one training or prediction function.

Sizes and places are constants of each compiled function. Parameters, gradient and scratch are one
flat array each; the outputs of a layer are padded to whole vectors with weights that stay zero.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from nnfast import Adam
from numba import njit, prange

from benchmarks.peers import numba_kernels as kernels
from benchmarks.peers.numba_kernels import Compiled, jit
from benchmarks.workloads import Workload

WIDE = 128 * 128  # weights of a layer from which on BLAS is faster than loops


@dataclass(frozen=True)
class Plan:
    """One layer: W = parameters[W:b], b = parameters[b:end], scratch[a:slope] its outputs,
    scratch[slope:spare] the slopes, and its matrix products."""

    name: str
    inputs: int
    outputs: int
    padded: int
    W: int
    b: int
    end: int
    a: int
    slope: int
    spare: int
    wide: bool

    @property
    def forward(self) -> Compiled:
        if self.outputs == 1:
            return kernels.dots
        return kernels.blas if self.wide else kernels.blocked(self.padded)

    @property
    def gradient(self) -> Compiled:
        return kernels.outer if self.outputs == 1 else self.forward

    @property
    def backward(self) -> Compiled:
        return kernels.blas if self.wide else kernels.blocked(self.inputs)


def plan(w: Workload, rows: int) -> list[Plan]:
    """The layers for up to `rows` rows at a time."""
    lanes = 64 // np.dtype(w.dtype).itemsize
    plans: list[Plan] = []
    start = scratch = 0
    for (inputs, outputs), name in zip(w.shapes, w.activations, strict=True):
        padded = outputs if outputs <= 4 else -(-outputs // lanes) * lanes
        b, slope = start + inputs * padded, scratch + rows * padded
        wide = inputs * outputs >= WIDE or (bool(plans) and plans[-1].wide)
        plans.append(
            Plan(
                name, inputs, outputs, padded, start, b, b + padded, scratch, slope,
                slope + rows * padded, wide,
            )
        )  # fmt: skip
        start, scratch = b + padded, slope + rows * padded
    return plans


def scratch_size(plans: list[Plan], rows: int) -> int:
    """Outputs and slopes of all layers, then a transposed matrix and a product."""
    largest = max(max(p.inputs, rows) * max(p.padded, p.inputs) for p in plans)
    return plans[-1].spare + 2 * largest


def training(w: Workload, plans: list[Plan], chunk: int) -> Compiled:
    """run(X, Y, parameters): all epochs."""
    T = np.dtype(w.dtype).type
    epochs, rows, batch = w.epochs, w.rows, w.batch
    size, scratch = plans[-1].end, scratch_size(plans, chunk)
    # plain descent on a batch in one piece: P += X^T (-rate delta) without a gradient
    fused = not isinstance(w.optimizer, Adam) and batch <= chunk
    scale = -w.optimizer.learning_rate if fused else 1.0
    sweep, update = link(w, plans, 0, plans[-1].spare, scale), optimizer(w, size)

    @jit
    def run(X: Any, Y: Any, parameters: Any) -> None:
        gradient, m, v = np.zeros(size, T), np.zeros(size, T), np.zeros(size, T)
        work = np.zeros(scratch, T)
        step = 0
        for _ in range(epochs):
            for start in range(0, rows, batch):
                stop = min(start + batch, rows)
                n = T(stop - start)
                if fused:
                    sweep(X[start:stop], Y[start:stop], n, parameters, parameters, work)
                else:
                    for i in range(start, stop, chunk):
                        j = min(i + chunk, stop)
                        sweep(X[i:j], Y[i:j], n, parameters, gradient, work)
                    step += 1
                    update(parameters, gradient, m, v, step)

    return run


def prediction(w: Workload, plans: list[Plan], chunk: int) -> Compiled:
    """run(X, parameters): outputs of all rows; two threads share the chunks."""
    T = np.dtype(w.dtype).type
    rows, outputs, scratch = w.rows, w.sizes[-1], scratch_size(plans, min(chunk, w.rows))
    forward = chain(w, plans, 0)
    wide = any(p.wide for p in plans)
    parallel = w.threads > 1 and not wide  # BLAS has threads of its own
    pieces = w.threads if parallel else 1

    @njit(fastmath=True, error_model="numpy", parallel=parallel)
    def run(X: Any, parameters: Any) -> Any:
        out = np.empty((rows, outputs), T)
        for piece in prange(pieces):
            work = np.empty(scratch, T)
            for start in range(piece * rows // pieces, (piece + 1) * rows // pieces, chunk):
                stop = min(start + chunk, (piece + 1) * rows // pieces)
                a = forward(X[start:stop], parameters, work)
                for i in range(stop - start):
                    for j in range(outputs):
                        out[start + i, j] = a[i, j]
        return out

    return run


def chain(w: Workload, plans: list[Plan], k: int) -> Compiled:
    """forward(x, parameters, work) from layer k to the outputs."""
    layer = forward_layer(w, plans[k], plans[-1].spare)
    if k == len(plans) - 1:
        return layer
    above = chain(w, plans, k + 1)

    @jit
    def forward(x: Any, parameters: Any, work: Any) -> Any:
        return above(layer(x, parameters, work), parameters, work)

    return forward


def link(w: Workload, plans: list[Plan], k: int, spare: int, scale: float) -> Compiled:
    """sweep(x, y, n, parameters, target, work) of layer k and all above.

    target += scale times the gradient of the loss summed over these rows and divided by n; the
    slopes of x, dLoss/dx, go to the place of the layer below.
    """
    p = plans[k]
    layer, product = forward_layer(w, p, spare), p.gradient
    if k == len(plans) - 1:
        above, paired = output_slopes(w, p, scale), w.paired
    else:
        above, paired = link(w, plans, k + 1, spare, scale), False
    below = input_slopes(p, plans[k - 1], spare) if k else kernels.nothing
    through = kernels.nothing if paired else kernels.slope(p.name, np.dtype(w.dtype).type)
    inputs, padded, W0, b0, slope0 = p.inputs, p.padded, p.W, p.b, p.slope

    @jit
    def sweep(x: Any, y: Any, n: Any, parameters: Any, target: Any, work: Any) -> None:
        rows = x.shape[0]
        a = layer(x, parameters, work)
        above(a, y, n, parameters, target, work)
        flat = work[slope0 : slope0 + rows * padded]
        delta = flat.reshape(rows, padded)
        through(a.reshape(rows * padded), flat, work)
        below(delta, parameters, work)
        product(x.T, delta, target[W0:b0].reshape(inputs, padded), work[spare:])
        for i in range(rows):
            for j in range(padded):
                target[b0 + j] += delta[i, j]

    return sweep


def output_slopes(w: Workload, p: Plan, scale: float) -> Compiled:
    """scale dLoss/da of the outputs, or dLoss/dz where the slope has cancelled."""
    factor = np.dtype(w.dtype).type(scale * w.slope_factor)
    outputs, padded, slope0 = p.outputs, p.padded, p.slope

    @jit
    def slopes(a: Any, y: Any, n: Any, parameters: Any, target: Any, work: Any) -> None:
        c = factor / n
        for i in range(a.shape[0]):
            for j in range(outputs):
                work[slope0 + i * padded + j] = c * (a[i, j] - y[i, j])

    return slopes


def input_slopes(p: Plan, lower: Plan, spare: int) -> Compiled:
    """dLoss/dx = delta W^T, with W transposed first, into the slopes of the layer below."""
    inputs, padded, W0, b0 = p.inputs, p.padded, p.W, p.b
    slope0, width, product = lower.slope, lower.padded, p.backward
    terms = padded if p.wide else p.outputs

    @jit
    def below(delta: Any, parameters: Any, work: Any) -> None:
        rows = delta.shape[0]
        W = parameters[W0:b0].reshape(inputs, padded)
        flat = work[slope0 : slope0 + rows * width]
        for i in range(rows * width):
            flat[i] = 0
        transposed = work[spare : spare + padded * inputs].reshape(padded, inputs)
        for i in range(inputs):
            for j in range(padded):
                transposed[j, i] = W[i, j]
        product(delta, transposed[:terms], flat.reshape(rows, width), work[spare + padded * inputs :])

    return below


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


def forward_layer(w: Workload, p: Plan, spare: int) -> Compiled:
    """forward(x, parameters, work): the layer's outputs (rows, padded), a view into `work`."""
    activate = kernels.activation(p.name, p.outputs, np.dtype(w.dtype).type)
    product, inputs, padded, W0, b0, end, a0 = (
        p.forward, p.inputs, p.padded, p.W, p.b, p.end, p.a,
    )  # fmt: skip

    @jit
    def forward(x: Any, parameters: Any, work: Any) -> Any:
        n = x.shape[0]
        flat = work[a0 : a0 + n * padded]
        a = flat.reshape(n, padded)
        b = parameters[b0:end]
        for i in range(n):
            for j in range(padded):
                a[i, j] = b[j]
        product(x, parameters[W0:b0].reshape(inputs, padded), a, work[spare:])
        activate(a, flat)
        return a

    return forward
