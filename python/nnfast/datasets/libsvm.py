"""The sparse text format of SVMlight and LIBSVM."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from nnfast import extras

from ._common import Floats, whole_number
from ._reading import LineCounter, PathLike, existing_file

MOST_BYTES = 1 << 32  # of the table


def load_libsvm(
    path: PathLike,
    *,
    features: int | None = None,
    zero_based: bool | Literal["auto"] = "auto",
) -> tuple[Floats, NDArray[Any]]:
    """Read a file of lines ``label index:value index:value ...``, as LIBSVM and SVMlight do.

    It needs scikit-learn, whose ``load_svmlight_file`` does the reading: ``pip install
    "nnfast[data]"``. Comments after ``#`` and ``qid`` are left out.

    Args:
        path: The file.
        features: The number of columns of X, the same for training and test files; None stands
            for the largest index.
        zero_based: Whether the first index is 0; ``"auto"``: where an index 0 occurs. Say which
            where several files belong together.

    Returns:
        ``(X, y)``: float64 (n, features), 0 where nothing is given; and the labels (n,), int64
        when all are whole numbers, else float64.

    Raises:
        ImportError: scikit-learn is not installed.
        TypeError: An argument is of the wrong type.
        FileNotFoundError: There is no such file (IsADirectoryError: it is a folder).
        ValueError: The file is damaged, has no rows, numbers that are not finite or indices beyond
            ``features``; or the table would take more than 4 GiB.
    """
    file = existing_file(path)
    if features is not None:
        features = whole_number("features", features, 1)
    if zero_based not in (True, False, "auto"):
        raise ValueError(f"zero_based must be True, False or 'auto'; {zero_based!r} was given.")
    datasets = extras.load("sklearn.datasets", extra="data", purpose="load_libsvm")
    with file.open("rb") as content:
        lines = LineCounter(content)
        try:
            sparse, y = datasets.load_svmlight_file(
                lines, n_features=features, zero_based=zero_based
            )
        except Exception as error:  # of any kind, for any damage
            raise ValueError(
                f"{file}, line {lines.number}: this cannot be read as LIBSVM data: "
                f"{type(error).__name__} {error}".rstrip()
                + "."
            ) from error
    if not len(y):
        raise ValueError(f"{file}, line {lines.number}: the file has no rows of data.")
    size = 8 * sparse.shape[0] * sparse.shape[1]
    if size > MOST_BYTES:
        raise ValueError(
            f"{file}: a table of {sparse.shape[0]} rows and {sparse.shape[1]} columns, the largest "
            f"index, takes {size} bytes; at most {MOST_BYTES} are made."
        )
    places = np.flatnonzero(~np.isfinite(sparse.data))
    wrong = np.searchsorted(sparse.indptr, places, side="right") - 1
    rows = np.union1d(wrong, np.flatnonzero(~np.isfinite(y)))
    if len(rows):
        raise ValueError(f"{file}, row {rows[0] + 1} of the data: a number is not finite.")
    whole = (y == np.floor(y)).all() and abs(y).max() < 2**53
    return sparse.toarray(), y.astype(np.int64) if whole else y
