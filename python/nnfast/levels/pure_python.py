"""Level "python": the network in lists and `math`, one number at a time.

Nothing here is vectorised, and nothing is hidden: this is the text to read first.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from nnfast.formulas import ACTIVATIONS, LOSSES, BatchMethod, Optimizer, at_rate
from nnfast.levels import batch_methods
from nnfast.levels.contract import (
    NO_CONTROL,
    Architecture,
    Control,
    DivergenceError,
    Regularization,
    TrainingState,
)
from nnfast.levels.pure_random import Noise, shuffled

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

    def __init__(
        self,
        start: int,
        shape: tuple[int, int, bool],
        activation: str,
        regularization: Regularization,
    ) -> None:
        inputs, outputs, bias = shape
        rows = inputs + bias  # the bias is the weight of one more input, which is always 1
        self.neurons = [
            Neuron([start + i * outputs + o for i in range(rows)]) for o in range(outputs)
        ]
        self.inputs = inputs
        self.activation = ACTIVATIONS[activation]
        self.rule = regularization

    def forward(self, x: Numbers) -> tuple[Numbers, Numbers]:
        """z = x W + b and a = f(z)."""
        x = [*x, 1.0]
        z = [sum(w * v for w, v in zip(neuron.weights, x)) for neuron in self.neurons]
        if self.activation.normalise:
            top = max(z)
            log_sum = top + math.log(sum(math.exp(v - top) for v in z))
            z = [v - log_sum for v in z]
        return z, [self.activation.value(v, math) for v in z]

    def through_activation(self, z: Numbers, a: Numbers, slope: Numbers) -> Numbers:
        """dLoss/dz from dLoss/da."""
        if self.activation.normalise:
            mean = sum(v * s for v, s in zip(a, slope))
            return [v * (s - mean) for v, s in zip(a, slope)]
        known = z if self.activation.needs_z else a
        return [s * self.activation.slope(v, math) for v, s in zip(known, slope)]

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
        self.architecture = architecture
        self.layers: list[Layer] = []
        start = 0
        for shape, name, rule in zip(
            architecture.shapes, architecture.activations, architecture.regularization
        ):
            self.layers.append(Layer(start, shape, name, rule))
            inputs, outputs, bias = shape
            start += (inputs + bias) * outputs
        self.neurons = [neuron for layer in self.layers for neuron in layer.neurons]
        self.loss_function = LOSSES[architecture.loss]
        self.rounds = architecture.dtype == "float32"

    def forward(self, parameters: Any, X: Any) -> list[Numbers]:
        self.read(parameters.tolist())
        return [self.run(x)[-1][1] for x in X.tolist()]

    def loss(self, parameters: Any, X: Any, Y: Any, sample_weight: Any = None) -> float:
        self.read(parameters.tolist())
        total = 0.0
        for x, y, weight in zip(X.tolist(), Y.tolist(), weights_of(sample_weight, len(X))):
            z, a = self.run(x)[-1]
            total += weight * self.row_loss(z, a, y)
        return total / len(X)

    def loss_and_gradient(
        self, parameters: Any, X: Any, Y: Any, sample_weight: Any = None
    ) -> tuple[float, Numbers]:
        self.read(parameters.tolist())
        loss = self.accumulate(X.tolist(), Y.tolist(), weights_of(sample_weight, len(X)))
        return loss + self.penalty(), self.gradient()

    def train(
        self,
        parameters: Any,
        state: TrainingState,
        X: Any,
        Y: Any,
        sample_weight: Any = None,
        *,
        epochs: int,
        batch_size: int,
        optimizer: Optimizer,
        shuffle: bool,
        control: Control = NO_CONTROL,
    ) -> Numbers:
        before = parameters.copy(), state.copy()
        losses: Numbers = []
        try:
            self.read(parameters.tolist(), state.slots.tolist())
            rows, targets = X.tolist(), Y.tolist()
            weights = weights_of(sample_weight, len(rows))
            rates = None if control.rates is None else iter(control.rates.tolist())
            n = len(rows)
            for _ in range(epochs):
                order = shuffled(n, state) if shuffle and batch_size < n else list(range(n))
                total = n * self.penalty()
                for start in range(0, n, batch_size):
                    batch = order[start : start + batch_size]
                    loss = self.accumulate(
                        [rows[i] for i in batch],
                        [targets[i] for i in batch],
                        [weights[i] for i in batch],
                        Noise(self.architecture, state) if self.architecture.noisy else None,
                    )
                    total += loss * len(batch)
                    if rates is not None:
                        optimizer = at_rate(optimizer, next(rates))
                    self.update(optimizer, state, control)
                losses.append(total / n)
                if self.rounds:
                    self.write(parameters, state.slots)
                    self.read(parameters.tolist(), state.slots.tolist())
        except OverflowError:  # of math.exp, or of a square
            losses.append(math.inf)
        finally:
            self.write(parameters, state.slots)
        if not all(map(math.isfinite, [*losses, *parameters.tolist(), *state.slots.ravel()])):
            parameters[:] = before[0]
            state.restore(before[1])
            raise DivergenceError("the training diverged", losses)
        return losses

    def jacobian(self, parameters: Any, X: Any) -> list[list[Numbers]]:
        self.read(parameters.tolist())
        return [self.derivatives(x, self.run(x)) for x in X.tolist()]

    def derivatives(self, x: Numbers, results: list[tuple[Numbers, Numbers]]) -> list[Numbers]:
        """Of every output of one row by all parameters."""
        z, a = results[-1]
        J = []
        for o in range(len(a)):
            self.clear()
            seed = [float(o == i) for i in range(len(a))]
            self.propagate(x, results, self.layers[-1].through_activation(z, a, seed))
            J.append(self.gradient())
        return J

    def minimise(
        self,
        parameters: Any,
        state: TrainingState,
        X: Any,
        Y: Any,
        sample_weight: Any = None,
        *,
        method: BatchMethod,
        iterations: int,
        control: Control = NO_CONTROL,
    ) -> tuple[Numbers, str]:
        objective = batch_methods.Objective(self, X, Y, sample_weight, control)
        return batch_methods.minimise(objective, parameters, state, method, iterations)

    def run(self, x: Numbers, kept: list[Numbers] | None = None) -> list[tuple[Numbers, Numbers]]:
        """(z, a) of every layer; `kept` is what dropout multiplies each layer's outputs with."""
        results = []
        for k, layer in enumerate(self.layers):
            results.append(layer.forward(x))
            x = results[-1][1]
            if kept:
                x = [a * m for a, m in zip(x, kept[k])]
        return results

    def row_loss(self, z: Numbers, a: Numbers, y: Numbers) -> float:
        scale = 1 / len(y) if self.loss_function.mean else 1.0
        values = (self.loss_function.value(*each, math) for each in zip(z, a, y))
        return float(scale * sum(values))

    def accumulate(
        self,
        rows: list[Numbers],
        targets: list[Numbers],
        weights: Numbers,
        noise: Noise | None = None,
    ) -> float:
        """Mean loss of these rows; the gradient of the objective is left in the neurons."""
        self.clear()
        loss = 0.0
        for r, (x, y, weight) in enumerate(zip(rows, targets, weights)):
            kept = None
            if noise:
                x = noise.inputs(r, x)
                sizes = self.architecture.sizes
                kept = [noise.kept(k, r, sizes[k]) for k in range(1, len(sizes))]
            results = self.run(x, kept)
            z, a = results[-1]
            loss += weight * self.row_loss(z, a, y)
            scale = weight / len(rows) / (len(y) if self.loss_function.mean else 1)
            delta = [scale * self.loss_function.delta(*values, math) for values in zip(z, a, y)]
            if self.loss_function.logarithmic:
                total = sum(delta)
                delta = [d - v * total for d, v in zip(delta, a)]
            elif not self.loss_function.paired:
                delta = self.layers[-1].through_activation(z, a, delta)
            self.propagate(x, results, delta, kept)
        if self.architecture.penalised:
            self.penalise()
        return loss / len(rows)

    def propagate(
        self,
        x: Numbers,
        results: list[tuple[Numbers, Numbers]],
        delta: Numbers,
        kept: list[Numbers] | None = None,
    ) -> None:
        """Add the gradient of one row, from dLoss/dz of the last layer, `delta`."""
        for k in range(len(self.layers) - 1, 0, -1):
            z, a = results[k - 1]
            if kept:
                thinned = [v * m for v, m in zip(a, kept[k - 1])]
                slope = self.layers[k].backward(thinned, delta)
                slope = [s * m for s, m in zip(slope, kept[k - 1])]
            else:
                slope = self.layers[k].backward(a, delta)
            delta = self.layers[k - 1].through_activation(z, a, slope)
        self.layers[0].backward(x, delta)

    def clear(self) -> None:
        """Zero the neurons' gradient."""
        for neuron in self.neurons:
            neuron.gradient = [0.0] * len(neuron.weights)

    def gradient(self) -> Numbers:
        """The neurons' gradient as one flat list."""
        flat = [0.0] * self.architecture.parameter_count
        for neuron in self.neurons:
            for k, g in zip(neuron.index, neuron.gradient):
                flat[k] = g
        return flat

    def penalty(self) -> float:
        """What the weights add to the loss."""
        total = 0.0
        if not self.architecture.penalised:
            return total
        for layer in self.layers:
            for neuron in layer.neurons:
                for w in neuron.weights[: layer.inputs]:
                    total += layer.rule.l1 * abs(w) + layer.rule.l2 / 2 * w * w
        return total

    def penalise(self) -> None:
        """Add the penalties' gradient: l2 w + l1 sign(w)."""
        for layer in self.layers:
            for neuron in layer.neurons:
                for k, w in enumerate(neuron.weights[: layer.inputs]):
                    neuron.gradient[k] += layer.rule.l2 * w + layer.rule.l1 * ((w > 0) - (w < 0))

    def update(self, optimizer: Optimizer, state: TrainingState, control: Control) -> None:
        """One step of the optimizer over all neurons."""
        factors = None if control.factors is None else control.factors.tolist()
        for neuron in self.neurons:
            if factors:
                neuron.gradient = [
                    g if factors[k] else 0.0 for k, g in zip(neuron.index, neuron.gradient)
                ]
            if limit := control.clip_value:
                neuron.gradient = [max(-limit, min(limit, g)) for g in neuron.gradient]
        if control.clip_norm:
            norm = math.sqrt(sum(g * g for neuron in self.neurons for g in neuron.gradient))
            if norm > control.clip_norm:
                for neuron in self.neurons:
                    neuron.gradient = [g * control.clip_norm / norm for g in neuron.gradient]
        state.step += 1
        for layer in self.layers:
            for neuron in layer.neurons:
                old = list(neuron.weights)
                self.step(neuron, optimizer, state.step)
                own = [factors[k] for k in neuron.index] if factors else [1.0] * len(old)
                if factors:
                    neuron.weights = [
                        w if f == 1 else v + f * (w - v)
                        for f, v, w in zip(own, old, neuron.weights)
                    ]
                if layer.rule.max_norm < math.inf:
                    shorten(neuron.weights, layer, own)

    def step(self, neuron: Neuron, optimizer: Optimizer, number: int) -> None:
        for k, (p, g) in enumerate(zip(neuron.weights, neuron.gradient)):
            neuron.weights[k], *rest = optimizer.update(p, g, neuron.state[k], number, math)
            neuron.state[k] = tuple(rest)

    def read(self, parameters: Numbers, slots: list[Numbers] | None = None) -> None:
        """Take the neurons' weights and state from the flat arrays."""
        for neuron in self.neurons:
            neuron.weights = [parameters[k] for k in neuron.index]
            neuron.state = [tuple(slot[k] for slot in slots or []) for k in neuron.index]

    @np.errstate(over="ignore")  # in float32: it is found as an infinity
    def write(self, parameters: Any, slots: Any) -> None:
        """Give the neurons' weights and state back to the flat arrays."""
        for neuron in self.neurons:
            for k, p, state in zip(neuron.index, neuron.weights, neuron.state):
                parameters[k] = p
                for slot, value in zip(slots, state):
                    slot[k] = value


def shorten(weights: Numbers, layer: Layer, factors: Numbers) -> None:
    """Apply max_norm to the weights of one neuron, but not to those that are frozen."""
    norm = math.sqrt(sum(w * w for w in weights[: layer.inputs]))
    if norm > layer.rule.max_norm:
        for k in range(layer.inputs):
            if factors[k]:
                weights[k] *= layer.rule.max_norm / norm


def weights_of(sample_weight: Any, rows: int) -> Numbers:
    """A weight for each row."""
    return [1.0] * rows if sample_weight is None else list(sample_weight.tolist())
