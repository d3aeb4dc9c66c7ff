"""Backpropagation against differences of the loss: is the gradient right?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from nnfast import levels, validation
from nnfast.levels.contract import Architecture, Array

if TYPE_CHECKING:
    from nnfast.network import Network

STEPS = (1e-3, 1e-5, 1e-7)  # relative to max(1, |parameter|): a shorter one misses more kinks
ROUNDING = 10 * float(np.finfo(np.float64).eps)  # of a loss, relative to max(1, loss)
TOLERANCE = {"float32": 1e-3, "float64": 1e-6}


@dataclass(frozen=True)
class GradientCheck:
    """What `gradient_check` found: the entry with the largest error for its tolerance.

    layer, name, index: the entry is `net.weights[layer]`'s "W" or "b" at this index.
    analytic, numeric: the derivative of the loss by backpropagation, and by differences.
    relative_error: |analytic - numeric| over the larger of the two, or over what rounding of the
        loss makes of a difference where that is more; in float32 over the largest entry.
    tolerance: of the relative error.
    checked, parameters: how many entries were checked, and how many there are.
    kinks: entries at which the loss has two slopes, as with a relu at exactly 0, and
        backpropagation's lies between them. They count as right.
    precision: of `analytic`; where it is "float32", `numeric` is backpropagation in float64.
    """

    layer: int
    name: str
    index: tuple[int, ...]
    analytic: float
    numeric: float
    relative_error: float
    tolerance: float
    checked: int
    parameters: int
    kinks: int
    precision: str

    @property
    def ok(self) -> bool:
        """Whether every entry checked is right within its tolerance."""
        return self.relative_error <= self.tolerance

    def __repr__(self) -> str:
        place = f"weights[{self.layer}] {self.name}[{', '.join(map(str, self.index))}]"
        reference = "differences"
        if self.precision == "float32":
            reference = "backpropagation in float64"
        text = (
            f"GradientCheck {'ok' if self.ok else 'FAILED'}: {self.checked:,} of "
            f"{self.parameters:,} entries checked. The worst is {place}: {self.analytic:.9g} by "
            f"backpropagation in {self.precision}, {self.numeric:.9g} by {reference}, relative "
            f"error {self.relative_error:.1e} (tolerance {self.tolerance:.0e})."
        )
        if self.kinks:
            text += (
                f" At {self.kinks:,} {'entry' if self.kinks == 1 else 'entries'} the loss has a "
                "kink, such as a relu at exactly 0, and backpropagation gives one of its slopes."
            )
        return text


def gradient_check(network: Network, X: Any, y: Any, *, entries: int = 1000) -> GradientCheck:
    """Compare the gradient by backpropagation with differences of the loss, in float64.

    The level's own gradient and loss are compared, of a float64 copy of the parameters. A
    derivative is the central difference of the loss, with one step of Richardson's extrapolation;
    where it disagrees, shorter steps decide, which fewer kinks fall into. Of a float32 network, the
    float32 gradient is then compared with the float64 one.

    entries: check at most this many parameters, drawn at random by the network's seed. Each takes
        some four passes over X: a few hundred rows are enough.

    Raises ValueError or TypeError for data that do not fit.
    """
    X = network.door.inputs(X)
    Y = network.door.targets(y, len(X))
    count = len(network.parameters)
    chosen = _some(count, validation.whole_number("entries", entries), network.seed)
    architecture = replace(network.architecture, dtype="float64")
    level = levels.LEVELS[network.level](architecture)
    parameters, inputs, targets = (
        np.array(array, np.float64) for array in (network.parameters, X, Y)
    )
    loss, gradient = level.loss_and_gradient(parameters, inputs, targets)
    analytic = np.asarray(gradient, np.float64)
    differences = _Differences(
        lambda: float(level.loss_and_gradient(parameters, inputs, targets)[0]), parameters
    )
    numeric, errors, kinks = _compare(differences, analytic, chosen)
    k = int(errors.argmax())
    worst = _Worst("float64", int(chosen[k]), analytic[chosen[k]], numeric[k], errors[k])
    if network.dtype == "float32":
        # a sum of float32 numbers is off by some 1e-5 of the largest of them, not of the sum
        floor = 1e-2 * max(1.0, float(abs(inputs).max())) * max(1.0, float(loss))
        own = levels.LEVELS[network.level](network.architecture)
        _, in_float32 = own.loss_and_gradient(network.parameters, X, Y)
        single = _worst_float32(analytic, np.asarray(in_float32), floor)
        worst = max(worst, single, key=lambda entry: entry.error / TOLERANCE[entry.precision])
    return GradientCheck(
        *_place(architecture, worst.entry),
        analytic=float(worst.analytic),
        numeric=float(worst.numeric),
        relative_error=float(worst.error),
        tolerance=TOLERANCE[worst.precision],
        checked=len(chosen),
        parameters=count,
        kinks=kinks,
        precision=worst.precision,
    )


class _Worst(NamedTuple):
    """The entry with the largest error."""

    precision: str
    entry: int
    analytic: float
    numeric: float
    error: float


def _worst_float32(right: Array, single: Array, floor: float) -> _Worst:
    """The entry of the float32 gradient that differs most from the float64 one."""
    errors = abs(single - right) / max(float(abs(right).max()), floor)
    entry = int(errors.argmax())
    return _Worst("float32", entry, single[entry], right[entry], errors[entry])


def _compare(differences: _Differences, analytic: Array, chosen: Array) -> tuple[Array, Array, int]:
    """Numeric derivatives and relative errors of the chosen entries, and the number of kinks."""
    numeric, errors, kinks = np.empty(len(chosen)), np.empty(len(chosen)), 0
    for k, entry in enumerate(chosen):
        expected = float(analytic[entry])
        numeric[k], errors[k] = differences.compare(entry, expected)
        if errors[k] > TOLERANCE["float64"] and differences.is_kink(entry, expected):
            numeric[k], errors[k] = expected, 0.0
            kinks += 1
    return numeric, errors, kinks


class _Differences:
    """Derivatives of `loss()` by the entries of the array `parameters`, which it reads."""

    def __init__(self, loss: Callable[[], float], parameters: Array) -> None:
        self.loss = loss
        self.parameters = parameters
        self.here = loss()
        self.noise = ROUNDING * max(1.0, abs(self.here))

    def compare(self, entry: int, expected: float) -> tuple[float, float]:
        """(derivative, relative error) by the longest step that agrees, or else the surest."""
        surest = (np.inf, np.nan, np.inf)
        for relative in STEPS:
            step = relative * max(1.0, abs(self.parameters[entry]))
            near, far = self.central(entry, step / 2), self.central(entry, step)
            correction = (near - far) / 3  # Richardson: the error of order step² cancels
            derivative = near + correction
            floor = self.noise / step / TOLERANCE["float64"]
            error = abs(expected - derivative) / max(abs(expected), abs(derivative), floor)
            if error <= TOLERANCE["float64"]:
                return derivative, error
            surest = min(surest, (abs(correction) + self.noise / step, derivative, error))
        return surest[1:]

    def central(self, entry: int, step: float) -> float:
        ahead, behind = self.at(entry, step), self.at(entry, -step)
        return (ahead[1] - behind[1]) / (ahead[0] - behind[0])

    def is_kink(self, entry: int, expected: float) -> bool:
        """Whether left and right slope differ, and `expected` lies between them."""
        step = STEPS[-1] * max(1.0, abs(self.parameters[entry]))
        centre = self.parameters[entry]
        slopes = [
            (loss - self.here) / (moved - centre)
            for moved, loss in (self.at(entry, step), self.at(entry, -step))
        ]
        low, high = min(slopes), max(slopes)
        margin = self.noise / step + TOLERANCE["float64"] * max(abs(low), abs(high))
        return bool(high - low > 4 * margin and low - margin <= expected <= high + margin)

    def at(self, entry: int, change: float) -> tuple[float, float]:
        """(moved parameter, loss)."""
        before = self.parameters[entry]
        self.parameters[entry] += change
        try:
            return float(self.parameters[entry]), self.loss()
        finally:
            self.parameters[entry] = before


def _some(count: int, most: int, seed: int) -> Array:
    if count <= most:
        return np.arange(count)
    chosen = np.random.default_rng(seed).choice(count, most, replace=False)
    return np.sort(chosen)


def _place(architecture: Architecture, entry: int) -> tuple[int, str, tuple[int, ...]]:
    """(layer, "W" or "b", index) of an entry of the flat array."""
    places = architecture.views(np.arange(architecture.parameter_count))
    for layer, pair in enumerate(places):
        for name, view in zip("Wb", pair, strict=True):
            if view is not None and entry in view:
                return layer, name, tuple(int(i) for i in np.argwhere(view == entry)[0])
    raise IndexError(entry)
