"""Fixtures of many tests: levels, dtypes, and `problem`, which makes random networks and data."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import nnfast
from nnfast import levels
from nnfast.formulas import (
    ACTIVATIONS,
    LOSSES,
    OPTIMIZERS,
    SGD,
    Adam,
    AdamW,
    RMSprop,
    losses_for,
)
from nnfast.levels.compiled import SUPPORTED
from nnfast.levels.contract import NO_CONTROL

LEVELS = levels.available()
COMPILED = [name for name in LEVELS if name in SUPPORTED]
EVERY_ENDING = [(name, loss) for name in ACTIVATIONS for loss in losses_for(name)]


def tried_endings():
    """Every loss that few outputs have, with all of them.

    The others with an output of every kind (a slope of a, a slope of z, a whole row), and every
    output with one of them in turn.
    """
    kinds = {"sigmoid", "tanh", "relu", "linear", "elu", "gelu"}
    common = [name for name, loss in LOSSES.items() if not loss.paired and not loss.outputs]
    for i, (output, loss) in enumerate(EVERY_ENDING):
        turn = common[i % len(common)] == loss
        if loss not in common or output in kinds or turn:
            yield output, loss
    yield "softmax", "quadratic"


ENDINGS = list(dict.fromkeys(tried_endings()))
# hidden activations in turn, each with many endings
PAIRINGS = [
    (list(ACTIVATIONS)[(3 * i + j) % len(ACTIVATIONS)], *ending)
    for i, ending in enumerate(ENDINGS)
    for j in range(3)
]
OPTIMIZERS_TRIED = [
    SGD(0.01),
    SGD(0.002, momentum=0.9),
    SGD(0.002, momentum=0.9, nesterov=True),
    Adam(0.01),
    Adam(0.01, amsgrad=True),
    AdamW(0.01, weight_decay=0.1, amsgrad=True),
    RMSprop(0.001, momentum=0.9),
    *(cls() for cls in OPTIMIZERS.values() if cls not in (SGD, Adam)),
]


@pytest.fixture(params=LEVELS)
def level(request):
    """Name of a level that this machine can run."""
    return request.param


@pytest.fixture(params=COMPILED)
def compiled_level(request):
    """Name of a compiled level that this machine can run."""
    return request.param


@pytest.fixture(params=["float32", "float64"])
def dtype(request):
    return request.param


@pytest.fixture
def at_most_calls():
    """A block calls few functions: a measure of effort that other processes cannot change."""

    @contextmanager
    def at_most_calls(limit):
        calls = 0

        def count(frame, event, argument):
            nonlocal calls
            calls += event in ("call", "c_call")

        sys.setprofile(count)
        try:
            yield
        finally:
            sys.setprofile(None)
        assert calls <= limit

    return at_most_calls


@pytest.fixture(params=ENDINGS, ids="-".join)
def ending(request):
    """(activation, loss) of a last layer."""
    return request.param


@pytest.fixture(params=PAIRINGS, ids="-".join)
def pairing(request):
    """(hidden activation, activation of the last layer, loss)."""
    return request.param


@pytest.fixture(params=OPTIMIZERS_TRIED, ids=repr)
def optimizer(request):
    """An optimizer, each in all its forms."""
    return request.param


@pytest.fixture
def turn(ending, optimizer):
    """A number that differs from one pair of these to the next."""
    return ENDINGS.index(ending) + 5 * OPTIMIZERS_TRIED.index(optimizer)


@pytest.fixture
def optimizers():
    """All that the fixture `optimizer` goes through."""
    return OPTIMIZERS_TRIED


@pytest.fixture
def pairings():
    """All that the fixture `pairing` goes through."""
    return PAIRINGS


@pytest.fixture
def rng():
    return np.random.default_rng(20240229)


@pytest.fixture
def threads():
    """A function that sets the number of threads until the test ends."""
    before = nnfast.get_num_threads()
    yield nnfast.set_num_threads
    nnfast.set_num_threads(before)


@pytest.fixture
def random_network():
    """A function that makes a network with random weights; see `make_network`."""
    return make_network


def make_network(layers, *, scaled=False, seed=0, **options):
    """A network of 3 inputs and these layers, with random weights, and scalers if `scaled`."""
    rng = np.random.default_rng(seed)
    if scaled:
        for side, count in (("input", 3), ("output", layers[-1].units)):
            options[f"{side}_scaler"] = nnfast.Standardizer(
                shift=rng.normal(size=count), scale=rng.uniform(0.5, 2, count)
            )
    network = nnfast.Network([3, *layers], **options)
    network.parameters[:] = rng.normal(0, 0.6, len(network.parameters))
    return network


@pytest.fixture
def no_module(monkeypatch):
    """A function that hides a package, as if it were not installed."""
    return lambda name: monkeypatch.setitem(sys.modules, name, None)


@pytest.fixture
def problem():
    """A function that makes a `Problem`; see `make_problem`."""
    return make_problem


@dataclass
class Problem:
    """An architecture with parameters and data, to be computed on any level."""

    architecture: levels.Architecture
    parameters: Any
    X: Any
    Y: Any
    shuffle_seed: int = 0x0123456789ABCDEF
    sample_weight: Any = None

    def on(self, level):
        return levels.LEVELS[level](self.architecture)

    def forward(self, level, X=None):
        X = self.X if X is None else X
        return np.asarray(self.on(level).forward(self.parameters, X), self.architecture.dtype)

    def loss_and_gradient(self, level):
        loss, gradient = self.on(level).loss_and_gradient(
            self.parameters, self.X, self.Y, self.sample_weight
        )
        return float(loss), np.asarray(gradient, self.architecture.dtype)

    def train(
        self,
        level,
        optimizer,
        *,
        calls=(1,),
        batch_size=None,
        shuffle=True,
        control=NO_CONTROL,
    ):
        """(parameters, state, losses) after one call of `train` for each number of epochs."""
        parameters = self.parameters.copy()
        state = levels.TrainingState.fresh(self.architecture, optimizer, self.shuffle_seed)
        implementation = self.on(level)
        losses = []
        for epochs in calls:
            trained = implementation.train(
                parameters,
                state,
                self.X,
                self.Y,
                self.sample_weight,
                epochs=epochs,
                batch_size=batch_size or len(self.X),
                optimizer=optimizer,
                shuffle=shuffle,
                control=control,
            )
            losses.extend(trained)
        return parameters, state, losses


def make_problem(
    sizes, activations, loss, *, rows=5, dtype="float64", biases=True, seed=0
) -> Problem:
    """Random parameters, inputs and fitting targets.

    `activations` and `biases` have one entry per layer; one value stands for all of them.
    """
    count = len(sizes) - 1
    activations = (activations,) * count if isinstance(activations, str) else tuple(activations)
    biases = (biases,) * count if isinstance(biases, bool) else tuple(biases)
    architecture = levels.Architecture(tuple(sizes), activations, biases, loss, dtype)
    rng = np.random.default_rng([seed, *sizes])
    parameters = rng.standard_normal(architecture.parameter_count)
    for W, _ in architecture.views(parameters):
        W /= np.sqrt(max(len(W), 4))
    if "exponential" in activations:
        parameters /= 4
    X = rng.standard_normal((rows, sizes[0]))
    Y = random_targets(rng, LOSSES[loss].targets, (rows, sizes[-1]))
    return Problem(architecture, *(array.astype(dtype) for array in (parameters, X, Y)))


def random_targets(rng, kind, shape):
    """Targets of the kind that `Loss.targets` names."""
    if kind == "any":
        return rng.standard_normal(shape)
    if kind == "positive":
        return 3 * rng.random(shape)
    if kind == "unit":
        return rng.random(shape)
    if kind == "binary":
        return rng.integers(0, 2, shape).astype(float)
    assert kind == "distribution"
    weights = rng.random(shape) ** 2
    return weights / weights.sum(axis=1, keepdims=True)
