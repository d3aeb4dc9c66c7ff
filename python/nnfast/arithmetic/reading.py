"""The arguments of `nnfast.walkthrough`: what is written out, from what, and by which optimizer."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from nnfast import validation
from nnfast.arithmetic.passes import Layer
from nnfast.arithmetic.quantities import Equation, Quantity, Symbol, equation
from nnfast.formulas import OPTIMIZERS, BatchMethod, Optimizer, Schedule, at_rate
from nnfast.levels.contract import TrainingState

if TYPE_CHECKING:
    from nnfast.network import Network
    from nnfast.scaling import Scaler

PARAMETERS, ROWS = 200, 16  # more of them nobody reads


def require_small(network: Network) -> None:
    """Refuse what is not written out."""
    count = len(network.parameters)
    if count > PARAMETERS:
        raise ValueError(
            f"the network has {count:,} parameters; a walkthrough writes every one of them out, "
            f"and takes up to {PARAMETERS}. Take a smaller network of the same kind."
        )
    if network.architecture.noisy:
        raise ValueError(
            "the network has dropout or input noise, which change every update by random numbers; "
            "a walkthrough writes the arithmetic of networks without them."
        )
    if any(rule.max_norm < math.inf for rule in network.architecture.regularization):
        raise ValueError("the network has a max_norm; a walkthrough is written without it.")
    factors = [layer.learning_rate_factor * layer.trainable for layer in network.layers]
    if network.frozen.any() or set(factors) != {1.0}:
        raise ValueError(
            "the network has frozen parameters or a learning_rate_factor; a walkthrough updates "
            "all parameters alike. Take a network without them."
        )


def read_rows(network: Network, x: Any, y: Any) -> list[tuple[list[Equation], list[Equation]]]:
    """Inputs and targets of every row; one row may come without the outer brackets."""
    if np.ndim(x) == 1:
        x, y = np.asarray(x)[None], [y]
    network.door.inputs(x)  # refuses what the scaler cannot take
    X = network.door.raw_inputs(x)
    if len(X) > ROWS:
        raise ValueError(
            f"X has {len(X):,} rows; a walkthrough writes every one of them out, and takes up to "
            f"{ROWS}. Give it a part of them, such as X[:4]."
        )
    network.door.targets(y, len(X))
    Y = network.door.raw_targets(y, len(X))
    return [
        (
            scaled("x", "r", own, network.input_scaler),
            scaled("y", "t", target, network.output_scaler),
        )
        for own, target in zip(X.tolist(), Y.tolist(), strict=True)
    ]


def scaled(name: str, raw_name: str, values: list[float], scaler: Scaler | None) -> list[Equation]:
    """The numbers of a row as the network takes them, from those that are given."""
    if scaler is None:
        return [Equation(Quantity(Symbol(name, index=(i,)), v)) for i, v in enumerate(values, 1)]
    result = []
    columns = zip(values, scaler.shift.tolist(), scaler.scale.tolist(), strict=True)
    for i, (value, shift, scale) in enumerate(columns, start=1):
        terms = {
            "raw": Quantity(Symbol(raw_name, index=(i,)), float(value)),
            "shift": Quantity(Symbol("shift", index=(raw_name, i)), shift),
            "scale": Quantity(Symbol("scale", index=(raw_name, i)), scale),
        }
        result.append(equation(Symbol(name, index=(i,)), "(raw - shift) / scale", terms))
    return result


def read_optimizer(
    network: Network, optimizer: Any
) -> tuple[Optimizer, TrainingState, Schedule | None]:
    """The optimizer at the rate of its next update, its state, and its schedule if it has one."""
    chosen, state = validation.optimizer(optimizer), network.training_state
    if chosen is None and state is not None:
        chosen = network.optimizer
    else:
        chosen = chosen or OPTIMIZERS["adam"]()
        state = TrainingState.fresh(network.architecture, chosen, 0)
    if isinstance(chosen, BatchMethod):
        raise ValueError(
            f"the optimizer is {type(chosen).__name__}, a batch method, which looks at the loss in "
            "several places before it steps; expected one that steps after every batch: "
            f"{', '.join(OPTIMIZERS)}."
        )
    assert chosen is not None
    assert state is not None
    rate, schedule = chosen.learning_rate, None
    if isinstance(rate, Schedule):
        schedule, rate = rate, float(rate(np.array([float(state.epoch)]))[0])
    return at_rate(chosen, state.rate_factor * rate), state, schedule


def read_layers(network: Network) -> list[Layer]:
    """The parameters as quantities."""
    layers = []
    pairs = network.weights
    for k, ((W, b), name) in enumerate(zip(pairs, network.architecture.activations, strict=True)):
        label = None if len(pairs) == 1 else k + 1
        weights = [
            [Quantity(Symbol("w", label, (i, j)), w) for j, w in enumerate(row, start=1)]
            for i, row in enumerate(W.tolist(), start=1)
        ]
        biases = [] if b is None else b.tolist()
        own = [Quantity(Symbol("b", label, (j,)), v) for j, v in enumerate(biases, start=1)]
        layers.append(Layer(k + 1, label, name, weights, own))
    return layers
