"""Optimizers that step after every batch, each written once; see `nnfast.formulas`.

`update` computes; `formula` is the same as a textbook sets it, for people: Python assignments with
the parameter p, its gradient g, the number t of the update, the fields, and the slots, which are
what is read before it is assigned, in their order.
"""

from __future__ import annotations

import math
from copy import copy
from dataclasses import dataclass
from typing import Any, ClassVar

from nnfast.formulas.checks import (
    require_flag,
    require_fraction,
    require_not_negative,
    require_positive,
)
from nnfast.formulas.elementary import Number, where
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
        require_flag(self, "nesterov")
        if self.nesterov and not self.momentum:
            raise ValueError(
                "SGD: nesterov=True has no meaning with momentum=0; give a momentum, such as 0.9."
            )

    @property
    def slots(self) -> int:
        """Numbers of state kept per parameter: the velocity v."""
        return 1 if self.momentum else 0

    @property
    def formula(self) -> str:
        """The update as a textbook sets it; see the head of this file."""
        if not self.momentum:
            return "p = p - learning_rate * g"
        if self.nesterov:
            return "v = momentum * v - learning_rate * g; p = p + momentum * v - learning_rate * g"
        return "v = momentum * v - learning_rate * g; p = p + v"

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
class Adagrad:
    """Adagrad (Duchi, Hazan & Singer 2011): steps shrink with the gradients seen so far.

        s <- s + g²,   p <- p - learning_rate g / (√s + epsilon)

    PyTorch computes the same; Keras starts from s = 0.1 and adds epsilon (1e-7) to s.

    Raises ValueError for a learning rate or epsilon that is not positive.
    """

    learning_rate: LearningRate = 0.01
    epsilon: float = 1e-10

    name: ClassVar[str] = "adagrad"

    def __post_init__(self) -> None:
        require_rate(self)
        require_positive(self, "epsilon")

    @property
    def slots(self) -> int:
        """Numbers of state kept per parameter: the sum s."""
        return 1

    @property
    def formula(self) -> str:
        """The update as a textbook sets it; see the head of this file."""
        return "s = s + g**2; p = p - learning_rate * g / (sqrt(s) + epsilon)"

    def update(
        self, p: Number, g: Number, state: tuple[Number, ...], step: int, xp: Any
    ) -> tuple[Number, ...]:
        """The parameter and its state after update number `step` (counted from 1)."""
        s = state[0] + g * g
        return p - self.learning_rate * g / (xp.sqrt(s) + self.epsilon), s


@dataclass(frozen=True)
class RMSprop:
    """RMSprop (Tieleman & Hinton 2012, lecture 6.5), with momentum if asked for.

        v <- rho v + (1 - rho) g²,   d = g / (√v + epsilon)
        p <- p - learning_rate d                                            (plain)
        u <- momentum u + d,   p <- p - learning_rate u                     (momentum)

    PyTorch computes the same from other defaults: learning_rate 0.01, rho (its alpha) 0.99, epsilon
    1e-8. Keras has these defaults, adds epsilon to v, and multiplies d by the learning rate before
    it enters u.

    Raises ValueError for a learning rate or epsilon that is not positive, or a rho or momentum
    outside [0, 1).
    """

    learning_rate: LearningRate = 0.001
    rho: float = 0.9
    momentum: float = 0.0
    epsilon: float = 1e-7

    name: ClassVar[str] = "rmsprop"

    def __post_init__(self) -> None:
        require_rate(self)
        require_fraction(self, "rho")
        require_fraction(self, "momentum")
        require_positive(self, "epsilon")

    @property
    def slots(self) -> int:
        """Numbers of state kept per parameter: the moment v, and u with momentum."""
        return 2 if self.momentum else 1

    @property
    def formula(self) -> str:
        """The update as a textbook sets it; see the head of this file."""
        moment = "v = rho * v + (1 - rho) * g**2; d = g / (sqrt(v) + epsilon); "
        if not self.momentum:
            return moment + "p = p - learning_rate * d"
        return moment + "u = momentum * u + d; p = p - learning_rate * u"

    def update(
        self, p: Number, g: Number, state: tuple[Number, ...], step: int, xp: Any
    ) -> tuple[Number, ...]:
        """The parameter and its state after update number `step` (counted from 1)."""
        v = self.rho * state[0] + (1 - self.rho) * g * g
        d = g / (xp.sqrt(v) + self.epsilon)
        if not self.momentum:
            return p - self.learning_rate * d, v
        u = self.momentum * state[1] + d
        return p - self.learning_rate * u, v, u


@dataclass(frozen=True)
class Adam:
    """Adam, algorithm 1 of Kingma & Ba (2015); t counts the updates from 1.

        m <- beta1 m + (1 - beta1) g,   v <- beta2 v + (1 - beta2) g²
        p <- p - learning_rate m̂ / (√v̂ + epsilon),   m̂ = m / (1 - beta1^t),   v̂ = v / (1 - beta2^t)

    With amsgrad (Reddi, Kale & Kumar 2018), v̂ is made of the largest v so far, so that no step
    grows because gradients were forgotten.

    PyTorch computes the same (its epsilon is 1e-8); Keras adds epsilon to √v instead of to √v̂.

    Raises ValueError for a learning rate or epsilon that is not positive, or a beta outside [0, 1),
    TypeError for an amsgrad that is not True or False.
    """

    learning_rate: LearningRate = 0.001
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-7
    amsgrad: bool = False

    name: ClassVar[str] = "adam"

    def __post_init__(self) -> None:
        require_rate(self)
        require_fraction(self, "beta1")
        require_fraction(self, "beta2")
        require_positive(self, "epsilon")
        require_flag(self, "amsgrad")

    @property
    def slots(self) -> int:
        """Numbers of state kept per parameter: the moments m and v, and the largest v."""
        return 3 if self.amsgrad else 2

    @property
    def formula(self) -> str:
        """The update as a textbook sets it; see the head of this file."""
        largest = "v_max = max(v_max, v); " if self.amsgrad else ""
        return (
            "m = beta1 * m + (1 - beta1) * g; v = beta2 * v + (1 - beta2) * g**2; "
            f"m_hat = m / (1 - beta1**t); {largest}"
            f"v_hat = {'v_max' if self.amsgrad else 'v'} / (1 - beta2**t); "
            "p = p - learning_rate * m_hat / (sqrt(v_hat) + epsilon)"
        )

    def update(
        self, p: Number, g: Number, state: tuple[Number, ...], step: int, xp: Any
    ) -> tuple[Number, ...]:
        """The parameter and its state after update number `step` (counted from 1)."""
        m = self.beta1 * state[0] + (1 - self.beta1) * g
        v = self.beta2 * state[1] + (1 - self.beta2) * g * g
        rate = self.learning_rate / (1 - self.beta1**step)
        correction = 1 / math.sqrt(1 - self.beta2**step)
        if not self.amsgrad:
            return p - rate * m / (correction * xp.sqrt(v) + self.epsilon), m, v
        largest = where(v > state[2], v, state[2])
        return p - rate * m / (correction * xp.sqrt(largest) + self.epsilon), m, v, largest


@dataclass(frozen=True)
class AdamW(Adam):
    """Adam with decoupled weight decay (Loshchilov & Hutter 2019).

        p <- (1 - learning_rate weight_decay) p,   then the update of `Adam`

    Every parameter decays, biases too, as in PyTorch, which computes the same (its epsilon is
    1e-8). Keras' weight_decay is 0.004; it adds epsilon to √v instead of to √v̂.

    Raises what `Adam` raises, and ValueError for a negative weight_decay.
    """

    weight_decay: float = 0.01

    name: ClassVar[str] = "adamw"

    def __post_init__(self) -> None:
        super().__post_init__()
        require_not_negative(self, "weight_decay")

    @property
    def formula(self) -> str:
        """The update as a textbook sets it; see the head of this file."""
        return f"p = (1 - learning_rate * weight_decay) * p; {super().formula}"

    def update(
        self, p: Number, g: Number, state: tuple[Number, ...], step: int, xp: Any
    ) -> tuple[Number, ...]:
        """The parameter and its state after update number `step` (counted from 1)."""
        return super().update((1 - self.learning_rate * self.weight_decay) * p, g, state, step, xp)


@dataclass(frozen=True)
class Nadam:
    """Adam with Nesterov's momentum (Dozat 2016); t counts the updates from 1.

        mu_t = beta1 (1 - 0.96^(momentum_decay t) / 2)
        m <- beta1 m + (1 - beta1) g,   v <- beta2 v + (1 - beta2) g²
        m̂ = mu_(t+1) m / (1 - mu_1 ... mu_(t+1)) + (1 - mu_t) g / (1 - mu_1 ... mu_t)
        p <- p - learning_rate m̂ / (√v̂ + epsilon),   v̂ = v / (1 - beta2^t)

    PyTorch computes the same (its epsilon is 1e-8); Keras' momentum_decay is always 0.004, and its
    learning rate 0.001.

    Raises ValueError for a learning rate or epsilon that is not positive, a beta outside [0, 1), or
    a negative momentum_decay.
    """

    learning_rate: LearningRate = 0.002
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-7
    momentum_decay: float = 0.004

    name: ClassVar[str] = "nadam"

    def __post_init__(self) -> None:
        require_rate(self)
        require_fraction(self, "beta1")
        require_fraction(self, "beta2")
        require_positive(self, "epsilon")
        require_not_negative(self, "momentum_decay")

    @property
    def slots(self) -> int:
        """Numbers of state kept per parameter: m, v, and c = 1 - mu_1 ... mu_t."""
        return 3

    @property
    def formula(self) -> str:
        """The update as a textbook sets it; see the head of this file."""
        return (
            "mu = beta1 * (1 - 0.96**(momentum_decay * t) / 2); "
            "mu_next = beta1 * (1 - 0.96**(momentum_decay * (t + 1)) / 2); "
            "m = beta1 * m + (1 - beta1) * g; v = beta2 * v + (1 - beta2) * g**2; "
            "c = mu * c + 1 - mu; c_next = mu_next * c + 1 - mu_next; "
            "m_hat = mu_next * m / c_next + (1 - mu) * g / c; v_hat = v / (1 - beta2**t); "
            "p = p - learning_rate * m_hat / (sqrt(v_hat) + epsilon)"
        )

    def update(
        self, p: Number, g: Number, state: tuple[Number, ...], step: int, xp: Any
    ) -> tuple[Number, ...]:
        """The parameter and its state after update number `step` (counted from 1)."""
        m = self.beta1 * state[0] + (1 - self.beta1) * g
        v = self.beta2 * state[1] + (1 - self.beta2) * g * g
        mu, next_mu = self._mu(step), self._mu(step + 1)
        c = mu * state[2] + (1 - mu)
        next_c = next_mu * c + (1 - next_mu)
        look_ahead = next_mu * m / next_c + (1 - mu) * g / c
        root = xp.sqrt(v) / math.sqrt(1 - self.beta2**step)
        return p - self.learning_rate * look_ahead / (root + self.epsilon), m, v, c

    def _mu(self, step: int) -> float:
        return self.beta1 * (1 - 0.5 * math.exp(math.log(0.96) * self.momentum_decay * step))


Optimizer = SGD | Adagrad | RMSprop | Adam | AdamW | Nadam

OPTIMIZERS: dict[str, type[Optimizer]] = {
    optimizer.name: optimizer for optimizer in (SGD, Adam, Adagrad, RMSprop, AdamW, Nadam)
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
    rate = optimizer.learning_rate
    if isinstance(rate, Schedule):
        rate = rate.start
    elif factor == 1:
        return optimizer
    return at_rate(optimizer, factor * rate)


def require_rate(optimizer: Any) -> None:
    """Refuse a learning rate that is neither a positive number nor a schedule."""
    if not isinstance(optimizer.learning_rate, Schedule):
        require_positive(optimizer, "learning_rate")
