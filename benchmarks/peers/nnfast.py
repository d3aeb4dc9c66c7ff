"""nnfast through its public interface, and its levels "numpy" and "python"."""

from __future__ import annotations

import warnings

import nnfast as nn
from benchmarks.data import numbers
from benchmarks.peers import Peer
from benchmarks.workloads import FIT_CALL, ONE_ROW, TRAIN, Array, Workload


class Compiled(Peer):
    """`Network.fit` and `Network.predict`, as a user calls them."""

    @classmethod
    def refusal(cls, workload: Workload) -> str:
        return ""

    def prepare(self, level: str) -> None:
        w = self.workload
        # a workload trained over and over ends saturated
        warnings.simplefilter("ignore", nn.TrainingWarning)
        nn.set_num_threads(w.threads)
        layers = map(nn.Dense, w.sizes[1:], w.activations)
        self.net = nn.Network([w.sizes[0], *layers], loss=w.loss, dtype=w.dtype, level=level)
        self.options = {
            "epochs": w.epochs,
            "batch_size": w.batch,
            "optimizer": w.optimizer,
            "shuffle": False,
            "verbose": 0,
        }
        self.reset()

    def reset(self) -> None:
        self.net.set_weights(self.case.weights)

    def run(self) -> None:
        if self.workload.task in (ONE_ROW, FIT_CALL):
            self.call()
        else:
            super().run()

    def call(self) -> None:
        X, Y, net, calls = self.case.X, self.case.Y, self.net, range(self.workload.calls)
        if self.workload.task == ONE_ROW:
            predict = net.predict
            for _ in calls:
                self.outputs = predict(X)
        else:
            for _ in calls:
                net.fit(X, Y, **self.options)

    def train(self) -> None:
        self.net.fit(self.case.X, self.case.Y, **self.options)

    def predict(self) -> None:
        self.outputs = self.net.predict(self.case.X)

    def result(self) -> Array:
        if self.workload.task in (TRAIN, FIT_CALL):
            return numbers(self.net.weights)
        return self.outputs


class NumpyLevel(Compiled):
    """The same network on the level "numpy"."""

    def prepare(self, level: str) -> None:
        super().prepare("numpy")


class PythonLevel(Compiled):
    """The same network on the level "python"; a part of the updates stands for all."""

    part = 0.2

    @classmethod
    def refusal(cls, workload: Workload) -> str:
        if workload.threads > 1:
            return "has one thread"
        if workload.multiply_adds > 1e9 * workload.amount:
            return "takes minutes for one update"
        return ""

    def prepare(self, level: str) -> None:
        super().prepare("python")
