"""Data sets in NumPy's npz archives."""

from __future__ import annotations

import io
import math
import struct
import sys
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ._reading import PathLike, existing_file, read_at_most

_HEADER_READERS: Final = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}
# NumPy reads headers of at most 10,000 characters; a magic string and a length precede them.
_LONGEST_HEADER: Final = 10_012
# What zipfile raises on damaged archives.
_DAMAGE: Final = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    OSError,
    OverflowError,
    RuntimeError,
)


def load_npz(path: PathLike, x: str = "X", y: str = "y") -> tuple[NDArray[Any], NDArray[Any]]:
    """Read inputs and targets saved with ``numpy.savez`` or ``numpy.savez_compressed``.

    Args:
        path: The archive.
        x: The key of the inputs.
        y: The key of the targets.

    Returns:
        ``(X, y)`` in the shapes and dtypes saved, with n as the first dimension of both. X is
        boolean, integer or floating-point; y may be an array of strings too.

    Raises:
        TypeError: ``path`` is not a path, or a key is not a string.
        FileNotFoundError: There is no such file (IsADirectoryError: it is a folder).
        ValueError: The archive is damaged, a key is missing, an array holds Python objects
            (which are never unpickled) or other values that are no numbers, or the numbers of
            rows differ.
    """
    if not (isinstance(x, str) and isinstance(y, str)):
        raise TypeError(f"x and y must be the keys of two arrays; {x!r} and {y!r} were given.")
    file = existing_file(path)
    with opened(file) as archive:
        X = read_array(archive, x, file, "biuf")
        targets = read_array(archive, y, file, "biufU")
    if len(X) != len(targets):
        raise ValueError(
            f"{file}: {x!r} has {len(X)} rows but {y!r} has {len(targets)}; both need one row per "
            "example."
        )
    return X, targets


@contextmanager
def opened(file: Path) -> Iterator[zipfile.ZipFile]:
    """An npz archive, in whose damage a ValueError names the file."""
    try:
        with zipfile.ZipFile(file) as archive:
            yield archive
    except _DAMAGE as error:
        raise ValueError(
            f"{file}: this is not an npz archive, or it is damaged ({error}); save it again with "
            "numpy.savez."
        ) from error


def read_array(archive: zipfile.ZipFile, key: str, file: Path, kinds: str) -> NDArray[Any]:
    """The array ``key``, of one of the dtype ``kinds``; it is checked before it is used."""
    return _parse_array(_read_member(archive, key, file), f"{file}, array {key!r}", kinds)


def _read_member(archive: zipfile.ZipFile, key: str, file: Path) -> bytearray:
    """Return the decompressed npy file of the array ``key``."""
    if f"{key}.npy" not in archive.namelist():
        present = ", ".join(repr(name.removesuffix(".npy")) for name in archive.namelist())
        raise ValueError(
            f"{file}: there is no array {key!r}; the archive holds {present or 'nothing'}. Name "
            "the arrays with x= and y=."
        )
    member = archive.getinfo(f"{key}.npy")
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError(
            f"{file}, array {key!r}: NumPy does not write compression method "
            f"{member.compress_type}; save it again with numpy.savez."
        )
    try:
        with archive.open(member) as stream:
            return read_at_most(stream, member.file_size)
    except ValueError as error:
        raise zipfile.BadZipFile(str(error)) from error


def _parse_array(content: bytearray, where: str, kinds: str) -> NDArray[Any]:
    """Return the array in the npy file ``content``, of one of the dtype ``kinds``."""
    stream = io.BytesIO(content[:_LONGEST_HEADER])
    try:
        version = np.lib.format.read_magic(stream)
        if version not in _HEADER_READERS:
            raise ValueError(f"version {version} is not supported")
        with warnings.catch_warnings():
            # Headers written by Python 2 are read, but with a warning.
            warnings.simplefilter("ignore")
            shape, fortran_order, dtype = _HEADER_READERS[version](stream)
    except (ValueError, TypeError, SyntaxError) as error:
        raise ValueError(
            f"{where}: the header of the array is damaged ({error}); save it again."
        ) from error
    _check_kind(shape, dtype, kinds, where)
    expected, present = math.prod(shape) * dtype.itemsize, len(content) - stream.tell()
    if present != expected:
        raise ValueError(
            f"{where}: the header promises {expected} bytes for the shape {shape}, but {present} "
            "are there; save it again."
        )
    array = np.frombuffer(content, dtype, offset=stream.tell())
    array = array.reshape(shape, order="F" if fortran_order else "C")
    return array.astype(dtype.newbyteorder("="), order="C", copy=False)


def _check_kind(shape: tuple[int, ...], dtype: np.dtype[Any], kinds: str, where: str) -> None:
    """Refuse arrays without rows, of unusable dtypes and of impossible shapes."""
    if dtype.hasobject:
        raise ValueError(
            f"{where}: it holds pickled Python objects, which are refused because unpickling runs "
            "code; save a plain array of numbers."
        )
    if dtype.kind not in kinds:
        raise ValueError(
            f"{where}: the dtype is {dtype}; expected are numbers"
            f"{' or strings' if 'U' in kinds else ''}, so convert the array before saving it."
        )
    if not shape:
        raise ValueError(f"{where}: it is a single value; expected is an array with rows.")
    if (
        min(shape) < 0
        or len(shape) > 32
        or math.prod(size or 1 for size in shape) * max(1, dtype.itemsize) > sys.maxsize
    ):
        raise ValueError(f"{where}: no array can have the shape {shape}; save it again.")
