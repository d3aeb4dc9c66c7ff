"""Fit the polynomials of `cpp/kernels/math.h` and print them with their error bounds.

Near-minimax polynomials by Chebyshev interpolation, and by weighted least squares where the error
counts less and less along the interval, in 50-digit arithmetic. Needs mpmath.
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


def erf_tail(z):
    """erf(x) / x - 1, with z = x^2, x in [0, 1]."""
    if z < 1e-12:
        return 2 / mpmath.sqrt(mpmath.pi) * (1 - z / 3 + z**2 / 10) - 1
    x = mpmath.sqrt(z)
    return mpmath.erf(x) / x - 1


def log_erfc(x):
    """An error here is one of erfc(x) times as much in erf x = 1 - exp(log erfc x)."""
    return mpmath.log(mpmath.erfc(x))


def weighted_fit(function, weight, interval, terms, nodes=200):
    """Coefficients, and the largest weighted error at the Chebyshev nodes of the interval."""
    low, high = map(mpmath.mpf, interval)
    angles = [mpmath.pi * (i + 0.5) / nodes for i in range(nodes)]
    places = [(low + high) / 2 + (high - low) / 2 * mpmath.cos(angle) for angle in angles]
    weights = [weight(x) for x in places]
    matrix = mpmath.matrix(
        [[w * x**k for k in range(terms)] for x, w in zip(places, weights, strict=True)]
    )
    values = mpmath.matrix([w * function(x) for x, w in zip(places, weights, strict=True)])
    coefficients, _ = mpmath.qr_solve(matrix, values)
    return list(coefficients), mpmath.norm(matrix * coefficients - values, mpmath.inf)


half_ln2 = mpmath.log(2) / 2
largest_z = ((mpmath.sqrt(2) - 1) / (mpmath.sqrt(2) + 1)) ** 2

for name, function, interval, reach in (
    ("exp", exp_tail, [-half_ln2, half_ln2], half_ln2**2),  # the tail is multiplied by r^2
    ("log", log_tail, [0, largest_z], largest_z),  # and here by z, relative to 2
    ("erf", erf_tail, [0, 1], 1),
):
    terms = {"exp": (5, 10), "log": (3, 7), "erf": (7, 12)}[name]
    for dtype, count in zip(("float", "double"), terms, strict=True):
        coefficients, error = mpmath.chebyfit(function, interval, count, error=True)
        print(f"{name} {dtype}: error {mpmath.nstr(error * reach, 3)}")
        print("   ", ", ".join(mpmath.nstr(c, 18) for c in reversed(coefficients)))

for dtype, high, count in (("float", 4, 7), ("double", 6, 16)):
    coefficients, error = weighted_fit(log_erfc, mpmath.erfc, [1, high], count)
    print(f"log_erfc {dtype}: error {mpmath.nstr(error, 3)}")
    print("   ", ", ".join(mpmath.nstr(c, 18) for c in coefficients))
