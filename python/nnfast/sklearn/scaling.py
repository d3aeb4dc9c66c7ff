"""Columns of data to mean 0 and standard deviation 1, where rows have weights."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nnfast import validation
from nnfast.levels.contract import Array


@dataclass(frozen=True)
class Scaler:
    """The map scaled = (raw - shift) / scale of every column; both (columns,) float64."""

    shift: Array
    scale: Array

    def apply(self, raw: Array, dtype: str) -> Array:
        """Numbers (n, columns), scaled, in `dtype`."""
        scaled = np.empty(raw.shape, dtype)
        for start, piece in validation.pieces(raw):
            part = scaled[start : start + len(piece)]
            np.subtract(piece, self.shift, out=part, casting="same_kind")
            np.divide(part, self.scale, out=part, casting="same_kind")
        return scaled

    def undo(self, scaled: Array, dtype: str) -> Array:
        """Scaled numbers (n, columns) in raw units, in `dtype`."""
        return np.asarray(scaled * self.scale + self.shift, dtype)


def standard(X: Array, weight: Array | None) -> Scaler:
    """The scaler of X (n, columns) by its weighted mean and standard deviation.

    A row of weight 2 counts as two rows, and one of weight 0 as none. A column of equal numbers
    becomes 0.
    """
    weight = np.ones(len(X)) if weight is None else weight / weight.max()
    total = weight.sum()
    mean, square = np.zeros(X.shape[1]), np.zeros(X.shape[1])
    for start, piece in validation.pieces(X):
        mean += np.einsum("i,ij->j", weight[start : start + len(piece)], piece)
    mean /= total
    for start, piece in validation.pieces(X):
        d = piece - mean
        square += np.einsum("i,ij,ij->j", weight[start : start + len(piece)], d, d)
    scale = np.sqrt(square / total)
    # the error of a mean of equal numbers is their deviation
    constant = scale <= len(X) * np.finfo(np.float64).eps * abs(mean)
    return Scaler(mean, np.where(constant, 1.0, scale))
