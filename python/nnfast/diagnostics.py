"""What goes wrong in training, said in sentences: warnings, and why a training diverged."""

from __future__ import annotations

import math
import sys
import warnings
from numbers import Real
from typing import TYPE_CHECKING

import numpy as np

from nnfast import inspection, levels
from nnfast.formulas import ACTIVATIONS, LOSSES, BatchMethod, Optimizer
from nnfast.levels.contract import Array

if TYPE_CHECKING:
    from nnfast.network import Network

SAMPLE = 1000  # rows that are looked at, taken evenly
SAMPLE_NUMBERS, SAMPLE_LEAST = 100_000, 100  # of wide data fewer rows, but not less than 100
ENOUGH_ROWS = 20  # fewer say nothing about how a column varies
LARGE = 50.0  # inputs beyond are large where their column's root mean square is above TYPICAL
TYPICAL = 10.0
SPREADS = 1e3  # ratio of standard deviations at which one column hides another
HARMLESS = 3.0  # a constant: no worse than one more bias; the edges of images have such

ENOUGH_MULTIPLICATIONS = 3_000_000  # of a fit whose units are looked at afterwards
ENOUGH_PASSES = 200  # rows visited per row that is looked at: the look costs about 1 % of the fit
DEAD_SHARE = 0.25  # of a layer, where the network has not learned: a few dead units are normal
DEAD_ANYWAY = 0.75  # of a layer, in any network
ENOUGH_TO_BE_DEAD = 100  # rows; in fewer only a whole layer counts
SATURATED = 0.01  # of the range of an activation, from its limits
LEARNED = 0.5  # of the loss that the same outputs have for targets of other rows


class TrainingWarning(UserWarning):
    """A training that is likely to go badly, or has.

    `warnings.simplefilter("ignore", nnfast.TrainingWarning)` silences all of them. A network gives
    each kind once.
    """


# ---- data ---------------------------------------------------------------------------------------


def check_data(network: Network, X: Array) -> None:
    """Warn of unscaled inputs and constant columns in X (n, inputs), the first time it is called.

    A sample of rows is looked at, taken evenly.
    """
    if "data" in network.diagnosed:
        return
    network.diagnosed.add("data")
    sample = _sample(X, min(SAMPLE, max(SAMPLE_LEAST, SAMPLE_NUMBERS // X.shape[1])))
    low, high = float(sample.min()), float(sample.max())
    if not (math.isfinite(low) and math.isfinite(high)):  # the training will refuse it
        return
    few = len(sample) < ENOUGH_ROWS
    if few and low >= -LARGE and high <= LARGE:
        return
    unscaled = _unscaled(sample) or (None if few else _unequal(sample))
    if unscaled:
        _warn(
            network,
            "unscaled inputs",
            f"{unscaled}. Such inputs drive units into saturation and make the loss far steeper in "
            "some directions than in others, so that training is slow or diverges. Scale them: "
            'Network(..., input_scaler="standard") does, or X, transform = '
            "nnfast.datasets.standardize(X), then transform(X_test).",
        )
    if not few and network.layers[0].bias:
        _check_constant_columns(network, X, sample)


def _unscaled(sample: Array) -> str | None:
    """A sentence about columns of large numbers."""
    if sample.max() <= LARGE and sample.min() >= -LARGE:
        return None
    largest = abs(sample).max(axis=0)
    typical = np.sqrt(np.square(sample, dtype=np.float64).mean(axis=0))
    columns = np.flatnonzero((largest > LARGE) & (typical > TYPICAL))
    if not len(columns):
        return None
    first = columns[0]
    return (
        f"Large numbers in {len(columns)} of {sample.shape[1]} columns of X: the first is column "
        f"{first}, from {sample[:, first].min():.4g} to {sample[:, first].max():.4g}"
    )


def _unequal(sample: Array) -> str | None:
    """A sentence about columns of very different spread; sparse ones are left out."""
    filled = np.count_nonzero(sample, axis=0) > len(sample) / 2
    spread = np.where(filled, sample.std(axis=0, dtype=np.float64), 0.0)
    # the deviation of equal numbers is a few units in the last place of them
    spread[spread <= 1e-6 * abs(sample).max(axis=0)] = 0.0
    widest, least = int(spread.argmax()), spread.max() / SPREADS
    hidden = np.flatnonzero((spread > 0) & (spread < least))
    if not len(hidden):
        return None
    return (
        f"A spread over {SPREADS:,.0f} times smaller than that of column {widest} (standard "
        f"deviation {spread[widest]:.2g}) in {len(hidden)} of {sample.shape[1]} columns of X: the "
        f"first is column {hidden[0]}, with {spread[hidden[0]]:.2g}"
    )


def _check_constant_columns(network: Network, X: Array, sample: Array) -> None:
    same = (sample == sample[0]).all(axis=0)
    columns = np.flatnonzero(same & (abs(sample[0]) > HARMLESS))
    for start in range(0, len(X), SAMPLE):
        if not len(columns):
            return
        part = X[start : start + SAMPLE, columns]
        columns = columns[(part == X[0, columns]).all(axis=0)]
    if len(columns):
        first = columns[0]
        _warn(
            network,
            "constant columns",
            f"The same number in all rows of {len(columns)} of {X.shape[1]} columns of X: the "
            f"first is column {first}, always {X[0, first]:.4g}. Such a column tells nothing "
            "about a row and only adds to the biases, in larger steps than theirs. Leave it out, "
            'or subtract the mean: Network(..., input_scaler="standard") does.',
        )


# ---- units --------------------------------------------------------------------------------------


def check_units(network: Network, X: Array, Y: Array, epochs: int) -> None:
    """Warn of dead and saturated units after `epochs` over X (n, inputs) and Y (n, outputs).

    Short trainings are left alone. A sample of at most 1,000 rows is looked at, and of fewer after
    fewer epochs.
    """
    visited, parameters = epochs * len(X), network.architecture.parameter_count
    if 3 * visited * parameters < ENOUGH_MULTIPLICATIONS:  # forward, backward, gradient
        return
    rows = min(len(X), SAMPLE, visited // ENOUGH_PASSES)
    if rows < min(len(X), SAMPLE_LEAST):
        return
    hidden, told = network.architecture.activations[:-1], network.diagnosed
    may_die = "dead units" not in told and any(map(_is_rectifier, hidden))
    may_saturate = "saturated units" not in told and any(map(_limits, hidden))
    if not (may_die or may_saturate):
        return
    sample, targets = (np.ascontiguousarray(_sample(all_rows, rows)) for all_rows in (X, Y))
    outputs = inspection.hidden(network, sample)
    for k, (name, a) in enumerate(zip(hidden, outputs, strict=True)):
        if _is_rectifier(name):
            _check_dead(network, k, a, sample, targets)
        elif limits := _limits(name):
            _check_saturated(network, k, a, limits, sample, targets)


def _check_dead(network: Network, k: int, a: Array, X: Array, Y: Array) -> None:
    dead = np.flatnonzero(~a.any(axis=0))
    share = len(dead) / a.shape[1]
    # in a few rows a unit may be silent by chance
    suspicious = share == 1 if len(a) < ENOUGH_TO_BE_DEAD else share >= DEAD_SHARE
    if not suspicious or (share < DEAD_ANYWAY and _has_learned(network, X, Y)):
        return
    leaky = ', another activation such as "leaky_relu",' if "leaky_relu" in ACTIVATIONS else ""
    _warn(
        network,
        "dead units",
        f"{len(dead)} of {a.shape[1]} units of layers[{k}] ({network.layers[k].activation}) are 0 "
        f"for all {len(a):,} rows looked at; the first is unit {dead[0]}. A unit that is 0 for "
        "every row has no gradient and does not learn any more. Train again with a lower learning "
        f'rate{leaky} or init="he_uniform".',
    )


def _check_saturated(
    network: Network, k: int, a: Array, limits: tuple[float, float], X: Array, Y: Array
) -> None:
    low, high = limits
    margin = SATURATED * (high - low)
    at_limit = ((a < low + margin) | (a > high - margin)).mean(axis=0) > 0.5
    if at_limit.mean() <= 0.5 or _has_learned(network, X, Y):
        return
    _warn(
        network,
        "saturated units",
        f"{np.count_nonzero(at_limit)} of {a.shape[1]} units of layers[{k}] "
        f"({network.layers[k].activation}) lie within {SATURATED:.0%} of {low:g} or {high:g} for "
        f"most rows; the first is unit {np.flatnonzero(at_limit)[0]}. There the slope is nearly 0: "
        "these weights and those of the layers before hardly learn. Scale the inputs "
        '(input_scaler="standard"), and train again with a lower learning rate or '
        'init="glorot_uniform".',
    )


def _has_learned(network: Network, X: Array, Y: Array) -> bool:
    """Whether the outputs fit their own targets much better than those of other rows.

    A network that has learned a truth table saturates its units with good reason, and one that is
    larger than its task has units to spare.
    """
    others = np.random.default_rng(0).permutation(len(Y))
    level = levels.LEVELS[network.level](network.architecture)
    own, of_others = (level.loss(network.parameters, X, targets) for targets in (Y, Y[others]))
    return bool(own <= LEARNED * of_others)


def _limits(activation: str) -> tuple[float, float] | None:
    """The limits of an activation that is smooth and bounded on both sides."""
    f = ACTIVATIONS[activation]
    if f.normalise or activation == "step":
        return None
    low, high = (float(f.value(z, np)) for z in np.array([-40.0, 40.0]))
    return (low, high) if max(-low, high) < 2 and high - low > 0.5 else None


def _is_rectifier(activation: str) -> bool:
    """Whether it is exactly 0 below zero and grows above."""
    f = ACTIVATIONS[activation]
    if f.normalise:
        return False
    below, one, two = (float(f.value(z, np)) for z in np.array([-1.0, 1.0, 2.0]))
    return below == 0 and two > one


# ---- divergence ---------------------------------------------------------------------------------


def explain_divergence(
    network: Network,
    X: Array,
    Y: Array,
    optimizer: Optimizer | BatchMethod,
    epoch: int,
    last_loss: float | None,
) -> str:
    """Why the training diverged, probably, and what to do.

    epoch: the number, from 1, of the one that ended with a loss or weights that are not finite.
    last_loss: the last finite loss, None where there was none.
    """
    last = f"; the last finite loss was {last_loss:.4g}" if last_loss is not None else ""
    causes = [*_large_numbers(network, X, Y), *_large_steps(network, optimizer)]
    likely = "Likely causes" if len(causes) > 1 else "Likely cause"
    return f"the training diverged in epoch {epoch}{last}. {likely}: {'; '.join(causes)}."


def _large_numbers(network: Network, X: Array, Y: Array) -> list[str]:
    causes = []
    if _unscaled(X):
        causes.append(
            f"inputs up to {abs(X).max():.4g}: scale them with "
            'Network(..., input_scaler="standard")'
        )
    largest = float(abs(Y).max())
    if largest > LARGE and LOSSES[network.loss].targets == "any":
        causes.append(
            f"targets up to {largest:.4g}, whose errors {network.loss} multiplies: scale them with "
            'Network(..., output_scaler="standard")'
        )
    return causes


def _large_steps(network: Network, optimizer: Optimizer | BatchMethod) -> list[str]:
    causes = []
    rate = getattr(optimizer, "learning_rate", None)
    if isinstance(rate, Real):
        causes.append(
            f"the learning rate {rate:g} is too large for {type(optimizer).__name__} here: try "
            f"{rate / 10:g}, or ask find_learning_rate(X, y)"
        )
    else:
        causes.append(f"the steps of {optimizer!r} are too large here: try smaller ones")
    for k, layer in enumerate(network.layers[:-1]):
        init = layer.init or network.options["init"]
        wide = network.sizes[k] >= 8  # N(0, 1) is then twice He's sqrt(2 / inputs), or more
        if wide and init in ("normal", "uniform") and _limits(layer.activation) is None:
            causes.append(
                f'the initial weights of layers[{k}] ({layer.activation}), drawn by "{init}", are '
                f'large for {network.sizes[k]} inputs: take init="he_uniform"'
            )
            break
    return causes


# ---- words and warnings -------------------------------------------------------------------------


def _sample(rows: Array, most: int) -> Array:
    return rows[:: -(-len(rows) // most)]


def _warn(network: Network, kind: str, text: str) -> None:
    """Warn once per network and kind, at the line outside nnfast that called."""
    if kind in network.diagnosed:
        return
    network.diagnosed.add(kind)
    level, frame = 2, sys._getframe(1)  # both stand for the caller of this function
    while frame.f_back and frame.f_globals.get("__name__", "").startswith("nnfast."):
        level, frame = level + 1, frame.f_back
    warnings.warn(text, TrainingWarning, stacklevel=level)
