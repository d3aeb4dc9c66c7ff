"""Data and initial weights of the workloads, the same for every peer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.workloads import Array, Case, Weights, Workload
from nnfast import datasets

Floats = NDArray[np.float64]
Pair = tuple[Floats, Floats]


def make(workload: Workload, mnist: Path) -> tuple[Case, str]:
    """The case, and a note about its data where there is one. mnist: folder of its four files."""
    rows, inputs, outputs = workload.rows, workload.sizes[0], workload.sizes[-1]
    note = ""
    if workload.data == "mnist":
        X, Y, note = digits(mnist, rows)
    elif workload.data == "spirals":
        X, Y = datasets.spirals(rows, noise=0.02, seed=0)
    elif workload.data in SMALL_SETS:
        X, Y = SMALL_SETS[workload.data]()
    else:
        X, Y = RANDOM_SETS[workload.data](rows, inputs, outputs)
    cast = [np.ascontiguousarray(v, workload.dtype) for v in (X, Y.reshape(len(X), -1))]
    return Case(workload, *cast, initial_weights(workload)), note


def initial_weights(workload: Workload) -> Weights:
    """W ~ N(0, 1 / inputs), b ~ N(0, 0.1²)."""
    rng = np.random.default_rng(8)
    weights = []
    for inputs, outputs in workload.shapes:
        W = rng.normal(0, inputs**-0.5, (inputs, outputs))
        b = rng.normal(0, 0.1, outputs)
        weights.append((W.astype(workload.dtype), b.astype(workload.dtype)))
    return weights


def digits(folder: Path, rows: int) -> tuple[Floats, Floats, str]:
    """The first MNIST images, or random data with as many zeros where the files are missing."""
    try:
        (images, labels), _ = datasets.load_mnist(folder)
    except FileNotFoundError:
        X, Y = sparse(rows, 784, 10)
        return X, Y, f"MNIST is not in {folder}; random data of the same sparsity instead"
    return images[:rows], datasets.one_hot(labels[:rows], 10), ""


def teacher(X: Floats, outputs: int) -> Floats:
    """One-hot classes (rows, outputs) that a random linear map gives."""
    scores = X @ np.random.default_rng(1).normal(size=(X.shape[1], outputs))
    return datasets.one_hot((scores - scores.mean(axis=0)).argmax(axis=1), outputs)


def sparse(rows: int, inputs: int, outputs: int) -> Pair:
    """Images of which, as in MNIST, a disc of pixels is ever inked, a third of it at a time."""
    rng = np.random.default_rng(0)
    side = int(inputs**0.5)
    y, x = np.divmod(np.arange(inputs), side) - np.array((side - 1) / 2)
    inked = x**2 + y**2 < (0.45 * side) ** 2
    X = rng.random((rows, inputs)) * (rng.random((rows, inputs)) < 0.3) * inked
    return X, teacher(X, outputs)


def no_zeros(rows: int, inputs: int, outputs: int) -> Pair:
    X = np.random.default_rng(0).uniform(-0.5, 0.5, (rows, inputs))
    return X, teacher(X, outputs)


def normal(rows: int, inputs: int, outputs: int) -> Pair:
    rng = np.random.default_rng(0)
    return rng.normal(size=(rows, inputs)), rng.random((rows, outputs))


def exponentials(rows: int, inputs: int, outputs: int) -> Pair:
    """Random 2 x 2 matrices and their matrix exponentials, four numbers each."""
    A = np.random.default_rng(0).normal(size=(rows, 2, 2))
    term, total = A, np.eye(2) + A  # A^k / k! and the sum of these
    for k in range(2, 40):
        term = term @ A / k
        total = total + term
    return A.reshape(rows, 4), total.reshape(rows, 4)


def ten_points() -> Pair:
    X, y = datasets.ten_points()
    return X, datasets.one_hot(y)


SMALL_SETS = {
    "xor": lambda: datasets.gate("xor"),
    "people": datasets.people,
    "ten_points": ten_points,
}
RANDOM_SETS = {"normal": normal, "no_zeros": no_zeros, "exponentials": exponentials}


def numbers(weights: Weights) -> Array:
    """All weights and biases in one flat array."""
    return np.concatenate([v.ravel() for pair in weights for v in pair])
