"""NumPy as one writes it by hand: matrices, preallocated arrays, in-place operations.

In float64 it is also the reference that every result is compared with.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from benchmarks.data import numbers
from benchmarks.peers import Peer
from benchmarks.workloads import FIT_CALL, ONE_ROW, PREDICT, TRAIN, Array, Case, Weights
from nnfast import Adam

CHUNK = 1024  # rows that a prediction takes through all layers at a time


class PlainNumpy(Peer):
    """Buffers hold one batch (batch, units) per layer; Adam's moments are one flat array each."""

    def prepare(self, level: str) -> None:
        w = self.workload
        rows = min(w.batch, w.rows) if w.task == TRAIN else min(w.rows, CHUNK)
        self.buffers = [np.empty((rows, n), w.dtype) for n in w.sizes[1:]]
        self.slopes = [np.empty((rows, n), w.dtype) for n in w.sizes[1:]]
        self.parameters = numbers(self.case.weights)
        self.gradient = np.empty_like(self.parameters)
        self.layers, self.gradients = self.views(self.parameters), self.views(self.gradient)
        self.outputs = np.empty((w.rows, w.sizes[-1]), w.dtype)

    def views(self, flat: Array) -> Weights:
        pairs, start = [], 0
        for inputs, outputs in self.workload.shapes:
            stop = start + inputs * outputs
            pairs.append((flat[start:stop].reshape(inputs, outputs), flat[stop : stop + outputs]))
            start = stop + outputs
        return pairs

    def reset(self) -> None:
        self.parameters[:] = numbers(self.case.weights)
        self.step, self.m, self.v = 0, 0 * self.parameters, 0 * self.parameters

    def forward(self, x: Array) -> list[Array]:
        """The outputs of all layers, x first."""
        outputs = [x]
        for (W, b), buffer, name in zip(
            self.layers, self.buffers, self.workload.activations, strict=True
        ):
            a = np.matmul(outputs[-1], W, out=buffer[: len(x)])
            a += b
            activate(name, a)
            outputs.append(a)
        return outputs

    def backward(self, outputs: list[Array], y: Array) -> None:
        """Write the gradient of the batch's mean loss."""
        w, n = self.workload, len(y)
        delta = np.subtract(outputs[-1], y, out=self.slopes[-1][:n])
        delta *= w.slope_factor / n
        if not w.paired:
            through(w.activations[-1], outputs[-1], delta)
        for k in range(len(self.layers) - 1, -1, -1):
            W, _ = self.layers[k]
            dW, db = self.gradients[k]
            np.matmul(outputs[k].T, delta, out=dW)
            delta.sum(axis=0, out=db)
            if k:
                delta = np.matmul(delta, W.T, out=self.slopes[k - 1][:n])
                through(w.activations[k - 1], outputs[k], delta)

    def update(self) -> None:
        optimizer, g = self.workload.optimizer, self.gradient
        if not isinstance(optimizer, Adam):
            g *= optimizer.learning_rate
            self.parameters -= g
            return
        self.step += 1
        self.m *= optimizer.beta1
        self.m += (1 - optimizer.beta1) * g
        self.v *= optimizer.beta2
        g *= g
        g *= 1 - optimizer.beta2
        self.v += g
        np.sqrt(self.v, out=g)
        g *= (1 - optimizer.beta2**self.step) ** -0.5
        g += optimizer.epsilon
        np.divide(self.m, g, out=g)
        g *= optimizer.learning_rate / (1 - optimizer.beta1**self.step)
        self.parameters -= g

    def train(self) -> None:
        X, Y, batch = self.case.X, self.case.Y, self.workload.batch
        with np.errstate(over="ignore"):
            for _ in range(self.workload.epochs):
                for start in range(0, len(X), batch):
                    outputs = self.forward(X[start : start + batch])
                    self.backward(outputs, Y[start : start + batch])
                    self.update()

    def predict(self) -> None:
        X = self.case.X
        with np.errstate(over="ignore"):
            for start in range(0, len(X), CHUNK):
                stop = start + CHUNK
                self.outputs[start:stop] = self.forward(X[start:stop])[-1]

    def result(self) -> Array:
        return self.parameters if self.workload.task == TRAIN else self.outputs


def activate(name: str, z: Array) -> None:
    """a = f(z), in place."""
    if name == "sigmoid":
        np.negative(z, out=z)
        np.exp(z, out=z)
        z += 1
        np.reciprocal(z, out=z)
    elif name == "tanh":
        np.tanh(z, out=z)
    elif name == "relu":
        np.maximum(z, 0, out=z)
    elif name == "softmax":
        z -= z.max(axis=1, keepdims=True)
        np.exp(z, out=z)
        z /= z.sum(axis=1, keepdims=True)


def through(name: str, a: Array, slope: Array) -> None:
    """dLoss/dz from dLoss/da, in place."""
    if name == "sigmoid":
        slope *= a
        slope *= 1 - a
    elif name == "tanh":
        slope *= 1 - a * a
    elif name == "relu":
        slope *= a > 0


def reference(case: Case) -> Array:
    """The result of the case in float64."""
    workload = replace(case.workload, dtype="float64")
    if workload.task == FIT_CALL:
        workload = replace(workload, task=TRAIN, epochs=workload.calls)
    elif workload.task == ONE_ROW:
        workload = replace(workload, task=PREDICT)
    X, Y = (np.asarray(v, "float64") for v in (case.X, case.Y))
    weights = [(W.astype("float64"), b.astype("float64")) for W, b in case.weights]
    exact = PlainNumpy(Case(workload, X, Y, weights))
    exact.reset()
    exact.run()
    return exact.result()
