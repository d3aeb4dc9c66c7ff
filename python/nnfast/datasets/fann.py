"""The training-file format of the FANN library."""

from __future__ import annotations

from array import array
from pathlib import Path

import numpy as np

from ._common import Floats
from ._reading import BadNumberError, PathLike, existing_file, parse_numbers, shortened

_HEADER = "the numbers of pairs, inputs and outputs"


def load_fann(path: PathLike) -> tuple[Floats, Floats]:
    """Read a training file of FANN (S. Nissen, Fast Artificial Neural Network Library, 2003).

    The file starts with the numbers of pairs, inputs and outputs; then come, for every pair,
    its inputs and its outputs. Any white space separates the numbers, wherever lines end.

    Args:
        path: The file.

    Returns:
        ``(X, Y)``: the inputs, float64 (pairs, inputs), and the outputs, float64
        (pairs, outputs).

    Raises:
        TypeError: ``path`` is not a path.
        FileNotFoundError: There is no such file (IsADirectoryError: it is a folder).
        ValueError: The header is wrong, a number is not finite or not a number, or there are
            too few or too many; the message gives the line.
    """
    file = existing_file(path)
    header: list[int] = []
    values = array("d")
    number = 0
    # Bytes that are no text become escapes, which are then reported as not being numbers.
    with file.open(encoding="utf-8-sig", errors="backslashreplace") as lines:
        for number, line in enumerate(lines, 1):
            tokens = line.split()
            while tokens and len(header) < 3:
                header.append(_count(tokens.pop(0), f"{file}, line {number}"))
            try:
                values.extend(parse_numbers(tokens))
            except BadNumberError as error:
                raise ValueError(f"{file}, line {number}: {error.problem}.") from None
            if len(header) == 3 and len(values) > _promised(header):
                raise ValueError(
                    f"{file}, line {number}: more numbers follow than {_promise(header)}; check "
                    f"the header, which gives {_HEADER}."
                )
    return _split(values, header, file, max(1, number))


def _count(token: str, where: str) -> int:
    # Eighteen digits fit into 64 bits.
    if not (token.isascii() and token.isdigit() and len(token) <= 18 and int(token) > 0):
        raise ValueError(
            f"{where}: a FANN file starts with {_HEADER}, each a whole number of at least 1; "
            f"{shortened(token)} was found."
        )
    return int(token)


def _promised(header: list[int]) -> int:
    pairs, inputs, outputs = header
    return pairs * (inputs + outputs)


def _promise(header: list[int]) -> str:
    pairs, inputs, outputs = header
    return f"the {_promised(header)} of {pairs} pairs of {inputs} inputs and {outputs} outputs"


def _split(values: array[float], header: list[int], file: Path, line: int) -> tuple[Floats, Floats]:
    """Return the inputs and the outputs, or raise when the file ended too early."""
    if len(header) < 3:
        raise ValueError(
            f"{file}, line {line}: the file ends within its header; a FANN file starts with "
            f"{_HEADER}."
        )
    if len(values) < _promised(header):
        raise ValueError(
            f"{file}, line {line}: the file ends after {len(values)} numbers, but the header "
            f"promises {_promise(header)}."
        )
    pairs, inputs, outputs = header
    rows = np.frombuffer(values, np.float64).reshape(pairs, inputs + outputs)
    return np.ascontiguousarray(rows[:, :inputs]), np.ascontiguousarray(rows[:, inputs:])
