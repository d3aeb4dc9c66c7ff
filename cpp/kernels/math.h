// exp, expm1, log, log1p, erf, sigmoid and tanh of a vector, at most 4 ulp from the true value for
// every argument, subnormal results included. The polynomials come from tools/fit_polynomials.py.
#pragma once

#include "vector.h"

namespace nnfast::NNFAST_ISA {
namespace {

template <class T>
struct Constants;

template <>
struct Constants<float> {
    static constexpr int mantissa = 23, bias = 127;
    static constexpr float round = 0x1.8p23f;  // x + round - round is x rounded to an integer
    static constexpr float log2e = 0x1.715476p0f;
    // ln 2 in two parts; k * high is exact
    static constexpr float ln2_high = 0x1.62e4p-1f, ln2_low = 0x1.7f7d1cp-20f;
    static constexpr float exp_min = -104.0f, exp_max = 89.0f;  // beyond: 0 and infinity
    static constexpr float exp_normal = 87.0f;                  // up to here results are normal
    static constexpr float tanh_max = 10.0f;                    // beyond: 1
    static constexpr float erf_max = 4.0f;                      // beyond: 1
    static constexpr float sqrt_half = 0x1.6a09e6p-1f, two_to_mantissa = 0x1p23f;
    static constexpr float subnormal_scale = 0x1p24f;
    static constexpr float log_of_subnormal_scale = 0x1.0a2b24p+4f;
    static constexpr float smallest_normal = 0x1p-126f, largest = 0x1.fffffep127f;
    // |error| < 7.8e-9 of e^r
    static constexpr float exp_tail[] = {0.5f, 0.166665770255979882f, 0.041666554662050534f,
                                         0.0083631730745137109f, 0.00139261761199355789f};
    // |error| < 2.8e-9 of log
    static constexpr float log_tail[] = {0.66666685039575855f, 0.399887805660219819f,
                                         0.295799493919727847f};
    // |error| < 1.3e-9 of x, and < 1.2e-9
    static constexpr float erf_tail[] = {0.128379165848350946f,    -0.37612626666720331f,
                                         0.112835947151602177f,    -0.0268542120106264124f,
                                         0.00518908742343397399f,  -0.000801686428716586953f,
                                         0.0000787587506268548834f};
    static constexpr float log_erfc[] = {-0.000341962343413269467f, -1.12708892349683028f,
                                         -0.638142486415376311f,    -0.103111456634110395f,
                                         0.0218417071154498111f,    -0.00294894594954756593f,
                                         0.000186551709599086405f};
};

template <>
struct Constants<double> {
    static constexpr int mantissa = 52, bias = 1023;
    static constexpr double round = 0x1.8p52;
    static constexpr double log2e = 0x1.71547652b82fep0;
    static constexpr double ln2_high = 0x1.62e42fefa3800p-1, ln2_low = 0x1.ef35793c76730p-45;
    static constexpr double exp_min = -746.0, exp_max = 710.0, exp_normal = 708.0;
    static constexpr double tanh_max = 20.0, erf_max = 6.0;
    static constexpr double sqrt_half = 0x1.6a09e667f3bcdp-1, two_to_mantissa = 0x1p52;
    static constexpr double subnormal_scale = 0x1p54;
    static constexpr double log_of_subnormal_scale = 0x1.2b708872320e2p+5;
    static constexpr double smallest_normal = 0x1p-1022, largest = 0x1.fffffffffffffp1023;
    // |error| < 1.3e-17 of e^r
    static constexpr double exp_tail[] = {0.500000000000000102,     0.166666666666666675,
                                          0.0416666666666241619,    0.00833333333333006445,
                                          0.00138888889171967191,   0.000198412698630405453,
                                          0.0000248015213223686933, 2.75572684803100255e-6,
                                          2.76200758799833666e-7,   2.51003758325612337e-8};
    // |error| < 4.6e-18 of log
    static constexpr double log_tail[] = {
        0.666666666666666969, 0.399999999998995045, 0.285714286259754849, 0.222222111347950799,
        0.181828891252617221, 0.153317216005560413, 0.146164496850434059};
    // |error| < 7.4e-18 of x, and < 1.3e-16
    static constexpr double erf_tail[] = {
        0.128379167095512567,    -0.376126389031835404,     0.112837916709450063,
        -0.0268661706432377704,  0.00522397760711642273,    -0.000854832597538969208,
        0.000120552949048397079, -0.0000149247369074196603, 1.64474247033173624e-6,
        -1.62084838018717059e-7, 1.37200645467776856e-8,    -7.79589882700214224e-10};
    static constexpr double log_erfc[] = {
        -1.89531908833689935e-6,  -1.12836114396703822,    -0.636699428219551363,
        -0.102555389456629295,    0.018719474990315113,    0.000772486150923048452,
        -0.00228198542813867894,  0.00105674376119924182,  -0.000309909682364865292,
        0.0000637466568110946421, -8.89665449591951731e-6, 6.85768882804944469e-7,
        9.14667745130709045e-9,   -8.50230585287541186e-9, 8.52552245982172971e-10,
        -3.09975212155992133e-11};
};

// c[0] + c[1] x + c[2] x² + ..., in Estrin's order: pairs, then pairs of pairs.
template <class T, size_t n, size_t power = 1>
NNFAST_INLINE Vec<T> polynomial(const T* c, const Vec<T>* powers) {
    if constexpr (n == 1) {
        return fill(c[0]);
    } else if constexpr (n == 2) {
        return fma(powers[0], fill(c[1]), fill(c[0]));
    } else {
        constexpr size_t half = n > 8 ? 8 : n > 4 ? 4 : 2;
        constexpr size_t index = half == 8 ? 3 : half == 4 ? 2 : 1;
        return fma(powers[index], polynomial<T, n - half>(c + half, powers),
                   polynomial<T, half>(c, powers));
    }
}

template <class T>
struct Powers {
    Vec<T> v[4];  // x, x², x⁴, x⁸

    NNFAST_INLINE explicit Powers(Vec<T> x) {
        v[0] = x;
        for (int i = 1; i < 4; ++i) v[i] = v[i - 1] * v[i - 1];
    }
};

template <class T, size_t n>
NNFAST_INLINE Vec<T> polynomial(const T (&c)[n], Vec<T> x) {
    return polynomial<T, n>(c, Powers<T>(x).v);
}

// x + c[0] x² + c[1] x³ + ... of n terms, in the same order: a step less than x + x² (c[0] + ...)
template <class T, size_t n>
NNFAST_INLINE Vec<T> series(const T* c, const Vec<T>* powers) {
    if constexpr (n == 2) {
        return powers[0];
    } else {
        constexpr size_t half = n > 8 ? 8 : n > 4 ? 4 : 2;
        constexpr size_t index = half == 8 ? 3 : half == 4 ? 2 : 1;
        return fma(powers[index], polynomial<T, n - half>(c + half - 2, powers),
                   series<T, half>(c, powers));
    }
}

// e^(m r) = 1 + m (r + m c[0] r² + m² c[1] r³ + ...)
template <class T, int m>
struct ExpTail {
    static constexpr size_t count = sizeof Constants<T>::exp_tail / sizeof(T);
    T c[count];

    constexpr ExpTail() : c() {
        T power = 1;
        for (size_t i = 0; i < count; ++i) c[i] = (power *= m) * Constants<T>::exp_tail[i];
    }
};

// m x = k ln 2 + m r, |m r| <= ln 2 / 2: returns (e^(m r) - 1) / m, and k in the low bits of the
// lanes, above which stand those of `round`. m: a power of two, and nothing is lost
template <class T, int m = 1>
NNFAST_INLINE Vec<T> reduced_expm1(Vec<T> x, IntVec<T>& k) {
    using C = Constants<T>;
    static constexpr ExpTail<T, m> tail;
    const Vec<T> shifted = fma(x, fill(m * C::log2e), fill(C::round));
    k = (IntVec<T>)shifted;
    const Vec<T> rounded = shifted - fill(C::round);
    const Vec<T> r = fma(rounded, fill(-C::ln2_low / m), fma(rounded, fill(-C::ln2_high / m), x));
    return series<T, tail.count + 2>(tail.c, Powers<T>(r).v);
}

// 2^k v by adding k to the exponent, where v and the result are normal numbers
template <class T>
NNFAST_INLINE Vec<T> scaled(Vec<T> v, IntVec<T> k) {
    return (Vec<T>)((IntVec<T>)v + (k << Constants<T>::mantissa));
}

// exp where results may be subnormal, infinite or NaN: 2^k in two factors, so that a subnormal
// result is rounded once and overflow is infinity
template <class T>
__attribute__((noinline)) Vec<T> exp_of_extremes(Vec<T> x) {
    using C = Constants<T>;
    x = select<T>(x < fill(C::exp_min), fill(C::exp_min), x);  // a NaN fails both comparisons
    x = select<T>(x > fill(C::exp_max), fill(C::exp_max), x);  // and stays
    IntVec<T> k;
    const Vec<T> e = fill(T(1)) + reduced_expm1<T>(x, k);
    const UIntVec<T> biased = (UIntVec<T>)(k - (IntVec<T>)fill(C::round) + 2 * C::bias);
    const UIntVec<T> half = biased >> 1;
    const Vec<T> first = (Vec<T>)(half << C::mantissa);
    const Vec<T> second = (Vec<T>)((biased - half) << C::mantissa);
    return e * first * second;
}

template <class T>
NNFAST_INLINE Vec<T> exp(Vec<T> x) {
    if (!all_at_most(abs<T>(x), fill(Constants<T>::exp_normal))) return exp_of_extremes<T>(x);
    IntVec<T> k;
    const Vec<T> e = fill(T(1)) + reduced_expm1<T>(x, k);
    return scaled<T>(e, k);
}

// |v| with the sign of z
template <class T>
NNFAST_INLINE Vec<T> with_sign(Vec<T> v, Vec<T> z) {
    const IntVec<T> sign = (IntVec<T>)fill(T(-0.0));
    return (Vec<T>)((((IntVec<T>)v ^ (IntVec<T>)z) & sign) ^ (IntVec<T>)v);
}

// v, but at least `low` and at most `high`; a NaN stays
template <class T>
NNFAST_INLINE Vec<T> clip(Vec<T> v, T low, T high) {
    v = select<T>(v < fill(low), fill(low), v);
    return select<T>(v > fill(high), fill(high), v);
}

// 1 / (1 + e^-z) has no cancellation on either side, and none of its parts overflows where e^|z| is
// a normal number. 1 + e^-z is rounded from 2^k (e^r - 1) + (2^k + 1), which is ready before e^-z.
template <class T>
NNFAST_INLINE Vec<T> sigmoid_of_normal(Vec<T> z) {
    const Vec<T> one = fill(T(1));
    IntVec<T> k;
    const Vec<T> q = reduced_expm1<T>(-z, k), power = scaled<T>(one, k);
    return one / fma(power, q, power + one);
}

template <class T>
__attribute__((noinline)) Vec<T> sigmoid_of_extremes(Vec<T> z) {
    const Vec<T> one = fill(T(1)), x = abs<T>(z), e = exp_of_extremes<T>(-x);
    const Vec<T> y = select<T>(z < Vec<T>{}, e, one) / (one + e);
    return select<T>(x <= fill(Constants<T>::exp_normal), sigmoid_of_normal<T>(z), y);
}

template <class T>
NNFAST_INLINE Vec<T> sigmoid(Vec<T> z) {
    const bool normal = all_at_most(abs<T>(z), fill(Constants<T>::exp_normal));
    return normal ? sigmoid_of_normal<T>(z) : sigmoid_of_extremes<T>(z);
}

// (e^(m x) - 1) / m = 2^k (e^(m r) - 1) / m + (2^k - 1) / m for x <= 0
template <class T, int m = 1>
NNFAST_INLINE Vec<T> expm1(Vec<T> x) {
    x = larger(fill(-2 * Constants<T>::tanh_max / m), x);  // below: -1 / m
    IntVec<T> k;
    const Vec<T> q = reduced_expm1<T, m>(x, k);
    const Vec<T> scale = scaled<T>(fill(T(1)), k), part = fill(T(1) / m);
    return fma(scale, q, m == 1 ? scale - part : fma(scale, part, -part));
}

// tanh -|z| = t / (t + 1) with t = (e^(-2 |z|) - 1) / 2
template <class T>
NNFAST_INLINE Vec<T> tanh(Vec<T> z) {
    const Vec<T> t = expm1<T, 2>(with_sign<T>(z, fill(T(-1))));
    return with_sign<T>(t / (t + fill(T(1))), z);
}

// x = 2^k m, m in [sqrt(1/2), sqrt(2)): log x = k ln 2 + log m, with f = m - 1, s = f / (2 + f) and
// log m = f - (f²/2 - s (f²/2 + R(s²))): the form of fdlibm (Sun Microsystems, 1993)
template <class T>
NNFAST_INLINE Vec<T> log_of_normal(Vec<T> x) {
    using C = Constants<T>;
    // bits counted from sqrt(1/2): the exponent k, biased to be positive, and the mantissa
    const UIntVec<T> offset = (UIntVec<T>)fill(C::sqrt_half);
    const UIntVec<T> bits = (UIntVec<T>)x - offset + (UIntVec<T>)fill(T(1));
    const UIntVec<T> mantissa = bits & ~(UIntVec<T>)fill(-T(__builtin_inf()));
    const Vec<T> m = (Vec<T>)(mantissa + offset);
    // an integer in the low bits of 2^mantissa is that number plus 2^mantissa
    const Vec<T> unit = fill(C::two_to_mantissa);
    const Vec<T> k = (Vec<T>)((bits >> C::mantissa) | (UIntVec<T>)unit) - (unit + fill(T(C::bias)));
    const Vec<T> f = m - fill(T(1));
    const Vec<T> s = f / (fill(T(2)) + f);
    const Vec<T> z = s * s;
    const Vec<T> half_square = fill(T(0.5)) * f * f;
    const Vec<T> tail = z * polynomial<T>(C::log_tail, z);
    const Vec<T> small = fma(s, half_square + tail, k * fill(C::ln2_low));
    return fma(k, fill(C::ln2_high), f - (half_square - small));
}

template <class T>
__attribute__((noinline)) Vec<T> log_of_extremes(Vec<T> x) {
    using C = Constants<T>;
    const Vec<T> infinity = fill(T(__builtin_inf()));
    const IntVec<T> tiny = x < fill(C::smallest_normal);
    const Vec<T> normal = select<T>(tiny, x * fill(C::subnormal_scale), x);
    const Vec<T> shift = select<T>(tiny, fill(C::log_of_subnormal_scale), Vec<T>{});
    Vec<T> y = log_of_normal<T>(normal) - shift;
    y = select<T>(x == infinity, infinity, y);
    y = select<T>(x == Vec<T>{}, -infinity, y);
    return select<T>(x >= Vec<T>{}, y, fill(T(__builtin_nan(""))));  // negative, or NaN
}

template <class T>
NNFAST_INLINE Vec<T> log(Vec<T> x) {
    using C = Constants<T>;
    const bool normal =
        all_at_most(fill(C::smallest_normal), x) && all_at_most(x, fill(C::largest));
    return normal ? log_of_normal<T>(x) : log_of_extremes<T>(x);
}

// log(1 + e) for e >= -1/2; the second term is what the rounding of 1 + e lost
template <class T>
NNFAST_INLINE Vec<T> log1p(Vec<T> e) {
    const Vec<T> u = fill(T(1)) + e;
    const Vec<T> lost = (e - (u - fill(T(1)))) / u;
    return log<T>(u) + select<T>(u <= fill(Constants<T>::largest), lost, Vec<T>{});
}

// x + x P(x²) up to |x| = 1, 1 - e^Q(|x|) with Q = log erfc beyond
template <class T>
NNFAST_INLINE Vec<T> erf(Vec<T> x) {
    using C = Constants<T>;
    const Vec<T> a = clip<T>(abs<T>(x), T(0), C::erf_max);
    const Vec<T> near = fma(a, polynomial<T>(C::erf_tail, a * a), a);
    const Vec<T> far = fill(T(1)) - exp<T>(polynomial<T>(C::log_erfc, a));
    return with_sign<T>(select<T>(a < fill(T(1)), near, far), x);
}

}  // namespace
}  // namespace nnfast::NNFAST_ISA
