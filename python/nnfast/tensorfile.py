"""Named arrays and strings in one file that is safe to open, whoever wrote it.

The layout is safetensors (Hugging Face, 2022, https://github.com/huggingface/safetensors):

    8 bytes    length N of the header, unsigned, little-endian
    N bytes    JSON: {"__metadata__": {key: text, ...},
                      name: {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, ...}
    the rest   the arrays, little-endian and in C order, one after the other without holes;
               offsets count from the end of the header

Reading never executes anything from the file and checks the whole header before it allocates.
"""

import errno
import json
import math
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from itertools import chain
from pathlib import Path
from reprlib import repr as short
from typing import Any

import numpy as np
import numpy.typing as npt

StrPath = str | os.PathLike[str]
Array = npt.NDArray[Any]
Entry = tuple[int, int, str, np.dtype[Any], list[int]]  # begin, end, name, dtype, shape

_CODES = {"f4": "F32", "f8": "F64", "i4": "I32", "i8": "I64", "u1": "U8", "u8": "U64"}
_DTYPES = {code: np.dtype(f"<{kind}") for kind, code in _CODES.items()}
_FIELDS = {"dtype", "shape", "data_offsets"}
_MAX_HEADER, _MAX_NDIM = 1 << 20, 32  # NumPy 1 has no more dimensions


class FormatError(ValueError):
    """The content of a file, or what should be saved to one, breaks the rules of the format."""


def write(path: StrPath, arrays: Mapping[str, Array], metadata: Mapping[str, str]) -> None:
    """Save arrays and metadata to `path`, completely or not at all, as `replace` does.

    Arrays may have any shape (at most 32 dimensions), memory layout and byte order, and dtype
    float32, float64, int32, int64, uint8 or uint64. The same content gives the same bytes.

    Raises TypeError for other dtypes and for names or metadata that are not str, ValueError for
    what else the format cannot hold (the names "" and "__metadata__", a header above 1 MiB), and
    OSError or its usual subclass if the file cannot be written; the old file then remains.
    """
    for name, array in arrays.items():
        if not isinstance(array, np.ndarray) or array.dtype.str[1:] not in _CODES:
            raise TypeError(f"{name!r} is not an array of a dtype that can be saved")
    # The widest dtypes first keep every array aligned within the file.
    ordered = sorted(arrays.items(), key=lambda item: (-item[1].itemsize, item[0]))
    replace(path, chain([_header(ordered, metadata)], (_bytes(array) for _, array in ordered)))


def _bytes(array: Array) -> bytes:
    return array.astype(f"<{array.dtype.str[1:]}", copy=False).tobytes()


def replace(path: StrPath, pieces: Iterable[bytes]) -> None:
    """Write a file, completely or not at all.

    A temporary file beside `path` is forced to disk and renamed: `path` holds the old or the new
    content at every moment. The next save deletes what a killed one left (not on Windows). Links
    are followed; an existing file keeps its permissions, and is not replaced if write-protected.

    Raises OSError or its usual subclass if the file cannot be written; the old file then remains.
    """
    target = Path(os.path.realpath(path))
    try:
        with _directory(target.parent, f".{target.name[:40]}.nnfast-") as prefix:
            _replace(target, prefix, pieces)
    except OSError as error:
        raise OSError(error.errno, f"cannot save: {error.strerror or error}", str(path)) from error


def read(path: StrPath) -> tuple[dict[str, Array], dict[str, str]]:
    """Load `(arrays, metadata)` from `path`, the arrays in the order of the file.

    The arrays are new, writable, native-endian, C-contiguous and own their memory; the dtypes are
    those of `write`. Files of the safetensors library with these dtypes can be read too.

    Raises FormatError for everything wrong with the content, OSError or its usual subclass if the
    file cannot be read. Memory: the arrays, never more than the file size, and the parsed header.
    """
    arrays = {}
    with open(path, "rb") as file:
        try:
            size = os.fstat(file.fileno()).st_size - 8
            length = int.from_bytes(file.read(8), "little")
            _require(length <= min(size, _MAX_HEADER), "it is not an nnfast file or cut short")
            entries, metadata = _parse(file.read(length), size - length)
            for _, _, name, dtype, shape in entries:
                array = np.empty(shape, dtype)
                count = file.readinto(array.reshape(-1).view(np.uint8).data)
                _require(count == array.nbytes, "it is cut short")
                arrays[name] = array.astype(dtype.newbyteorder("="), copy=False)
        except FormatError as error:
            raise FormatError(f"cannot load '{path}': {error}") from error
    return arrays, metadata


def _header(arrays: list[tuple[str, Array]], metadata: Mapping[str, str]) -> bytes:
    """The bytes that precede the arrays."""
    entries: dict[str, object] = {"__metadata__": dict(sorted(metadata.items()))}
    end = 0
    for name, array in arrays:
        begin, end, code = end, end + array.nbytes, _CODES[array.dtype.str[1:]]
        entries[name] = {"dtype": code, "shape": array.shape, "data_offsets": (begin, end)}
    if not all(isinstance(text, str) for text in [*entries, *metadata, *metadata.values()]):
        raise TypeError("names and metadata have to be str")
    header = json.dumps(entries, ensure_ascii=False, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)
    _parse(header, end)  # refuses to write what could not be read
    return len(header).to_bytes(8, "little") + header


@contextmanager
def _directory(directory: Path, prefix: str) -> Iterator[str]:
    """Hold `directory` during a save: delete stale temporary files, at last force it to disk.

    All writers share a lock on the directory, which the system drops when a process dies. Whoever
    gets it alone knows that no temporary file is in use; without locks nothing is deleted.
    """
    if sys.platform == "win32":  # directories cannot be opened
        yield prefix
        return
    import fcntl

    handle = os.open(directory, os.O_RDONLY)
    try:
        with suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            for stale in [name for name in os.listdir(directory) if name.startswith(prefix)]:
                os.unlink(directory / stale)
        with suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_SH)
        yield prefix
        with suppress(OSError):  # some file systems cannot; old and new file are both on disk
            os.fsync(handle)
    finally:
        os.close(handle)


def _replace(target: Path, prefix: str, pieces: Iterable[bytes]) -> None:
    mode = None
    if target.exists():
        with open(target, "r+b"):  # fails for a directory and for a protected file
            mode = target.stat().st_mode & 0o777
        if not target.is_file():
            raise OSError(errno.EINVAL, "it is not a regular file")
    temporary = target.with_name(prefix + os.urandom(8).hex())
    try:
        with open(temporary, "xb") as file:
            if mode is not None:
                os.chmod(temporary, mode)
            file.writelines(pieces)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)  # it is there only after a failure


def _parse(header: bytes, size: int) -> tuple[list[Entry], dict[str, str]]:
    """The arrays in file order and the metadata, if the arrays fill exactly `size` bytes."""
    _require(header[:1] == b"{" and len(header) <= _MAX_HEADER, "no JSON header of at most 1 MiB")
    try:
        parsed = json.loads(header.decode(), object_pairs_hook=_unique)
        json.dumps(parsed, ensure_ascii=False).encode()  # "\ud800" is JSON, but not text
    except (ValueError, RecursionError) as error:
        raise FormatError(f"the header is not valid: {error}") from error
    metadata = parsed.pop("__metadata__", {})
    is_text = isinstance(metadata, dict) and all(isinstance(v, str) for v in metadata.values())
    _require(is_text, "the metadata are not text")
    entries = sorted(_entry(name, fields) for name, fields in parsed.items())
    begins, ends = [entry[0] for entry in entries], [entry[1] for entry in entries]
    _require([*begins, size] == [0, *ends], "the arrays do not follow each other up to its end")
    return entries, metadata


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) != len(pairs):
        raise ValueError("a name occurs twice")
    return dict(pairs)


def _entry(name: str, fields: Any) -> Entry:
    """The description of one array, checked on its own."""
    wrong = f"array {short(name)} is described wrongly: {short(fields)}"
    _require(name != "" and isinstance(fields, dict) and fields.keys() == _FIELDS, wrong)
    code, shape, offsets = fields["dtype"], fields["shape"], fields["data_offsets"]
    _require(all(map(isinstance, (code, shape, offsets), (str, list, list))), wrong)
    _require(code in _DTYPES and len(shape) <= _MAX_NDIM and len(offsets) == 2, wrong)
    _require(all(type(n) is int and n >= 0 for n in [*shape, *offsets]), wrong)
    dtype = _DTYPES[code]
    _require(math.prod(shape) * dtype.itemsize == offsets[1] - offsets[0], wrong)
    # NumPy limits the product of the dimensions other than zero, so of empty arrays too.
    _require(math.prod(n or 1 for n in shape) * dtype.itemsize <= sys.maxsize, wrong)
    return offsets[0], offsets[1], name, dtype, shape


def _require(condition: bool, sentence: str) -> None:
    if not condition:
        raise FormatError(sentence)
