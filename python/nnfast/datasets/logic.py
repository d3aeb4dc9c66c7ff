"""Truth tables: complete data sets of Boolean functions."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

import numpy as np

from ._common import Floats, Labels, whole_number

# Outputs in the order of the inputs 0, 1 or 00, 01, 10, 11.
_OUTPUTS: Final = MappingProxyType(
    {
        "and": (0, 0, 0, 1),
        "or": (0, 1, 1, 1),
        "nand": (1, 1, 1, 0),
        "nor": (1, 0, 0, 0),
        "xor": (0, 1, 1, 0),
        "xnor": (1, 0, 0, 1),
        "not": (1, 0),
    }
)

GATES: Final[tuple[str, ...]] = tuple(_OUTPUTS)
"""The names that :func:`gate` knows."""

# 2**20 rows of 20 float64 inputs take 168 MB.
_MOST_INPUTS: Final = 20


def _counting_bits(bits: int) -> Labels:
    """Return the numbers 0 .. 2**bits - 1 in binary, (2**bits, bits), highest bit first."""
    numbers = np.arange(2**bits, dtype=np.int64)
    return (numbers[:, None] >> np.arange(bits - 1, -1, -1)) & 1


def gate(name: str) -> tuple[Floats, Labels]:
    """Return the truth table of a logic gate.

    Args:
        name: One of :data:`GATES`, in upper or lower case.

    Returns:
        ``(X, y)``: the inputs, float64 (4, 2) in the order 00, 01, 10, 11, or (2, 1) for
        ``"not"``; and the outputs 0 or 1, int64 (4,) or (2,).

    Raises:
        TypeError: ``name`` is not a string.
        ValueError: ``name`` is not the name of a gate.
    """
    if not isinstance(name, str):
        raise TypeError(f"name must be one of {', '.join(GATES)} as a string; {name!r} was given.")
    if name.lower() not in _OUTPUTS:
        raise ValueError(f"There is no gate {name!r}; choose one of {', '.join(GATES)}.")
    y = np.array(_OUTPUTS[name.lower()], dtype=np.int64)
    return _counting_bits(1 if len(y) == 2 else 2).astype(np.float64), y


def parity(bits: int) -> tuple[Floats, Labels]:
    """Return the parity function of ``bits`` inputs; two bits are XOR.

    A classic hard case for neural networks (Minsky and Papert, "Perceptrons", 1969).

    Args:
        bits: The number of inputs, 1 to 20.

    Returns:
        ``(X, y)``: all inputs in counting order with the most significant bit first, float64
        (2**bits, bits); and 1 where the number of ones is odd, else 0, int64 (2**bits,).

    Raises:
        TypeError: ``bits`` is not an integer.
        ValueError: ``bits`` is out of range.
    """
    inputs = _counting_bits(whole_number("bits", bits, 1, _MOST_INPUTS))
    return inputs.astype(np.float64), inputs.sum(axis=1) % 2


def adder(bits: int) -> tuple[Floats, Floats]:
    """Return the table of the sums a + b of all pairs of ``bits``-bit numbers.

    Args:
        bits: The number of bits of each summand, 1 to 10.

    Returns:
        ``(X, Y)``: the bits of a followed by those of b, float64 (4**bits, 2 * bits), with b
        counting fastest; and the bits of a + b, float64 (4**bits, bits + 1). The most
        significant bit comes first everywhere, and every value is 0 or 1.

    Raises:
        TypeError: ``bits`` is not an integer.
        ValueError: ``bits`` is out of range.
    """
    bits = whole_number("bits", bits, 1, _MOST_INPUTS // 2)
    a, b = np.divmod(np.arange(4**bits), 2**bits)
    sums = _counting_bits(bits + 1)[a + b]
    return _counting_bits(2 * bits).astype(np.float64), sums.astype(np.float64)
