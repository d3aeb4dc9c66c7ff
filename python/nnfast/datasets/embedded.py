"""Small real and textbook sets that come with the package."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np

from ._columns import Table
from ._common import Floats, Labels
from .npz import load_npz
from .table import load_csv

_FOLDER = Path(__file__).parent / "data"

IRIS_CLASSES: Final[tuple[str, ...]] = ("setosa", "versicolor", "virginica")
"""The species that the labels of :func:`iris` stand for."""


def people() -> tuple[Floats, Labels]:
    """Return the weight and height of four people, less a typical value, and their sex.

    A first example from V. Zhou, "An Introduction to Neural Networks" (2019).

    Returns:
        ``(X, y)``: the weight in pounds less 135 and the height in inches less 66, float64
        (4, 2); and 1 for female or 0 for male, int64 (4,).
    """
    X = [[-2, -1], [25, 6], [17, 4], [-15, -6]]
    return np.array(X, dtype=np.float64), np.array([1, 0, 0, 1], dtype=np.int64)


def ten_points() -> tuple[Floats, Labels]:
    """Return ten points of the plane in two linearly separable classes.

    From J. Brownlee's tutorials on learning algorithms from scratch (2016).

    Returns:
        ``(X, y)``: float64 (10, 2), and five labels 0 before five labels 1, int64 (10,).
    """
    X = [
        [2.7810836, 2.550537003],
        [1.465489372, 2.362125076],
        [3.396561688, 4.400293529],
        [1.38807019, 1.850220317],
        [3.06407232, 3.005305973],
        [7.627531214, 2.759262235],
        [5.332441248, 2.088626775],
        [6.922596716, 1.77106367],
        [8.675418651, -0.242068655],
        [7.673756466, 3.508563011],
    ]
    return np.array(X), np.repeat(np.arange(2, dtype=np.int64), 5)


def iris() -> Table:
    """Return Fisher's irises: 50 flowers of each of three species.

    R. A. Fisher, "The Use of Multiple Measurements in Taxonomic Problems" (1936), measured by
    E. Anderson (1935); from the UCI Machine Learning Repository under CC BY 4.0.

    Returns:
        ``(X, y)``: the length and width of the sepals and of the petals in cm, float64
        (150, 4), with their names; and the species, an index into :data:`IRIS_CLASSES`, int64
        (150,), sorted.
    """
    return load_csv(_FOLDER / "iris.csv", label="species")


def digits() -> tuple[Floats, Labels]:
    """Return 1,797 handwritten digits of 8 x 8 pixels.

    E. Alpaydin and C. Kaynak, "Optical Recognition of Handwritten Digits" (1998), the test
    images; from the UCI Machine Learning Repository under CC BY 4.0.

    Returns:
        ``(X, y)``: the pixels row by row, 0 (paper) to 1 (ink) in steps of 1/16, float64
        (1797, 64); and the digits 0 to 9, int64 (1797,).
    """
    pixels, labels = load_npz(_FOLDER / "digits.npz")
    return pixels / 16, labels.astype(np.int64)
