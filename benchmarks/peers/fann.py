"""FANN, the C library, through ctypes: prediction, and training after every row.

Its sigmoid is 1 / (1 + exp(-2 s x)) with steepness s, its tanh 2 / (1 + exp(-2 s x)) - 1.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from ctypes.util import find_library

import numpy as np

from benchmarks.data import numbers
from benchmarks.peers import Peer
from benchmarks.workloads import ONE_ROW, TRAIN, Array, Workload
from nnfast import SGD

# activation: (FANN's number, steepness)
ACTIVATIONS = {"linear": (0, 0.5), "sigmoid": (3, 0.5), "tanh": (5, 1.0)}
TRAIN_INCREMENTAL, ERROR_LINEAR = 0, 0


def library(dtype: str) -> tuple[ctypes.CDLL, type]:
    """libfloatfann or libdoublefann, and the type of its numbers."""
    name, real = ("floatfann", ctypes.c_float)
    if dtype == "float64":
        name, real = ("doublefann", ctypes.c_double)
    found = find_library(name)
    if found is None:
        raise ImportError(name=f"lib{name}")
    fann = ctypes.CDLL(found)
    numbers_of = ctypes.POINTER(real)
    fann.fann_create_standard_array.restype = ctypes.c_void_p
    fann.fann_run.restype = numbers_of
    fann.fann_run.argtypes = [ctypes.c_void_p, ctypes.c_void_p]
    fann.fann_train.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p]
    fann.fann_get_total_connections.argtypes = [ctypes.c_void_p]
    fann.fann_get_connection_array.argtypes = [ctypes.c_void_p, ctypes.c_void_p]
    fann.fann_set_weight_array.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint]
    fann.fann_set_learning_rate.argtypes = [ctypes.c_void_p, ctypes.c_float]
    fann.fann_set_activation_function_layer.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_int]
    fann.fann_set_activation_steepness_layer.argtypes = [ctypes.c_void_p, real, ctypes.c_int]
    for setter in ("training_algorithm", "train_error_function"):
        getattr(fann, f"fann_set_{setter}").argtypes = [ctypes.c_void_p, ctypes.c_int]
    return fann, real


class Fann(Peer):
    """A connection is (from, to, weight), where units are counted through all layers; the last
    unit of each layer is its bias. In training FANN takes the slope of an output below 0.01 or
    above 0.99 as if it were there, so that results differ where units saturate."""

    @classmethod
    def refusal(cls, workload: Workload) -> str:
        if workload.threads > 1:
            return "has one thread"
        if any(name not in ACTIVATIONS for name in workload.activations):
            return "has not these activations"
        same = workload.batch == 1 and not workload.paired and isinstance(workload.optimizer, SGD)
        if workload.task == TRAIN and not same:
            return "trains with squared error and plain descent after every row only"
        return super().refusal(workload)

    def prepare(self, level: str) -> None:
        w = self.workload
        self.fann, self.real = library(w.dtype)
        sizes = (ctypes.c_uint * len(w.sizes))(*w.sizes)
        self.net = ctypes.c_void_p(self.fann.fann_create_standard_array(len(sizes), sizes))
        for k, name in enumerate(w.activations, start=1):
            number, steepness = ACTIVATIONS[name]
            self.fann.fann_set_activation_function_layer(self.net, number, k)
            self.fann.fann_set_activation_steepness_layer(self.net, steepness, k)
        self.fann.fann_set_training_algorithm(self.net, TRAIN_INCREMENTAL)
        self.fann.fann_set_train_error_function(self.net, ERROR_LINEAR)
        self.fann.fann_set_learning_rate(self.net, w.optimizer.learning_rate * w.slope_factor)
        kind = np.dtype([("from", "u4"), ("to", "u4"), ("weight", w.dtype)], align=True)
        self.connections = np.empty(self.fann.fann_get_total_connections(self.net), kind)
        self.fann.fann_get_connection_array(self.net, self.connections.ctypes.data)
        self.rows = self.places(self.case.X)
        self.targets = self.places(self.case.Y)
        self.reset()

    @staticmethod
    def places(A: Array) -> list[int]:
        """Address of each row."""
        return list(range(A.ctypes.data, A.ctypes.data + A.nbytes, A.strides[0]))

    def matrices(self) -> Iterator[tuple[int, Array, Array, Array]]:
        """(layer, its connections, their rows in W over b, their columns)."""
        start = 0
        for k, (inputs, _) in enumerate(self.workload.shapes):
            above = start + inputs + 1
            to = self.connections["to"]
            here = (to >= above) & (to < above + self.workload.sizes[k + 1])
            yield k, here, self.connections["from"][here] - start, to[here] - above
            start = above

    def reset(self) -> None:
        for k, here, rows, columns in self.matrices():
            self.connections["weight"][here] = np.vstack(self.case.weights[k])[rows, columns]
        count = len(self.connections)
        self.fann.fann_set_weight_array(self.net, self.connections.ctypes.data, count)

    def train(self) -> None:
        train, net = self.fann.fann_train, self.net
        pairs = list(zip(self.rows, self.targets, strict=True))
        for _ in range(self.workload.epochs):
            for x, y in pairs:
                train(net, x, y)

    def run(self) -> None:
        if self.workload.task != ONE_ROW:
            super().run()
            return
        run, net, x = self.fann.fann_run, self.net, self.rows[0]
        for _ in range(self.workload.calls):
            self.outputs = run(net, x)
        self.outputs = self.outputs[: self.workload.sizes[-1]]

    def predict(self) -> None:
        run, net, n = self.fann.fann_run, self.net, self.workload.sizes[-1]
        self.outputs = [run(net, x)[:n] for x in self.rows]

    def result(self) -> Array:
        if self.workload.task != TRAIN:
            return np.array(self.outputs).reshape(self.workload.rows, -1)
        self.fann.fann_get_connection_array(self.net, self.connections.ctypes.data)
        weights = []
        for k, here, rows, columns in self.matrices():
            both = np.vstack(self.case.weights[k])
            both[rows, columns] = self.connections["weight"][here]
            weights.append((both[:-1], both[-1]))
        return numbers(weights)
