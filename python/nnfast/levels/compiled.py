"""The compiled levels: the C++ core, once per instruction set. The only user of `_core`."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from functools import cached_property

import numpy as np

from nnfast import _core
from nnfast.formulas import BatchMethod, Optimizer, hyperparameters
from nnfast.levels.contract import (
    NO_CONTROL,
    Architecture,
    Array,
    Control,
    DivergenceError,
    Level,
    Regularization,
    TrainingState,
)
from nnfast.threads import get_num_threads

# every instruction set that was compiled, slowest first, and whether this processor has it
SUPPORTED: dict[str, bool] = _core.levels()

# base class with a `predict` that hands over to `_predict` what is not ready for the core
Predictor = _core.Predictor


def bind(predictor: Predictor, level: Level | None, parameters: Array) -> None:
    """Let `predictor.predict` compute a few rows itself, where the level is a compiled one."""
    _core.bind(predictor, level.core if isinstance(level, Compiled) else None, parameters)


class Compiled:
    """The contract on one instruction set."""

    def __init__(self, architecture: Architecture, instruction_set: str) -> None:
        self.single = architecture.dtype == "float32"
        network = _core.Network32 if self.single else _core.Network64
        rules = architecture.regularization
        if all(rule == Regularization() for rule in rules):
            rules = ()
        self.description = (
            instruction_set,
            list(architecture.sizes),
            list(architecture.activations),
            list(architecture.biases),
            architecture.loss,
            [(rule.l1, rule.l2, rule.dropout, rule.max_norm) for rule in rules],
            (architecture.input_dropout, architecture.input_noise),
        )
        self.core = network(*self.description)

    @cached_property
    def double_core(self) -> _core.Network64:
        """The same network in float64."""
        return _core.Network64(*self.description)

    def forward(self, parameters: Array, X: Array) -> Array:
        return self.core.forward(parameters, X, get_num_threads())

    def loss(
        self, parameters: Array, X: Array, Y: Array, sample_weight: Array | None = None
    ) -> float:
        return self.core.loss(parameters, X, Y, sample_weight, get_num_threads())

    def loss_and_gradient(
        self, parameters: Array, X: Array, Y: Array, sample_weight: Array | None = None
    ) -> tuple[float, Array]:
        return self.core.loss_and_gradient(parameters, X, Y, sample_weight, get_num_threads())

    def train(
        self,
        parameters: Array,
        state: TrainingState,
        X: Array,
        Y: Array,
        sample_weight: Array | None = None,
        *,
        epochs: int,
        batch_size: int,
        optimizer: Optimizer,
        shuffle: bool,
        control: Control = NO_CONTROL,
    ) -> Sequence[float]:
        losses, finite = self.core.train(
            parameters,
            state,
            X,
            Y,
            sample_weight,
            epochs,
            batch_size,
            optimizer.name,
            hyperparameters(optimizer),
            shuffle,
            control,
            get_num_threads(),
            threading.current_thread() is threading.main_thread(),
        )
        if not finite:
            raise DivergenceError("the training diverged", list(map(float, losses)))
        return losses

    def jacobian(self, parameters: Array, X: Array) -> Array:
        return self.core.jacobian(parameters, X, get_num_threads())

    def minimise(
        self,
        parameters: Array,
        state: TrainingState,
        X: Array,
        Y: Array,
        sample_weight: Array | None = None,
        *,
        method: BatchMethod,
        iterations: int,
        control: Control = NO_CONTROL,
    ) -> tuple[list[float], str]:
        exact, new = parameters.astype(np.float64), state.copy()
        reason = ""
        try:
            losses, reason = self.double_core.minimise(
                exact,
                new,
                double(X),
                double(Y),
                double(sample_weight),
                double(control.factors),
                method.name,
                method.settings,
                iterations,
                self.single,
                get_num_threads(),
                threading.current_thread() is threading.main_thread(),
            )
        finally:
            if reason != "diverged":  # an interruption keeps the iterations that were made
                parameters[:] = exact
                state.restore(new)
        if reason == "diverged":
            raise DivergenceError("the training diverged", losses)
        return losses, reason


def double(array: Array | None) -> Array | None:
    """The same numbers as float64."""
    return None if array is None else array.astype(np.float64, copy=False)
