"""Keras: `Model.fit`, with its TensorFlow backend and many steps in one execution."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from benchmarks.data import numbers
from benchmarks.peers import Peer
from benchmarks.workloads import TRAIN, Array, Workload
from nnfast import Adam

STEPS = 100  # updates in one execution


class PaperAdam(keras.optimizers.Adam):
    """Adam with epsilon added to the corrected root, as in the paper; else Keras' own."""

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        step = ops.cast(self.iterations + 1, variable.dtype)
        rate = ops.cast(learning_rate, variable.dtype) / (1 - ops.power(self.beta_1, step))
        correction = ops.rsqrt(1 - ops.power(self.beta_2, step))
        index = self._get_variable_index(variable)
        m, v = self._momentums[index], self._velocities[index]
        self.assign_add(m, (gradient - m) * (1 - self.beta_1))
        self.assign_add(v, (gradient * gradient - v) * (1 - self.beta_2))
        self.assign_sub(variable, rate * m / (correction * ops.sqrt(v) + self.epsilon))


def quadratic(y: Any, a: Any) -> Any:
    return 0.5 * ops.sum((a - y) ** 2, axis=-1)


class Keras(Peer):
    """Losses start from the logits, which is fastest and exact."""

    part = 5.0  # a call of fit costs a tenth of a second besides its updates

    @classmethod
    def refusal(cls, workload: Workload) -> str:
        return "" if workload.task == TRAIN else "is measured by its fit alone"

    def prepare(self, level: str) -> None:
        w, o = self.workload, self.workload.optimizer
        keras.config.set_floatx(w.dtype)
        names = [*w.activations[:-1], "linear" if w.paired else w.activations[-1]]
        layers = [keras.layers.Dense(n, name) for n, name in zip(w.sizes[1:], names, strict=True)]
        self.model = keras.Sequential([keras.Input((w.sizes[0],)), *layers])
        losses = {
            "binary_cross_entropy": keras.losses.BinaryCrossentropy(from_logits=True),
            "cross_entropy": keras.losses.CategoricalCrossentropy(from_logits=True),
            "mean_squared_error": "mean_squared_error",
            "quadratic": quadratic,
        }
        optimizer = keras.optimizers.SGD(o.learning_rate)
        if isinstance(o, Adam):
            optimizer = PaperAdam(o.learning_rate, o.beta1, o.beta2, o.epsilon)
        self.model.compile(
            optimizer, losses[w.loss], steps_per_execution=min(STEPS, w.updates_per_epoch)
        )
        optimizer.build(self.model.trainable_variables)
        self.fresh = [np.array(v) for v in optimizer.variables]
        self.reset()

    def reset(self) -> None:
        self.model.set_weights([v for pair in self.case.weights for v in pair])
        for variable, value in zip(self.model.optimizer.variables, self.fresh, strict=True):
            variable.assign(value)

    def train(self) -> None:
        w = self.workload
        self.model.fit(
            self.case.X, self.case.Y, batch_size=w.batch, epochs=w.epochs, shuffle=False, verbose=0
        )

    def result(self) -> Array:
        values = self.model.get_weights()
        return numbers(list(zip(values[::2], values[1::2], strict=True)))
