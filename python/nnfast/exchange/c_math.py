"""exp, expm1, log1p, tanh and erf in C: of libm, or own ones that need no library."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from nnfast.exchange.c_text import fill, literals

NOTES = {
    "libm": "libm, link with -lm",
    "own": "own, at most 3 units in the last place from the true value",
}
INCLUDES = {"libm": ["math.h"], "own": ["stdint.h", "string.h"]}


@dataclass(frozen=True)
class _Kind:
    """Constants of a format.

    ln2: in two parts, k times the first is exact. Below exp_min e^x is 0, above exp_max infinite,
    below expm1_min e^x - 1 is -1, above erf_max erf is 1. Terms of the series of e^r and of log.
    The polynomials of erf are those of the compiled levels, by tools/fit_polynomials.py.
    """

    real: str
    bits: str
    mantissa: int
    bias: int
    ln2: tuple[str, str]
    exp_min: int
    exp_max: int
    expm1_min: int
    erf_max: int
    exp_terms: int
    log_terms: int
    erf_near: tuple[float, ...]
    erf_far: tuple[float, ...]


_KINDS = {
    "float32": _Kind(
        *("float", "uint32_t", 23, 127, ("0x1.62e4p-1", "0x1.7f7d1cp-20")),
        *(-104, 89, -20, 4, 7, 8),
        erf_near=(
            *(0.128379165848350946, -0.37612626666720331, 0.112835947151602177),
            *(-0.0268542120106264124, 0.00518908742343397399, -0.000801686428716586953),
            0.0000787587506268548834,
        ),
        erf_far=(
            *(-0.000341962343413269467, -1.12708892349683028, -0.638142486415376311),
            *(-0.103111456634110395, 0.0218417071154498111, -0.00294894594954756593),
            0.000186551709599086405,
        ),
    ),
    "float64": _Kind(
        *("double", "uint64_t", 52, 1023, ("0x1.62e42fefa3800p-1", "0x1.ef35793c76730p-45")),
        *(-746, 710, -40, 6, 13, 17),
        erf_near=(
            *(0.128379167095512567, -0.376126389031835404, 0.112837916709450063),
            *(-0.0268661706432377704, 0.00522397760711642273, -0.000854832597538969208),
            *(0.000120552949048397079, -0.0000149247369074196603, 1.64474247033173624e-6),
            *(-1.62084838018717059e-7, 1.37200645467776856e-8, -7.79589882700214224e-10),
        ),
        erf_far=(
            *(-1.89531908833689935e-6, -1.12836114396703822, -0.636699428219551363),
            *(-0.102555389456629295, 0.018719474990315113, 0.000772486150923048452),
            *(-0.00228198542813867894, 0.00105674376119924182, -0.000309909682364865292),
            *(0.0000637466568110946421, -8.89665449591951731e-6, 6.85768882804944469e-7),
            *(9.14667745130709045e-9, -8.50230585287541186e-9, 8.52552245982172971e-10),
            -3.09975212155992133e-11,
        ),
    ),
}

_LIMITS = ("exp_min", "exp_max", "expm1_min", "erf_max")

_BASE = """
/* 2^k, a normal number */
static inline $real ${name}_power(int k)
{
    const $bits word = ($bits)(k + $bias) << $mantissa;
    $real power;
    memcpy(&power, &word, sizeof power);
    return power;
}

/* e^r - 1 by Taylor's series, where x = k ln 2 + r and |r| <= ln 2 / 2 */
static inline $real ${name}_reduced($real x, int *k)
{
    *k = (int)(x * $log2e + (x < 0 ? -<0.5> : <0.5>));
    const $real r = (x - ($real)*k * $ln2_high) - ($real)*k * $ln2_low;
    return r * ($exp_series);
}
"""

# functions by name, in the order of their definitions
_OWN = {
    "exp": """
static inline $real ${name}_exp($real x)
{
    int k;
    if (x != x) return x;
    x = x < $exp_min ? $exp_min : x > $exp_max ? $exp_max : x;
    const $real e = <1> + ${name}_reduced(x, &k);
    return e * ${name}_power(k / 2) * ${name}_power(k - k / 2);
}
""",
    "expm1": """
/* e^x - 1 for x <= 0 */
static inline $real ${name}_expm1($real x)
{
    int k;
    if (x != x) return x;
    const $real e = ${name}_reduced(x < $expm1_min ? $expm1_min : x, &k), power = ${name}_power(k);
    return power * e + (power - <1>);
}
""",
    "tanh": """
static inline $real ${name}_tanh($real x)
{
    const $real t = ${name}_expm1(x < 0 ? 2 * x : -2 * x), y = t / (t + 2);
    return x < 0 ? y : -y;
}
""",
    "log1p": """
/* log(1 + u) = 2 artanh(u / (2 + u)) for 0 <= u <= 1, by its series */
static inline $real ${name}_log1p($real u)
{
    const $real s = u / (2 + u), x = s * s;
    return 2 * s * ($log_series);
}
""",
    "erf": """
/* x + x P(x^2) up to |x| = 1, 1 - e^Q(|x|) beyond */
static inline $real ${name}_erf($real x)
{
    const $real size = x < 0 ? -x : x, a = size > $erf_max ? $erf_max : size, z = a * a;
    const $real y = a < 1
        ? a + a * ($erf_near)
        : 1 - ${name}_exp($erf_far);
    return x < 0 ? -y : y;
}
""",
}
_NEEDS = {"tanh": "expm1", "erf": "exp"}


def names(kind: str, prefix: str, numbers: str) -> dict[str, str]:
    """What the functions are called; of `kind` "libm" or "own"."""
    if kind == "own":
        return {function: f"{prefix}_{function}" for function in _OWN}
    return {function: function + "f" * (numbers == "float32") for function in _OWN}


def definitions(expressions: Iterable[str], prefix: str, numbers: str) -> str:
    """The own functions that occur as $function in the expressions."""
    used = set(re.findall(r"\$(\w+)", " ".join(expressions)))
    used |= {_NEEDS[function] for function in used & _NEEDS.keys()}
    if not used:
        return ""
    text = _BASE + "".join(text for function, text in _OWN.items() if function in used)
    return literals(fill(text, name=prefix, **_constants(numbers)), numbers)


def _constants(numbers: str) -> dict[str, Any]:
    kind = _KINDS[numbers]
    high, low = (float.fromhex(part) for part in kind.ln2)
    series = [1 / math.factorial(k + 1) for k in range(kind.exp_terms)]
    odd = [1 / (2 * k + 1) for k in range(kind.log_terms)]
    return {
        **{name: getattr(kind, name) for name in ("real", "bits", "mantissa", "bias")},
        **{name: f"<{getattr(kind, name)}>" for name in _LIMITS},
        "log2e": f"<{math.log2(math.e)}>",
        "ln2_high": f"<{high}>",
        "ln2_low": f"<{low}>",
        "exp_series": _polynomial(series, "r"),
        "log_series": _polynomial(odd, "x"),
        "erf_near": _polynomial(kind.erf_near, "z"),
        "erf_far": _polynomial(kind.erf_far, "a"),
    }


def _polynomial(coefficients: Sequence[float], x: str) -> str:
    """By Horner's rule, the constant term first."""
    *first, last = coefficients
    opened = f" +\n        {x} * (".join(f"<{c}>" for c in first)
    return f"{opened} +\n        {x} * <{last}>{')' * (len(first) - 1)}"
