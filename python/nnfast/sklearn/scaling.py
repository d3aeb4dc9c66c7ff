"""Columns of data to mean 0 and standard deviation 1, where rows have weights."""

from __future__ import annotations

import numpy as np

from nnfast import validation
from nnfast.levels.contract import Array
from nnfast.scaling import Standardizer


def standard(X: Array, weight: Array | None) -> Standardizer:
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
    return Standardizer(shift=mean, scale=np.where(constant, 1.0, scale))
