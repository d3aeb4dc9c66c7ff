"""The IDX format and the MNIST set stored in it."""

from __future__ import annotations

import gzip
import math
import sys
import zlib
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ._common import Labels
from ._reading import ByteStream, PathLike, existing_file, read_at_most

Images: TypeAlias = NDArray[np.float32]

_GZIP_MAGIC: Final = b"\x1f\x8b"
_MOST_DIMENSIONS: Final = 32
_DTYPES: Final[dict[int, np.dtype[Any]]] = {
    0x08: np.dtype(">u1"),
    0x09: np.dtype(">i1"),
    0x0B: np.dtype(">i2"),
    0x0C: np.dtype(">i4"),
    0x0D: np.dtype(">f4"),
    0x0E: np.dtype(">f8"),
}
_MNIST_FILES: Final = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)


def load_idx(path: PathLike) -> NDArray[Any]:
    """Read an array in the IDX format of Y. LeCun's MNIST page (1998).

    The file holds two zero bytes, a type byte, the number of dimensions in one byte, each
    dimension in four bytes and then the values, row-major and big-endian throughout. It may be
    compressed with gzip, which is told from its content, not from its name.

    Args:
        path: The file.

    Returns:
        The array in the shape of the file and in the machine's byte order: uint8 (type 0x08),
        int8 (0x09), int16 (0x0B), int32 (0x0C), float32 (0x0D) or float64 (0x0E).

    Raises:
        TypeError: ``path`` is not a path.
        FileNotFoundError: There is no such file (IsADirectoryError: it is a folder).
        ValueError: The content is damaged; the message gives the byte offset, which counts
            decompressed bytes in a gzip file.
    """
    file = existing_file(path)
    with file.open("rb") as stream:
        compressed = stream.read(2) == _GZIP_MAGIC
        stream.seek(0)
        if not compressed:
            return _read_idx(stream, file)
        with gzip.GzipFile(fileobj=stream) as content:
            try:
                return _read_idx(content, file)
            except (EOFError, zlib.error, gzip.BadGzipFile) as error:
                raise ValueError(
                    f"{file}, byte offset {content.tell()} of the decompressed content: the gzip "
                    f"data are damaged or cut short ({error}); fetch the file again."
                ) from error


def _read_idx(stream: ByteStream, file: Path) -> NDArray[Any]:
    dtype, shape, start = _read_header(stream, file)
    expected = math.prod(shape) * dtype.itemsize
    content = read_at_most(stream, expected + 1)
    if len(content) < expected:
        raise ValueError(
            f"{file}, byte offset {start + len(content)}: the file ends here, but its header "
            f"promises {expected} bytes of values after byte {start} for the shape {shape}; "
            "fetch the file again."
        )
    if len(content) > expected:
        raise ValueError(
            f"{file}, byte offset {start + expected}: more bytes follow the {expected} bytes of "
            f"values that the header promises for the shape {shape}; fetch the file again."
        )
    return np.frombuffer(content, dtype).reshape(shape).astype(dtype.newbyteorder("="), copy=False)


def _read_header(stream: ByteStream, file: Path) -> tuple[np.dtype[Any], tuple[int, ...], int]:
    """Return the dtype, the shape and the offset of the first value."""
    magic = read_at_most(stream, 4)
    if bytes(magic[:2]) != b"\0\0"[: len(magic)]:
        raise ValueError(
            f"{file}, byte offset 0: an IDX file starts with two zero bytes, this one with "
            f"{bytes(magic[:2]).hex(' ')}; is it another kind of file?"
        )
    if len(magic) < 4:
        raise _header_cut_short(file, len(magic), 4)
    code, dimensions = magic[2:]
    if code not in _DTYPES:
        known = ", ".join(f"0x{known:02x}" for known in _DTYPES)
        raise ValueError(
            f"{file}, byte offset 2: the type byte 0x{code:02x} is unknown; IDX has {known}."
        )
    if not 1 <= dimensions <= _MOST_DIMENSIONS:
        raise ValueError(
            f"{file}, byte offset 3: {dimensions} dimensions are declared, but 1 to "
            f"{_MOST_DIMENSIONS} are supported."
        )
    sizes = read_at_most(stream, 4 * dimensions)
    start = 4 + 4 * dimensions
    if len(sizes) < 4 * dimensions:
        raise _header_cut_short(file, 4 + len(sizes), start)
    shape = tuple(int(size) for size in np.frombuffer(sizes, ">u4"))
    # NumPy bounds the product of the non-zero dimensions even where the array is empty.
    if math.prod(size or 1 for size in shape) * _DTYPES[code].itemsize > sys.maxsize:
        raise ValueError(f"{file}, byte offset 4: no machine can hold an array of shape {shape}.")
    return _DTYPES[code], shape, start


def _header_cut_short(file: Path, length: int, expected: int) -> ValueError:
    return ValueError(
        f"{file}, byte offset {length}: the file ends within its header of {expected} bytes; "
        "fetch the file again."
    )


def load_mnist(folder: PathLike) -> tuple[tuple[Images, Labels], tuple[Images, Labels]]:
    """Read MNIST, or a set in the same files such as Fashion-MNIST, from a folder.

    MNIST: Y. LeCun, C. Cortes and C. J. C. Burges (1998), 60,000 training and 10,000 test
    images of handwritten digits. The folder holds ``train-images-idx3-ubyte``,
    ``train-labels-idx1-ubyte``, ``t10k-images-idx3-ubyte`` and ``t10k-labels-idx1-ubyte``,
    each plain or with ``.gz`` appended; a dot may stand for the hyphen before ``idx``.

    Args:
        folder: The folder with the four files.

    Returns:
        ``(X_train, y_train), (X_test, y_test)``: the pixels row by row in [0, 1], float32
        (n, 784), and the labels, int64 (n,).

    Raises:
        TypeError: ``folder`` is not a path.
        FileNotFoundError: A file is missing; the message names it.
        ValueError: A file is damaged, or images and labels do not belong together.
    """
    try:
        place = Path(folder)
    except TypeError:
        raise TypeError(f"folder must be a str or an os.PathLike; {folder!r} was given.") from None
    found = {name: _find_mnist_file(place, name) for name in _MNIST_FILES}
    missing = [name for name, file in found.items() if file is None]
    if missing:
        raise FileNotFoundError(
            f"The folder {str(place)!r} must hold the four MNIST files {', '.join(_MNIST_FILES)}, "
            f"each plain or with .gz appended; missing: {', '.join(missing)}."
        )
    files = [file for file in found.values() if file is not None]
    return _load_labelled_images(*files[:2]), _load_labelled_images(*files[2:])


def _find_mnist_file(folder: Path, name: str) -> Path | None:
    names = (name, name.replace("-idx", ".idx"))
    candidates = [folder / f"{name}{suffix}" for suffix in ("", ".gz") for name in names]
    return next((file for file in candidates if file.is_file()), None)


def _load_labelled_images(images_file: Path, labels_file: Path) -> tuple[Images, Labels]:
    images, labels = load_idx(images_file), load_idx(labels_file)
    if images.dtype != np.uint8 or images.shape[1:] != (28, 28):
        raise ValueError(
            f"{images_file}: MNIST images are uint8 of shape (n, 28, 28); this file holds "
            f"{images.dtype} of shape {images.shape}."
        )
    if labels.dtype != np.uint8 or labels.ndim != 1:
        raise ValueError(
            f"{labels_file}: MNIST labels are uint8 of shape (n,); this file holds "
            f"{labels.dtype} of shape {labels.shape}."
        )
    if len(images) != len(labels):
        raise ValueError(
            f"{images_file} holds {len(images)} images but {labels_file} holds {len(labels)} "
            "labels; both must come from the same set."
        )
    X = images.reshape(len(images), 784).astype(np.float32)
    X /= 255
    return X, labels.astype(np.int64)
