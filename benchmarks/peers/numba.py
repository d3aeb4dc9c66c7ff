"""Numba: the whole run in one compiled function of explicit loops, with sizes as constants."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from llvmlite import binding

from benchmarks.data import numbers
from benchmarks.peers import Peer
from benchmarks.peers import numba_kernels as kernels
from benchmarks.peers.numba_source import WIDE, Writer
from benchmarks.peers.numba_unrolled import Unrolled
from benchmarks.workloads import ONE_ROW, TRAIN, Array, Workload

CHUNK = 64  # rows that go through all layers while they are in cache


class Numba(Peer):
    """Loops, or BLAS for wide layers; parameters are one flat array, padded to whole vectors."""

    def prepare(self, level: str) -> None:
        w = self.workload
        self.T = np.dtype(w.dtype).type
        numba.set_num_threads(min(w.threads, numba.config.NUMBA_NUM_THREADS))
        wide = any(inputs * outputs >= WIDE for inputs, outputs in w.shapes)
        writer = Writer(w, max(w.batch, 1024) if wide else CHUNK)
        self.layers = writer.layers
        self.parameters = np.zeros(self.layers[-1].end, self.T)
        parallel = w.threads > 1 and not wide  # BLAS has threads of its own
        source = writer.training() if w.task == TRAIN else writer.prediction(w.threads)
        self.whole = compiled(source, self.names(writer), parallel and w.task != TRAIN)
        self.reset()

    def names(self, writer: Writer) -> dict[str, Any]:
        """What the source refers to."""
        w, T = self.workload, self.T
        fused = getattr(writer, "fused", False)
        factor = w.slope_factor * (-w.optimizer.learning_rate if fused else 1)
        names = {"np": np, "prange": numba.prange, "T": T, "zero": T(0), "factor": T(factor)}
        names["update"] = kernels.optimizer(w, len(self.parameters))
        for p in writer.layers:
            names[f"f{p.k}"], names[f"s{p.k}"] = kernels.scalar(p.name, T)
            names[f"activate{p.k}"] = kernels.activation(p.name, p.outputs, T)
            names[f"through{p.k}"] = kernels.through(p.name, T)
            names[f"product{p.k}"] = kernels.accumulate(p.units)
            names[f"back{p.k}"] = kernels.accumulate(p.inputs)
        return names

    def reset(self) -> None:
        for p, (W, b) in zip(self.layers, self.case.weights, strict=True):
            self.parameters[p.W : p.b].reshape(p.inputs, p.units)[:, : p.outputs] = W
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
        for p in self.layers:
            W = self.parameters[p.W : p.b].reshape(p.inputs, p.units)[:, : p.outputs]
            parts += [W.ravel(), self.parameters[p.b : p.b + p.outputs]]
        return np.concatenate(parts)


class WrittenOut(Peer):
    """A function in which every multiplication of a tiny network is written out."""

    @classmethod
    def refusal(cls, workload: Workload) -> str:
        if workload.task != TRAIN or sum(i * o for i, o in workload.shapes) > 200:
            return "is only for training of tiny networks"
        return ""

    def prepare(self, level: str) -> None:
        w = self.workload
        T = np.dtype(w.dtype).type
        names = {"np": np, "T": T, "zero": T(0), "rate": T(w.optimizer.learning_rate)}
        names["scale"] = T(w.slope_factor / w.batch)
        names["update"] = kernels.optimizer(w, len(numbers(self.case.weights)))
        for k, name in enumerate(w.activations, start=1):
            names[f"f{k}"], names[f"s{k}"] = kernels.scalar(name, T)
        self.whole = compiled(Unrolled(w).source(), names, False)
        self.reset()

    def reset(self) -> None:
        self.parameters = numbers(self.case.weights)

    def train(self) -> None:
        self.whole(self.case.X, self.case.Y, self.parameters)

    def result(self) -> Array:
        return self.parameters


def compiled(source: str, names: dict[str, Any], parallel: bool) -> kernels.Compiled:
    """The function `run` that the source defines, compiled when it is first called."""
    exec(compile(source, "<benchmark>", "exec"), names)
    return kernels.jit(names["run"], parallel=parallel)


def prefer_whole_vectors() -> None:
    """LLVM takes half of a 512-bit vector on many processors that are faster with all of it."""
    features = binding.get_host_cpu_features()
    if features.get("avx512f"):
        numba.config.CPU_FEATURES = features.flatten() + ",-prefer-256-bit"


prefer_whole_vectors()
