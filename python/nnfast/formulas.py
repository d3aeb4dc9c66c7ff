"""The page of mathematics: activations, losses and optimizers, each written once.

Every formula is elementwise and serves plain numbers as well as arrays: `xp` is the module that
evaluates it, `math` or `numpy`. `cpp/kernels/formulas.h` is the same page for the compiled levels,
and a test holds the two together.

    x  input of a layer        z  x @ W + b       a  f(z), output of the layer
    y  target                  g  gradient        p  parameter
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from numbers import Real
from typing import Any, ClassVar

Number = Any  # a float, or a NumPy array of any shape


@dataclass(frozen=True)
class Activation:
    """An activation `a = value(z)` and its slope `da/dz`, written with the output `a`.

    Where `normalise` is true, a level first subtracts from every row of `z` its log-sum-exp, so
    that `value = exp` makes the outputs of a row add up to 1 (softmax). Its derivative is then the
    Jacobian `da_i/dz_j = a_i (δ_ij - a_j)` and `slope` is not used.
    """

    value: Callable[[Number, Any], Number]
    slope: Callable[[Number], Number]
    normalise: bool = False


ACTIVATIONS: dict[str, Activation] = {
    # 1 / (1 + exp(-z)), in the form that cannot overflow
    "sigmoid": Activation(lambda z, xp: 0.5 + 0.5 * xp.tanh(0.5 * z), lambda a: a * (1 - a)),
    "tanh": Activation(lambda z, xp: xp.tanh(z), lambda a: 1 - a * a),
    "relu": Activation(lambda z, xp: z * (z > 0), lambda a: a > 0),
    "linear": Activation(lambda z, xp: z, lambda a: 0 * a + 1),
    "softmax": Activation(lambda z, xp: xp.exp(z), lambda a: 0 * a + 1, normalise=True),
    # Rosenblatt's threshold: 0 at exactly zero
    "step": Activation(lambda z, xp: (z > 0) * 1.0, lambda a: 0 * a),
}


@dataclass(frozen=True)
class Loss:
    """The loss of one output, and its derivative.

    The loss of a sample is the sum of `value` over its outputs (the mean where `mean` is true), the
    loss of a batch is the mean over its samples. `delta` is `d value / da`; for a loss that belongs
    to one output activation (`paired`) it is `d value / dz`, in which the slope has cancelled.
    `targets` names what y may hold: "any" finite number, "unit" [0, 1], "binary" 0 or 1, and
    "distribution" rows that are not negative and add up to 1.
    """

    value: Callable[[Number, Number, Number, Any], Number]  # value(z, a, y, xp)
    delta: Callable[[Number, Number], Number]  # delta(a, y)
    paired: str | None = None
    mean: bool = False
    targets: str = "any"


LOSSES: dict[str, Loss] = {
    "mean_squared_error": Loss(
        lambda z, a, y, xp: (a - y) * (a - y), lambda a, y: 2 * (a - y), mean=True
    ),
    "quadratic": Loss(lambda z, a, y, xp: 0.5 * (a - y) * (a - y), lambda a, y: a - y),
    # -y log a - (1 - y) log(1 - a) with a = sigmoid(z): max(z, 0) - z y + log(1 + e^-|z|)
    "binary_cross_entropy": Loss(
        lambda z, a, y, xp: 0.5 * z + 0.5 * abs(z) - z * y + xp.log1p(xp.exp(-abs(z))),
        lambda a, y: a - y,
        paired="sigmoid",
        targets="unit",
    ),
    # -y log a, where the normalised z is log a
    "cross_entropy": Loss(
        lambda z, a, y, xp: -y * z, lambda a, y: a - y, paired="softmax", targets="distribution"
    ),
    # the perceptron criterion (Rosenblatt 1958): |z| where the output is wrong
    "perceptron": Loss(
        lambda z, a, y, xp: (a - y) * z, lambda a, y: a - y, paired="step", targets="binary"
    ),
}

# the loss that `loss=None` takes, by the activation of the last layer
DEFAULT_LOSS: dict[str, str] = {
    **dict.fromkeys(ACTIVATIONS, "mean_squared_error"),
    **{loss.paired: name for name, loss in LOSSES.items() if loss.paired},
}


def losses_for(activation: str) -> list[str]:
    """Names of the losses that a network with this activation in its last layer can have."""
    if activation == "step":  # its slope is zero: a squared loss could not learn
        return ["perceptron"]
    return [name for name, loss in LOSSES.items() if loss.paired in (None, activation)]


@dataclass(frozen=True)
class SGD:
    """Gradient descent, with momentum (Polyak 1964) or Nesterov's momentum (Sutskever et al. 2013).

        v <- momentum v - learning_rate g
        p <- p + v                                        (plain and momentum)
        p <- p + momentum v - learning_rate g             (nesterov)

    This is Keras' form; PyTorch and scikit-learn agree with it while the learning rate is constant.

    Raises ValueError for a learning rate that is not positive or a momentum outside [0, 1).
    """

    learning_rate: float = 0.01
    momentum: float = 0.0
    nesterov: bool = False

    name: ClassVar[str] = "sgd"

    def __post_init__(self) -> None:
        _require_positive(self, "learning_rate")
        _require_fraction(self, "momentum")
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

    learning_rate: float = 0.001
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-7

    name: ClassVar[str] = "adam"

    def __post_init__(self) -> None:
        _require_positive(self, "learning_rate")
        _require_fraction(self, "beta1")
        _require_fraction(self, "beta2")
        _require_positive(self, "epsilon")

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


def _require_positive(optimizer: Any, field: str) -> None:
    value = _require_number(optimizer, field)
    if not 0 < value < math.inf:
        raise ValueError(
            f"{type(optimizer).__name__}: {field} is {value!r}; expected a positive number."
        )


def _require_fraction(optimizer: Any, field: str) -> None:
    value = _require_number(optimizer, field)
    if not 0 <= value < 1:
        raise ValueError(
            f"{type(optimizer).__name__}: {field} is {value!r}; expected a number from 0 up to, "
            "but not including, 1."
        )


def _require_number(optimizer: Any, field: str) -> float:
    value = getattr(optimizer, field)
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{type(optimizer).__name__}: {field} is {value!r}; expected a number.")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    object.__setattr__(optimizer, field, number)
    return number
