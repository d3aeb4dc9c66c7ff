"""Numba: the whole run in one compiled function, whose layers are linked for their sizes."""

from __future__ import annotations

import numba
import numpy as np

from benchmarks.peers import Peer
from benchmarks.peers.numba_network import WIDE, plan, prediction, training
from benchmarks.workloads import ONE_ROW, TRAIN, Array

CHUNK = 64  # rows that go through all layers while they are in cache


class Numba(Peer):
    """Parameters (padded), gradient and scratch are one flat array each."""

    def prepare(self, level: str) -> None:
        w = self.workload
        self.T = np.dtype(w.dtype).type
        numba.set_num_threads(min(w.threads, numba.config.NUMBA_NUM_THREADS))
        wide = any(i * o >= WIDE for i, o in w.shapes)
        chunk = (w.batch if w.task == TRAIN else 1024) if wide else CHUNK
        self.plans = plan(w)
        self.parameters = np.zeros(self.plans[-1].end, self.T)
        self.outputs = np.empty((w.rows, w.sizes[-1]), self.T)
        if w.task == TRAIN:
            self.whole = training(w, self.plans, chunk)
        else:
            self.whole = prediction(w, self.plans, chunk)
        self.reset()

    def reset(self) -> None:
        for p, (W, b) in zip(self.plans, self.case.weights, strict=True):
            self.parameters[p.W : p.b].reshape(p.inputs, p.padded)[:, : p.outputs] = W
            self.parameters[p.b : p.b + p.outputs] = b

    def train(self) -> None:
        self.whole(self.case.X, self.case.Y, self.parameters)

    def run(self) -> None:
        if self.workload.task != ONE_ROW:
            super().run()
            return
        predict, X, parameters = self.whole, self.case.X, self.parameters
        for _ in range(self.workload.calls):
            self.outputs = predict(X, parameters)

    def predict(self) -> None:
        self.outputs = self.whole(self.case.X, self.parameters)

    def result(self) -> Array:
        if self.workload.task != TRAIN:
            return self.outputs
        parts = []
        for p in self.plans:
            W = self.parameters[p.W : p.b].reshape(p.inputs, p.padded)[:, : p.outputs]
            parts += [W.ravel(), self.parameters[p.b : p.b + p.outputs]]
        return np.concatenate(parts)
