"""Level "python": the network in lists and `math`, one number at a time.

Nothing here is vectorised, and nothing is hidden: this is the text to read first.
"""

from __future__ import annotations

import math
from typing import Any

from nnfast.formulas import ACTIVATIONS, LOSSES, Optimizer
from nnfast.levels.contract import Architecture, TrainingState

Numbers = list[float]


class Neuron:
    """The weights of one unit, its bias last, with their gradient and optimizer state.

    `index` holds their places in the flat array of parameters.
    """

    def __init__(self, index: list[int]) -> None:
        self.index = index
        self.weights: Numbers = []
        self.gradient: Numbers = []
        self.state: list[tuple[float, ...]] = []


class Layer:
    """Neurons that share their inputs and their activation."""

    def __init__(self, start: int, inputs: int, outputs: int, bias: bool, activation: str) -> None:
        rows = inputs + bias  # the bias is the weight of one more input, which is always 1
        self.neurons = [
            Neuron([start + i * outputs + o for i in range(rows)]) for o in range(outputs)
        ]
        self.inputs = inputs
        self.activation = ACTIVATIONS[activation]

    def forward(self, x: Numbers) -> tuple[Numbers, Numbers]:
        """z = x W + b and a = f(z)."""
        x = [*x, 1.0]
        z = [sum(w * v for w, v in zip(neuron.weights, x)) for neuron in self.neurons]
        if self.activation.normalise:
            top = max(z)
            log_sum = top + math.log(sum(math.exp(v - top) for v in z))
            z = [v - log_sum for v in z]
        return z, [self.activation.value(v, math) for v in z]

    def through_activation(self, a: Numbers, slope: Numbers) -> Numbers:
        """dLoss/dz from dLoss/da."""
        if self.activation.normalise:
            mean = sum(v * s for v, s in zip(a, slope))
            return [v * (s - mean) for v, s in zip(a, slope)]
        return [s * self.activation.slope(v) for v, s in zip(a, slope)]

    def backward(self, x: Numbers, delta: Numbers) -> Numbers:
        """Add this sample's dLoss/dW = x^T delta to the gradient; return dLoss/dx = delta W^T."""
        below = [0.0] * self.inputs
        for neuron, d in zip(self.neurons, delta):
            for i, v in enumerate(x):
                neuron.gradient[i] += d * v
                below[i] += d * neuron.weights[i]
            if len(neuron.weights) > self.inputs:
                neuron.gradient[-1] += d
        return below


class PurePython:
    """The network as lists of neurons.

    Numbers are Python floats (float64); with float32 they are rounded after every epoch, so that it
    does not show how many epochs one call trains.
    """

    def __init__(self, architecture: Architecture) -> None:
        self.layers: list[Layer] = []
        start = 0
        for (inputs, outputs, bias), name in zip(architecture.shapes, architecture.activations):
            self.layers.append(Layer(start, inputs, outputs, bias, name))
            start += (inputs + bias) * outputs
        self.neurons = [neuron for layer in self.layers for neuron in layer.neurons]
        self.loss = LOSSES[architecture.loss]
        self.rounds = architecture.dtype == "float32"

    def forward(self, parameters: Any, X: Any) -> list[Numbers]:
        self.read(parameters.tolist())
        return [self.run(x)[-1][1] for x in X.tolist()]

    def loss_and_gradient(self, parameters: Any, X: Any, Y: Any) -> tuple[float, Numbers]:
        self.read(parameters.tolist())
        loss = self.accumulate(X.tolist(), Y.tolist())
        gradient = [0.0] * len(parameters)
        for neuron in self.neurons:
            for k, g in zip(neuron.index, neuron.gradient):
                gradient[k] = g
        return loss, gradient

    def train(
        self,
        parameters: Any,
        state: TrainingState,
        X: Any,
        Y: Any,
        *,
        epochs: int,
        batch_size: int,
        optimizer: Optimizer,
        shuffle: bool,
    ) -> Numbers:
        self.read(parameters.tolist(), state.slots.tolist())
        rows, targets = X.tolist(), Y.tolist()
        n = len(rows)
        losses = []
        try:
            for _ in range(epochs):
                order = shuffled(n, state) if shuffle and batch_size < n else list(range(n))
                total = 0.0
                for start in range(0, n, batch_size):
                    batch = order[start : start + batch_size]
                    loss = self.accumulate([rows[i] for i in batch], [targets[i] for i in batch])
                    total += loss * len(batch)
                    self.update(optimizer, state)
                losses.append(total / n)
                if self.rounds:
                    self.write(parameters, state.slots)
                    self.read(parameters.tolist(), state.slots.tolist())
        finally:
            self.write(parameters, state.slots)
        return losses

    def run(self, x: Numbers) -> list[tuple[Numbers, Numbers]]:
        """(z, a) of every layer."""
        results = []
        for layer in self.layers:
            results.append(layer.forward(x))
            x = results[-1][1]
        return results

    def accumulate(self, rows: list[Numbers], targets: list[Numbers]) -> float:
        """Mean loss of these rows; its gradient is left in the neurons."""
        for neuron in self.neurons:
            neuron.gradient = [0.0] * len(neuron.weights)
        loss = 0.0
        for x, y in zip(rows, targets):
            results = self.run(x)
            z, a = results[-1]
            scale = 1 / len(y) if self.loss.mean else 1.0
            loss += scale * sum(self.loss.value(*values, math) for values in zip(z, a, y))
            delta = [scale / len(rows) * self.loss.delta(*values) for values in zip(a, y)]
            if not self.loss.paired:
                delta = self.layers[-1].through_activation(a, delta)
            for k in range(len(self.layers) - 1, 0, -1):
                below = results[k - 1][1]
                slope = self.layers[k].backward(below, delta)
                delta = self.layers[k - 1].through_activation(below, slope)
            self.layers[0].backward(x, delta)
        return loss / len(rows)

    def update(self, optimizer: Optimizer, state: TrainingState) -> None:
        state.step += 1
        for neuron in self.neurons:
            for k, (p, g) in enumerate(zip(neuron.weights, neuron.gradient)):
                neuron.weights[k], *rest = optimizer.update(p, g, neuron.state[k], state.step, math)
                neuron.state[k] = tuple(rest)

    def read(self, parameters: Numbers, slots: list[Numbers] | None = None) -> None:
        """Take the neurons' weights and state from the flat arrays."""
        for neuron in self.neurons:
            neuron.weights = [parameters[k] for k in neuron.index]
            neuron.state = [tuple(slot[k] for slot in slots or []) for k in neuron.index]

    def write(self, parameters: Any, slots: Any) -> None:
        """Give the neurons' weights and state back to the flat arrays."""
        for neuron in self.neurons:
            for k, p, state in zip(neuron.index, neuron.weights, neuron.state):
                parameters[k] = p
                for slot, value in zip(slots, state):
                    slot[k] = value


def shuffled(n: int, state: TrainingState) -> list[int]:
    """The order of the rows in one epoch, as `TrainingState` tells."""
    mask = 2**64 - 1
    order = list(range(n))
    for i in range(n - 1, 0, -1):
        state.shuffle = (state.shuffle + 0x9E3779B97F4A7C15) & mask
        u = state.shuffle
        u = ((u ^ (u >> 30)) * 0xBF58476D1CE4E5B9) & mask
        u = ((u ^ (u >> 27)) * 0x94D049BB133111EB) & mask
        u = (u ^ (u >> 31)) >> 32
        j = (u * (i + 1)) >> 32
        order[i], order[j] = order[j], order[i]
    return order
