"""Level "numpy": the network in matrices, a whole batch at a time. The reference."""

from __future__ import annotations

import numpy as np

from nnfast.formulas import ACTIVATIONS, LOSSES, Activation, Optimizer
from nnfast.levels.contract import Architecture, Array, Pair, TrainingState


class NumpyArrays:
    """Forward and backward passes over a batch X (rows, inputs)."""

    def __init__(self, architecture: Architecture) -> None:
        self.architecture = architecture
        self.activations = [ACTIVATIONS[name] for name in architecture.activations]
        self.loss = LOSSES[architecture.loss]

    def forward(self, parameters: Array, X: Array) -> Array:
        _, outputs = self.run(self.architecture.views(parameters), X)
        return outputs[-1]

    def loss_and_gradient(self, parameters: Array, X: Array, Y: Array) -> tuple[float, Array]:
        gradient = np.empty_like(parameters)
        views = self.architecture.views
        return self.backpropagate(views(parameters), views(gradient), X, Y), gradient

    def train(
        self,
        parameters: Array,
        state: TrainingState,
        X: Array,
        Y: Array,
        *,
        epochs: int,
        batch_size: int,
        optimizer: Optimizer,
        shuffle: bool,
    ) -> list[float]:
        gradient = np.empty_like(parameters)
        layers = self.architecture.views(parameters)
        gradients = self.architecture.views(gradient)
        n = len(X)
        losses = []
        for _ in range(epochs):
            order = shuffled(n, state) if shuffle and batch_size < n else None
            total = 0.0
            for start in range(0, n, batch_size):
                batch = slice(start, start + batch_size)
                rows = batch if order is None else order[batch]
                x, y = X[rows], Y[rows]
                total += len(x) * self.backpropagate(layers, gradients, x, y)
                state.step += 1
                parameters[:], *slots = optimizer.update(
                    parameters, gradient, tuple(state.slots), state.step, np
                )
                for slot, values in zip(state.slots, slots, strict=True):
                    slot[:] = values
            losses.append(total / n)
        return losses

    def run(self, layers: list[Pair], X: Array) -> tuple[Array, list[Array]]:
        """The last layer's z, and the outputs of all layers, X first."""
        outputs = [X]
        for (W, b), f in zip(layers, self.activations, strict=True):
            z = outputs[-1] @ W
            if b is not None:
                z += b
            if f.normalise:
                z -= z.max(axis=1, keepdims=True)
                z -= np.log(np.exp(z).sum(axis=1, keepdims=True))
            outputs.append(f.value(z, np).astype(z.dtype, copy=False))
        return z, outputs

    def backpropagate(self, layers: list[Pair], gradients: list[Pair], X: Array, Y: Array) -> float:
        """Mean loss of the batch; its gradient is written into `gradients`."""
        z, outputs = self.run(layers, X)
        a = outputs[-1]
        loss = float(self.loss.value(z, a, Y, np).sum())
        scale = Y.size if self.loss.mean else len(Y)
        delta = self.loss.delta(a, Y) / scale
        if not self.loss.paired:
            delta = through_activation(self.activations[-1], a, delta)
        for k in range(len(layers) - 1, -1, -1):
            W, _ = layers[k]
            dW, db = gradients[k]
            np.matmul(outputs[k].T, delta, out=dW)
            if db is not None:
                delta.sum(axis=0, out=db)
            if k > 0:
                delta = through_activation(self.activations[k - 1], outputs[k], delta @ W.T)
        return loss / scale


def through_activation(f: Activation, a: Array, slope: Array) -> Array:
    """dLoss/dz from dLoss/da."""
    delta: Array
    if f.normalise:
        delta = a * (slope - (a * slope).sum(axis=1, keepdims=True))
    else:
        delta = slope * f.slope(a)
    return delta


def shuffled(n: int, state: TrainingState) -> Array:
    """The order of the rows in one epoch, as `TrainingState` tells."""
    gamma = 0x9E3779B97F4A7C15
    u = np.arange(1, n, dtype=np.uint64) * np.uint64(gamma) + np.uint64(state.shuffle)
    u = (u ^ (u >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    u = (u ^ (u >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    u = (u ^ (u >> np.uint64(31))) >> np.uint64(32)
    swaps = (u * np.arange(n, 1, -1, dtype=np.uint64)) >> np.uint64(32)
    order = list(range(n))
    for i, j in zip(range(n - 1, 0, -1), swaps.tolist(), strict=True):
        order[i], order[j] = order[j], order[i]
    state.shuffle = (state.shuffle + (n - 1) * gamma) % 2**64
    return np.array(order)
