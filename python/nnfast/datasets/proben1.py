"""The files of the Proben1 benchmark problems."""

from __future__ import annotations

from array import array
from typing import Final, NamedTuple

import numpy as np

from ._common import Floats
from ._reading import BadNumberError, PathLike, existing_file, parse_numbers, shortened

_KEYS: Final = (
    "bool_in",
    "real_in",
    "bool_out",
    "real_out",
    "training_examples",
    "validation_examples",
    "test_examples",
)
_PARTS: Final = _KEYS[4:]


class Proben1(NamedTuple):
    """The three parts of a problem, each a pair ``(X, Y)`` of float64 (n, inputs), (n, outputs)."""

    training: tuple[Floats, Floats]
    validation: tuple[Floats, Floats]
    test: tuple[Floats, Floats]


def load_proben1(path: PathLike) -> Proben1:
    """Read a ``.dt`` file of Proben1 (L. Prechelt, technical report 21/94, Karlsruhe 1994).

    Seven lines such as ``bool_in=9`` give the numbers of Boolean and of real inputs and outputs
    and of the training, validation and test examples; then come the examples in this order, the
    inputs and the outputs of each on one line.

    Args:
        path: The file.

    Returns:
        ``(training, validation, test)``, a :class:`Proben1` of three pairs ``(X, Y)``: float64
        (examples, inputs) and (examples, outputs).

    Raises:
        TypeError: ``path`` is not a path.
        FileNotFoundError: There is no such file (IsADirectoryError: it is a folder).
        ValueError: The header is wrong, a line does not have as many numbers as the header says,
            one of them is not a finite number, or there are too few or too many lines; the
            message gives the line.
    """
    file = existing_file(path)
    header: dict[str, int] = {}
    values = array("d")
    number = rows = 0
    # Bytes that are no text become escapes, which are then reported as not being numbers.
    with file.open(encoding="utf-8-sig", errors="backslashreplace") as lines:
        for number, line in enumerate(lines, 1):
            where = f"{file}, line {number}"
            if not line.strip():
                continue
            if len(header) < len(_KEYS):
                _read_header(line, header, where)
                continue
            values.extend(_row(line, header, where))
            rows += 1
            if rows > _examples(header):
                raise ValueError(
                    f"{where}: more examples follow than the {_examples(header)} of the header."
                )
    return _parts(values, rows, header, f"{file}, line {max(1, number)}")


def _read_header(line: str, header: dict[str, int], where: str) -> None:
    key, _, value = (part.strip() for part in line.partition("="))
    # Eighteen digits fit into 64 bits.
    known = key in _KEYS and key not in header
    if not (known and value.isascii() and value.isdigit() and len(value) <= 18):
        raise ValueError(
            f"{where}: a Proben1 file starts with {len(_KEYS)} lines, a whole number for each of "
            f"{', '.join(_KEYS)}; {shortened(line.strip())} was found."
        )
    header[key] = int(value)
    if len(header) == len(_KEYS):
        inputs, outputs = _width(header)
        if not (inputs and outputs and _examples(header)):
            raise ValueError(
                f"{where}: the header gives {inputs} inputs, {outputs} outputs and "
                f"{_examples(header)} examples; expected is at least one of each."
            )


def _width(header: dict[str, int]) -> tuple[int, int]:
    return header["bool_in"] + header["real_in"], header["bool_out"] + header["real_out"]


def _examples(header: dict[str, int]) -> int:
    return sum(header[part] for part in _PARTS)


def _row(line: str, header: dict[str, int], where: str) -> list[float]:
    inputs, outputs = _width(header)
    fields = line.split()
    if len(fields) != inputs + outputs:
        raise ValueError(
            f"{where}: the line has {len(fields)} numbers; expected are {inputs} inputs and "
            f"{outputs} outputs."
        )
    try:
        return parse_numbers(fields)
    except BadNumberError as error:
        raise ValueError(f"{where}: {error.problem}.") from None


def _parts(values: array[float], rows: int, header: dict[str, int], where: str) -> Proben1:
    if len(header) < len(_KEYS):
        lacking = ", ".join(key for key in _KEYS if key not in header)
        raise ValueError(f"{where}: the file ends within its header; {lacking} did not come.")
    if rows < _examples(header):
        raise ValueError(
            f"{where}: the file ends after {rows} examples; the header promises "
            f"{_examples(header)}."
        )
    inputs, outputs = _width(header)
    table = np.frombuffer(values, np.float64).reshape(rows, inputs + outputs)
    ends = np.cumsum([header[part] for part in _PARTS])[:-1]
    pairs = (
        (np.ascontiguousarray(part[:, :inputs]), np.ascontiguousarray(part[:, inputs:]))
        for part in np.split(table, ends)
    )
    return Proben1(*pairs)
