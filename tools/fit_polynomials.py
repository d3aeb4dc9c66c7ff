"""Fit the polynomials of `cpp/kernels/math.h` and print them with their error bounds.

Near-minimax polynomials by Chebyshev interpolation, in 50-digit arithmetic. Needs mpmath.
"""

import mpmath

mpmath.mp.dps = 50


def exp_tail(r):
    """(e^r - 1 - r) / r^2, with r in [-ln 2 / 2, ln 2 / 2]."""
    if abs(r) < 1e-12:
        return mpmath.mpf(1) / 2 + r / 6 + r**2 / 24  # the quotient would cancel
    return (mpmath.expm1(r) - r) / r**2


def log_tail(z):
    """(2 atanh(s) / s - 2) / z, with z = s^2, s = (m - 1) / (m + 1), m in [sqrt(1/2), sqrt(2)]."""
    s = mpmath.sqrt(z)
    return (2 * mpmath.atanh(s) / s - 2) / z if z else mpmath.mpf(2) / 3


half_ln2 = mpmath.log(2) / 2
largest_z = ((mpmath.sqrt(2) - 1) / (mpmath.sqrt(2) + 1)) ** 2

for name, function, interval, reach in (
    ("exp", exp_tail, [-half_ln2, half_ln2], half_ln2**2),  # the tail is multiplied by r^2
    ("log", log_tail, [0, largest_z], largest_z),  # and here by z, relative to 2
):
    for dtype, terms in (("float", {"exp": 5, "log": 3}), ("double", {"exp": 10, "log": 7})):
        coefficients, error = mpmath.chebyfit(function, interval, terms[name], error=True)
        print(f"{name} {dtype}: error {mpmath.nstr(error * reach, 3)}")
        print("   ", ", ".join(mpmath.nstr(c, 18) for c in reversed(coefficients)))
