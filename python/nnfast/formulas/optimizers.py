"""Optimizers that step after every batch, each written once; see `nnfast.formulas`."""

from __future__ import annotations

import math
from copy import copy
from dataclasses import dataclass
from typing import Any, ClassVar

from nnfast.formulas.activations import Number
from nnfast.formulas.checks import require_fraction, require_positive
from nnfast.formulas.schedules import Schedule

LearningRate = Any  # a positive number, or a Schedule


@dataclass(frozen=True)
class SGD:
    """Gradient descent, with momentum (Polyak 1964) or Nesterov's momentum (Sutskever et al. 2013).

        v <- momentum v - learning_rate g
        p <- p + v                                        (plain and momentum)
        p <- p + momentum v - learning_rate g             (nesterov)

    This is Keras' form; PyTorch and scikit-learn agree with it while the learning rate is constant.

    Raises ValueError for a learning rate that is not positive or a momentum outside [0, 1).
    """

    learning_rate: LearningRate = 0.01
    momentum: float = 0.0
    nesterov: bool = False

    name: ClassVar[str] = "sgd"

    def __post_init__(self) -> None:
        require_rate(self)
        require_fraction(self, "momentum")
        if not isinstance(self.nesterov, bool):
            raise TypeError(f"SGD: nesterov is {self.nesterov!r}; expected True or False.")
        if self.nesterov and not self.momentum:
            raise ValueError(
                "SGD: nesterov=True has no meaning with momentum=0; give a momentum, such as 0.9."
            )

    @property
    def slots(self) -> int:
        """Numbers of state kept per parameter: the velocity v."""
        return 1 if self.momentum else 0

    def update(
        self, p: Number, g: Number, state: tuple[Number, ...], step: int, xp: Any
    ) -> tuple[Number, ...]:
        """The parameter and its state after update number `step` (counted from 1)."""
        if not self.momentum:
            return (p - self.learning_rate * g,)
        v = self.momentum * state[0] - self.learning_rate * g
        if self.nesterov:
            return p + self.momentum * v - self.learning_rate * g, v
        return p + v, v


@dataclass(frozen=True)
class Adam:
    """Adam, algorithm 1 of Kingma & Ba (2015); t counts the updates from 1.

        m <- beta1 m + (1 - beta1) g,   v <- beta2 v + (1 - beta2) g²
        p <- p - learning_rate m̂ / (√v̂ + epsilon),   m̂ = m / (1 - beta1^t),   v̂ = v / (1 - beta2^t)

    PyTorch computes the same (its epsilon is 1e-8); Keras adds epsilon to √v instead of to √v̂.

    Raises ValueError for a learning rate or epsilon that is not positive, or a beta outside [0, 1).
    """

    learning_rate: LearningRate = 0.001
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-7

    name: ClassVar[str] = "adam"

    def __post_init__(self) -> None:
        require_rate(self)
        require_fraction(self, "beta1")
        require_fraction(self, "beta2")
        require_positive(self, "epsilon")

    @property
    def slots(self) -> int:
        """Numbers of state kept per parameter: the moments m and v."""
        return 2

    def update(
        self, p: Number, g: Number, state: tuple[Number, ...], step: int, xp: Any
    ) -> tuple[Number, ...]:
        """The parameter and its state after update number `step` (counted from 1)."""
        m = self.beta1 * state[0] + (1 - self.beta1) * g
        v = self.beta2 * state[1] + (1 - self.beta2) * g * g
        rate = self.learning_rate / (1 - self.beta1**step)
        correction = 1 / math.sqrt(1 - self.beta2**step)
        return p - rate * m / (correction * xp.sqrt(v) + self.epsilon), m, v


Optimizer = SGD | Adam

OPTIMIZERS: dict[str, type[SGD] | type[Adam]] = {
    optimizer.name: optimizer for optimizer in (SGD, Adam)
}


def hyperparameters(optimizer: Optimizer) -> tuple[float, ...]:
    """The fields of an optimizer as numbers, in the order of their declaration, for C++."""
    return tuple(map(float, vars(optimizer).values()))


def at_rate(optimizer: Optimizer, rate: float) -> Optimizer:
    """The optimizer with this learning rate, which may be 0 where a schedule says so."""
    twin = copy(optimizer)
    object.__setattr__(twin, "learning_rate", rate)
    return twin


def steady(optimizer: Optimizer, factor: float = 1.0) -> Optimizer:
    """The optimizer with a learning rate that is a number, multiplied by `factor`.

    Levels know no schedules: they get the rate of each update as a number. Of a schedule, this is
    the rate it begins with.
    """
    rate = getattr(optimizer, "learning_rate", None)  # not every optimizer has one
    if isinstance(rate, Schedule):
        rate = rate.start
    elif factor == 1 or rate is None:
        return optimizer
    return at_rate(optimizer, factor * rate)


def require_rate(optimizer: Any) -> None:
    """Refuse a learning rate that is neither a positive number nor a schedule."""
    if not isinstance(optimizer.learning_rate, Schedule):
        require_positive(optimizer, "learning_rate")
