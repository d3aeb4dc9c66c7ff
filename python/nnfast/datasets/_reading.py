"""Reading untrusted files: paths, bounded reads and rows of numbers."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any, Protocol, TypeAlias

PathLike: TypeAlias = str | os.PathLike[str]

_BLOCK = 1 << 20


class ByteStream(Protocol):
    """What :func:`read_at_most` reads from: a plain file or a decompressor."""

    def read(self, size: int, /) -> bytes: ...


class LineCounter:
    """An open file that another library reads line by line, and the number of the last line."""

    def __init__(self, file: IO[Any]) -> None:
        self.file, self.number = file, 0

    def __iter__(self) -> LineCounter:
        return self

    def __next__(self) -> Any:
        line = next(self.file)
        self.number += 1
        return line

    def read(self, size: int = -1, /) -> Any:
        return self.file.read(size)


class BadNumberError(ValueError):
    """A field that is not a finite number: its position in the row and what is wrong."""

    def __init__(self, position: int, problem: str) -> None:
        super().__init__(problem)
        self.position = position
        self.problem = problem


def existing_file(path: PathLike) -> Path:
    """Return ``path`` as a Path, or raise when it is no path or nothing to read is there."""
    if not isinstance(path, str | os.PathLike) or isinstance(os.fspath(path), bytes):
        raise TypeError(f"path must be a str or an os.PathLike of str; {path!r} was given.")
    file = Path(path)
    if not file.exists():
        raise FileNotFoundError(f"There is no file {str(file)!r}; check the path.")
    if file.is_dir():
        raise IsADirectoryError(f"{str(file)!r} is a folder; give the path of a file in it.")
    return file


def read_at_most(stream: ByteStream, limit: int) -> bytearray:
    """Read up to ``limit`` bytes; memory grows with the bytes that arrive, not with ``limit``."""
    content = bytearray()
    while block := stream.read(min(_BLOCK, limit - len(content))):
        content += block
    return content


def parse_numbers(fields: Sequence[str]) -> list[float]:
    """Return the fields as floats; raise BadNumberError for the first that is not finite.

    Python's float() also takes digits of other scripts and underscores; data files do not.
    """
    joined = "".join(fields)
    if joined.isascii() and "_" not in joined:
        try:
            numbers = list(map(float, fields))
        except ValueError:
            pass
        else:
            # A NaN or an infinity survives the sum, so a finite sum clears the whole row.
            if math.isfinite(sum(numbers)):
                return numbers
    return [_parse_number(position, field) for position, field in enumerate(fields)]


def _parse_number(position: int, field: str) -> float:
    if not field.strip():
        raise BadNumberError(position, "the value is missing")
    try:
        if not field.isascii() or "_" in field:
            raise ValueError
        number = float(field)
    except ValueError:
        raise BadNumberError(position, f"{shortened(field)} is not a number") from None
    if not math.isfinite(number):
        raise BadNumberError(position, f"{shortened(field)} is not a finite number")
    return number


def shortened(text: str) -> str:
    """Return ``text`` quoted for a message, cut when it is long."""
    return repr(text if len(text) <= 40 else text[:40] + "...")
