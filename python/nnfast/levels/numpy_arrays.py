"""Level "numpy": the network in matrices, a whole batch at a time. The reference."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from nnfast.formulas import ACTIVATIONS, LOSSES, Activation, BatchMethod, Optimizer, at_rate
from nnfast.levels import batch_methods
from nnfast.levels.contract import (
    NO_CONTROL,
    Architecture,
    Array,
    Control,
    DivergenceError,
    Pair,
    TrainingState,
)

GAMMA = 0x9E3779B97F4A7C15


class NumpyArrays:
    """Forward and backward passes over a batch X (rows, inputs)."""

    def __init__(self, architecture: Architecture) -> None:
        self.architecture = architecture
        self.activations = [ACTIVATIONS[name] for name in architecture.activations]
        self.regularization = architecture.regularization
        limits = [rule.max_norm for rule in self.regularization]
        self.limits = [(k, limit) for k, limit in enumerate(limits) if limit < math.inf]
        self.loss_function = LOSSES[architecture.loss]

    def forward(self, parameters: Array, X: Array) -> Array:
        _, outputs, _ = self.run(self.architecture.views(parameters), X)
        return outputs[-1]

    def loss(
        self, parameters: Array, X: Array, Y: Array, sample_weight: Array | None = None
    ) -> float:
        logits, outputs, _ = self.run(self.architecture.views(parameters), X)
        return self.mean_loss(logits[-1], outputs[-1], Y, sample_weight)

    def loss_and_gradient(
        self, parameters: Array, X: Array, Y: Array, sample_weight: Array | None = None
    ) -> tuple[float, Array]:
        gradient = np.empty_like(parameters)
        layers, gradients = self.architecture.views(parameters), self.architecture.views(gradient)
        loss = self.backpropagate(layers, gradients, X, Y, sample_weight)
        self.penalise(layers, gradients)
        return loss + self.penalty(layers), gradient

    def train(
        self,
        parameters: Array,
        state: TrainingState,
        X: Array,
        Y: Array,
        sample_weight: Array | None = None,
        *,
        epochs: int,
        batch_size: int,
        optimizer: Optimizer,
        shuffle: bool,
        control: Control = NO_CONTROL,
    ) -> list[float]:
        before = parameters.copy(), state.copy()
        gradient = np.empty_like(parameters)
        layers, gradients = self.architecture.views(parameters), self.architecture.views(gradient)
        n = len(X)
        losses = []
        updates = 0
        with np.errstate(all="ignore"):
            for _ in range(epochs):
                order = shuffled(n, state) if shuffle and batch_size < n else None
                total = n * self.penalty(layers)
                for start in range(0, n, batch_size):
                    batch = slice(start, start + batch_size)
                    rows = batch if order is None else order[batch]
                    x, y = X[rows], Y[rows]
                    w = None if sample_weight is None else sample_weight[rows]
                    noisy = self.architecture.noisy
                    noise = Noise(self.architecture, state, len(x)) if noisy else None
                    total += len(x) * self.backpropagate(layers, gradients, x, y, w, noise)
                    self.penalise(layers, gradients)
                    if control.rates is not None:
                        optimizer = at_rate(optimizer, float(control.rates[updates]))
                    updates += 1
                    self.update(parameters, gradient, optimizer, state, control)
                losses.append(total / n)
            if not all(np.isfinite(values).all() for values in (losses, parameters, state.slots)):
                parameters[:] = before[0]
                state.restore(before[1])
                raise DivergenceError("the training diverged", losses)
        return losses

    def jacobian(self, parameters: Array, X: Array) -> Array:
        layers = self.architecture.views(parameters)
        logits, outputs, _ = self.run(layers, X)
        J = np.empty((*outputs[-1].shape, len(parameters)), X.dtype)
        for o, rows in enumerate(J.swapaxes(0, 1)):  # (n, parameters)
            seed = np.zeros_like(outputs[-1])
            seed[:, o] = 1
            delta = through_activation(self.activations[-1], logits[-1], outputs[-1], seed)
            end = len(parameters)
            for k in range(len(layers) - 1, -1, -1):
                W, b = layers[k]
                if b is not None:
                    rows[:, end - b.size : end] = delta
                    end -= b.size
                products = outputs[k][:, :, None] * delta[:, None, :]
                rows[:, end - W.size : end] = products.reshape(len(X), -1)
                end -= W.size
                if k > 0:
                    f, z, a = self.activations[k - 1], logits[k - 1], outputs[k]
                    delta = through_activation(f, z, a, delta @ W.T)
        return J

    def minimise(
        self,
        parameters: Array,
        state: TrainingState,
        X: Array,
        Y: Array,
        sample_weight: Array | None = None,
        *,
        method: BatchMethod,
        iterations: int,
        control: Control = NO_CONTROL,
    ) -> tuple[list[float], str]:
        objective = batch_methods.Objective(self, X, Y, sample_weight, control)
        return batch_methods.minimise(objective, parameters, state, method, iterations)

    def run(
        self, layers: list[Pair], X: Array, noise: Noise | None = None
    ) -> tuple[list[Array], list[Array], list[Array | None]]:
        """z of all layers, their outputs, X first, and `Noise.kept` of each."""
        logits = []
        kept: list[Array | None] = [None] * (len(layers) + 1)
        outputs = [noise.inputs(X) if noise else X]
        for k, ((W, b), f) in enumerate(zip(layers, self.activations, strict=True)):
            z = thinned(outputs[k], kept[k]) @ W
            if b is not None:
                z += b
            if f.normalise:
                z -= z.max(axis=1, keepdims=True)
                z -= np.log(np.exp(z).sum(axis=1, keepdims=True))
            logits.append(z)
            outputs.append(f.value(z, np).astype(z.dtype, copy=False))
            if noise:
                kept[k + 1] = noise.kept(k + 1, outputs[-1])
        return logits, outputs, kept

    def mean_loss(self, z: Array, a: Array, Y: Array, sample_weight: Array | None) -> float:
        values = self.loss_function.value(z, a, Y, np)
        if sample_weight is not None:
            values = values * sample_weight[:, None]
        return float(values.sum()) / (Y.size if self.loss_function.mean else len(Y))

    def backpropagate(
        self,
        layers: list[Pair],
        gradients: list[Pair],
        X: Array,
        Y: Array,
        sample_weight: Array | None = None,
        noise: Noise | None = None,
    ) -> float:
        """Mean loss of the batch; its gradient is written into `gradients`."""
        logits, outputs, kept = self.run(layers, X, noise)
        z, a = logits[-1], outputs[-1]
        loss = self.mean_loss(z, a, Y, sample_weight)
        scale = Y.size if self.loss_function.mean else len(Y)
        delta = self.loss_function.delta(z, a, Y, np) / scale
        if sample_weight is not None:
            delta *= sample_weight[:, None]
        if self.loss_function.logarithmic:
            delta = delta - a * delta.sum(axis=1, keepdims=True)
        elif not self.loss_function.paired:
            delta = through_activation(self.activations[-1], z, a, delta)
        for k in range(len(layers) - 1, -1, -1):
            W, _ = layers[k]
            dW, db = gradients[k]
            np.matmul(thinned(outputs[k], kept[k]).T, delta, out=dW)
            if db is not None:
                delta.sum(axis=0, out=db)
            if k > 0:
                slope = thinned(delta @ W.T, kept[k])
                f, z, a = self.activations[k - 1], logits[k - 1], outputs[k]
                delta = through_activation(f, z, a, slope)
        return loss

    def penalty(self, layers: list[Pair]) -> float:
        """What the weights add to the loss."""
        return sum(
            rule.l1 * float(abs(W).sum()) + rule.l2 / 2 * float((W * W).sum())
            for rule, (W, _) in zip(self.regularization, layers, strict=True)
            if rule.l1 or rule.l2
        )

    def penalise(self, layers: list[Pair], gradients: list[Pair]) -> None:
        """Add the penalties' gradient."""
        for rule, (W, _), (dW, _) in zip(self.regularization, layers, gradients, strict=True):
            if rule.l2:
                dW += rule.l2 * W
            if rule.l1:
                dW += rule.l1 * np.sign(W)

    def update(
        self,
        parameters: Array,
        gradient: Array,
        optimizer: Optimizer,
        state: TrainingState,
        control: Control,
    ) -> None:
        """One step of the optimizer, in place."""
        factors = control.factors
        if factors is not None:
            gradient[factors == 0] = 0
        if control.clip_value:
            np.clip(gradient, -control.clip_value, control.clip_value, out=gradient)
        if control.clip_norm:
            norm = float(np.sqrt(np.square(gradient, dtype=np.float64).sum()))
            if norm > control.clip_norm:
                gradient *= control.clip_norm / norm
        state.step += 1
        new, *slots = optimizer.update(parameters, gradient, tuple(state.slots), state.step, np)
        for slot, values in zip(state.slots, slots, strict=True):
            slot[:] = values
        if factors is not None:
            bent = factors != 1
            new[bent] = (parameters + factors * (new - parameters))[bent]
        for k, limit in self.limits:
            W, _ = self.architecture.views(new)[k]
            norms = np.sqrt(np.square(W, dtype=np.float64).sum(axis=0))
            W *= np.where(norms > limit, limit / np.maximum(norms, 1e-300), 1.0)
        if factors is not None:
            new[factors == 0] = parameters[factors == 0]
        parameters[:] = new


def through_activation(f: Activation, z: Array, a: Array, slope: Array) -> Array:
    """dLoss/dz from dLoss/da."""
    delta: Array
    if f.normalise:
        delta = a * (slope - (a * slope).sum(axis=1, keepdims=True))
    else:
        delta = slope * f.slope(z if f.needs_z else a, np)
    return delta


def thinned(a: Array, kept: Array | None) -> Array:
    """What dropout leaves."""
    return a if kept is None else a * kept


def mix(u: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The mixing of SplitMix64."""
    u = (u ^ (u >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    u = (u ^ (u >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: NDArray[np.uint64] = u ^ (u >> np.uint64(31))
    return mixed


def shuffled(n: int, state: TrainingState) -> Array:
    """The order of the rows in one epoch, as `TrainingState` tells."""
    u = np.arange(1, n, dtype=np.uint64) * np.uint64(GAMMA) + np.uint64(state.shuffle)
    swaps = ((mix(u) >> np.uint64(32)) * np.arange(n, 1, -1, dtype=np.uint64)) >> np.uint64(32)
    order = list(range(n))
    for i, j in zip(range(n - 1, 0, -1), swaps.tolist(), strict=True):
        order[i], order[j] = order[j], order[i]
    state.shuffle = (state.shuffle + (n - 1) * GAMMA) % 2**64
    return np.array(order)


class Noise:
    """Dropout and input noise of one update, as `TrainingState` tells."""

    def __init__(self, architecture: Architecture, state: TrainingState, rows: int) -> None:
        self.architecture = architecture
        self.state = state
        self.rows = rows

    def numbers(self, stream: int, columns: int) -> NDArray[np.uint64]:
        """The numbers of a stream, (rows, columns)."""
        streams = len(self.architecture.sizes) + 1
        place = self.state.noise + GAMMA * (self.state.step * streams + stream + 1)
        key = mix(np.array([place % 2**64], np.uint64))
        count = np.arange(1, self.rows * columns + 1, dtype=np.uint64)
        return mix(key + np.uint64(GAMMA) * count).reshape(self.rows, columns)

    def kept(self, stream: int, a: Array) -> Array | None:
        """0 where an output of a layer is dropped, else 1 / (1 - dropout)."""
        dropout = self.architecture.input_dropout
        if stream > 0:
            dropout = self.architecture.regularization[stream - 1].dropout
        if not dropout:
            return None
        dropped = self.numbers(stream, a.shape[1]) >> np.uint64(32) < np.uint64(dropout * 2**32)
        return np.where(dropped, 0, 1 / (1 - dropout)).astype(a.dtype)

    def inputs(self, X: Array) -> Array:
        """The inputs with noise and without those that are dropped."""
        if self.architecture.input_noise:
            numbers = self.numbers(len(self.architecture.sizes), X.shape[1])
            u, v = (
                (half.astype(np.float64) + 0.5) / 2**32
                for half in (numbers >> np.uint64(32), numbers & np.uint64(0xFFFFFFFF))
            )
            normal = np.sqrt(-2 * np.log(u)) * np.cos(2 * np.pi * v)
            X = X + (self.architecture.input_noise * normal).astype(X.dtype)
        return thinned(X, self.kept(0, X))
