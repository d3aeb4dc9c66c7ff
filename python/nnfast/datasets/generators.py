"""Synthetic classification sets of any size.

Row i belongs to class i modulo the number of classes, so the classes are as balanced as the
number of rows allows and every slice of consecutive rows is too.
"""

from __future__ import annotations

import numpy as np

from ._common import Floats, Labels, generator, real_number, whole_number


def _alternating(n: int, classes: int = 2) -> Labels:
    """Return the labels 0, 1, .., classes - 1, 0, 1, .. as int64 (n,)."""
    return np.arange(whole_number("n", n, 1), dtype=np.int64) % classes


def _steps(n: int) -> Floats:
    """Return each row's position within its class when two classes alternate, (n,)."""
    return (np.arange(n) // 2).astype(np.float64)


def _with_noise(X: Floats, noise: float, seed: int | None) -> Floats:
    """Return ``X`` plus Gaussian noise of standard deviation ``noise``."""
    noise = real_number("noise", noise, 0)
    return X + noise * generator(seed).standard_normal(X.shape)


def _points(x0: Floats, x1: Floats) -> Floats:
    """Return two coordinates (n,) as C-contiguous points (n, 2)."""
    return np.stack([x0, x1], axis=1)


def spirals(
    n: int = 200, *, turns: float = 3.0, noise: float = 0.0, seed: int | None = None
) -> tuple[Floats, Labels]:
    """Return two intertwined spirals, each the other turned by half a circle.

    With t running from 0 to 1 along each arm, the radius is 1 - 12 t / 13 and the angle
    2 pi turns t. ``spirals(194)`` is the set of K. J. Lang and M. J. Witbrock, "Learning to
    Tell Two Spirals Apart" (1988), divided by its radius 6.5.

    Args:
        n: The number of rows, at least 1.
        turns: How often each arm winds around the origin, more than 0.
        noise: The standard deviation of Gaussian noise added to both inputs, at least 0.
        seed: None, or an int of at least 0 that makes the noise reproducible.

    Returns:
        ``(X, y)``: points within the unit circle (before noise), float64 (n, 2); and the arm,
        0 or 1, int64 (n,).

    Raises:
        TypeError: An argument is not a number of the kind described.
        ValueError: An argument is out of range.
    """
    y = _alternating(n)
    turns = real_number("turns", turns, 0)
    if turns == 0:
        raise ValueError("turns must be more than 0; 0 was given, which makes straight lines.")
    t = _steps(n) / max(1, (n - 1) // 2)
    radius = (1 - 12 / 13 * t) * (1 - 2 * y)
    angle = 2 * np.pi * turns * t
    return _with_noise(_points(radius * np.sin(angle), radius * np.cos(angle)), noise, seed), y


def moons(n: int = 200, *, noise: float = 0.0, seed: int | None = None) -> tuple[Floats, Labels]:
    """Return two interleaved half circles of radius 2/3.

    Args:
        n: The number of rows, at least 1.
        noise: The standard deviation of Gaussian noise added to both inputs, at least 0.
        seed: None, or an int of at least 0 that makes the noise reproducible.

    Returns:
        ``(X, y)``: points in [-1, 1] x [-0.5, 0.5] (before noise), float64 (n, 2); and 0 for
        the upper half circle or 1 for the lower, int64 (n,).

    Raises:
        TypeError: An argument is not a number of the kind described.
        ValueError: An argument is out of range.
    """
    y = _alternating(n)
    angle = np.pi * _steps(n) / max(1, (n - 1) // 2)
    # The upper moon centred at (-1/3, -1/6), the lower at (1/3, 1/6) and upside down.
    side = 1 - 2 * y
    x0 = side * (2 * np.cos(angle) - 1) / 3
    x1 = side * (4 * np.sin(angle) - 1) / 6
    return _with_noise(_points(x0, x1), noise, seed), y


def circles(
    n: int = 200, *, factor: float = 0.5, noise: float = 0.0, seed: int | None = None
) -> tuple[Floats, Labels]:
    """Return two concentric circles.

    Args:
        n: The number of rows, at least 1.
        factor: The radius of the inner circle, 0 to 1; the outer one has radius 1.
        noise: The standard deviation of Gaussian noise added to both inputs, at least 0.
        seed: None, or an int of at least 0 that makes the noise reproducible.

    Returns:
        ``(X, y)``: points on the circles (before noise), float64 (n, 2); and 0 for the outer
        circle or 1 for the inner, int64 (n,).

    Raises:
        TypeError: An argument is not a number of the kind described.
        ValueError: An argument is out of range.
    """
    y = _alternating(n)
    radius = np.where(y == 0, 1.0, real_number("factor", factor, 0, 1))
    angle = 2 * np.pi * _steps(n) / ((n + 1) // 2)
    return _with_noise(_points(radius * np.cos(angle), radius * np.sin(angle)), noise, seed), y


def blobs(
    n: int = 200,
    *,
    centers: int = 3,
    features: int = 2,
    spread: float = 1.0,
    seed: int | None = None,
) -> tuple[Floats, Labels]:
    """Return Gaussian clouds around centres drawn uniformly from [-10, 10].

    Args:
        n: The number of rows, at least 1.
        centers: The number of clouds, which are the classes, at least 1.
        features: The number of inputs, at least 1.
        spread: The standard deviation of each cloud in every input, at least 0.
        seed: None, or an int of at least 0 that makes centres and points reproducible.

    Returns:
        ``(X, y)``: points, float64 (n, features); and the cloud, 0 to centers - 1, int64 (n,).

    Raises:
        TypeError: An argument is not a number of the kind described.
        ValueError: An argument is out of range.
    """
    y = _alternating(n, whole_number("centers", centers, 1))
    features = whole_number("features", features, 1)
    spread = real_number("spread", spread, 0)
    rng = generator(seed)
    middles = rng.uniform(-10, 10, (centers, features))
    return middles[y] + spread * rng.standard_normal((n, features)), y


def checkerboard(
    n: int = 200, *, cells: int = 4, noise: float = 0.0, seed: int | None = None
) -> tuple[Floats, Labels]:
    """Return points spread evenly over the black and the white cells of a checkerboard.

    Args:
        n: The number of rows, at least 1.
        cells: The number of cells along each side, 2 to 1000.
        noise: The standard deviation of Gaussian noise added to both inputs after a point has
            its class, at least 0.
        seed: None, or an int of at least 0 that makes the points reproducible.

    Returns:
        ``(X, y)``: points in [-1, 1] x [-1, 1] (before noise), float64 (n, 2); and the colour,
        (column + row) modulo 2 of the point's cell, int64 (n,).

    Raises:
        TypeError: An argument is not a number of the kind described.
        ValueError: An argument is out of range.
    """
    y = _alternating(n)
    cells = whole_number("cells", cells, 2, 1000)
    noise = real_number("noise", noise, 0)
    rng = generator(seed)
    board = np.stack(np.divmod(np.arange(cells**2), cells), axis=1)
    colour = board.sum(axis=1) % 2
    corner = np.empty((n, 2))
    for value in (0, 1):
        rows = y == value
        corner[rows] = rng.choice(board[colour == value], rows.sum())
    X = 2 * (corner + rng.random((n, 2))) / cells - 1
    return X + noise * rng.standard_normal((n, 2)), y
