"""Classes as pictures of several kinds need them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nnfast import metrics
from nnfast.formulas import LOSSES
from nnfast.levels.contract import Array

if TYPE_CHECKING:
    from nnfast.network import Network


def names(net: Network) -> tuple[str, ...]:
    """What the classes of a network are called."""
    return tuple(map(str, net.classes or range(max(2, net.sizes[-1]))))


def true(net: Network, y: Any, rows: int) -> Array:
    """The class of each row of y, as a number from 0.

    Raises ValueError where y does not hold classes.
    """
    Y = net.door.raw_targets(y, rows)
    if not metrics.holds_classes(Y):
        raise ValueError("y holds numbers other than 0 and 1; expected classes, as labels or rows.")
    if Y.shape[1] > 1 and (Y.sum(axis=1) != 1).any():
        raise ValueError("y holds rows with several classes or none; expected one for each row.")
    return metrics.classes(Y)


def predicted(net: Network, outputs: Array) -> Array:
    """The class that each row of outputs stands for, as a number from 0."""
    return metrics.classes(outputs, LOSSES[net.loss].threshold)
