"""The compiled levels: the C++ core, once per instruction set. The only user of `_core`."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from nnfast import _core
from nnfast.formulas import Optimizer, hyperparameters
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


def bind(predictor: Predictor, level: Level, parameters: Array) -> None:
    """Let `predictor.predict` compute a few rows itself, where the level is a compiled one."""
    _core.bind(predictor, level.core if isinstance(level, Compiled) else None, parameters)


class Compiled:
    """The contract on one instruction set."""

    def __init__(self, architecture: Architecture, instruction_set: str) -> None:
        network = _core.Network32 if architecture.dtype == "float32" else _core.Network64
        rules = architecture.regularization
        if all(rule == Regularization() for rule in rules):
            rules = ()
        self.core = network(
            instruction_set,
            list(architecture.sizes),
            list(architecture.activations),
            list(architecture.biases),
            architecture.loss,
            [(rule.l1, rule.l2, rule.dropout, rule.max_norm) for rule in rules],
            (architecture.input_dropout, architecture.input_noise),
        )

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
        array, finite = self.core.train(
            parameters,
            state,
            X,
            Y,
            sample_weight,
            epochs,
            batch_size,
            optimizer.name,
            list(hyperparameters(optimizer)),
            shuffle,
            control,
            get_num_threads(),
            threading.current_thread() is threading.main_thread(),
        )
        losses: list[float] = array.tolist()
        if not finite:
            raise DivergenceError("the training diverged", losses)
        return losses
