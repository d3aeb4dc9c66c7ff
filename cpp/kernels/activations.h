// Activations, as in python/nnfast/formulas/activations.py, one struct each. A new one is a struct
// here and its name in the list at the end.
//
//   x  input of a layer     z  x W + b     a  f(z), output of the layer     y  target
//   g  gradient             p  parameter
#pragma once

#include "list.h"
#include "math.h"

namespace nnfast::NNFAST_ISA {
namespace {

// Activations: a = value(z), and the slope da/dz in terms of a, or of z where `needs_z`. A NaN
// stays a NaN.

struct SlopeOfOutput {
    static constexpr bool needs_z = false;
};
struct SlopeOfInput {
    static constexpr bool needs_z = true;
};

struct Sigmoid : SlopeOfOutput {
    static constexpr const char* name = "sigmoid";
    template <class T>
    static NNFAST_INLINE Vec<T> value(Vec<T> z) {
        return sigmoid<T>(z);
    }
    template <class T>
    static NNFAST_INLINE Vec<T> slope(Vec<T> a) {
        return a * (fill(T(1)) - a);
    }
};

struct Tanh : SlopeOfOutput {
    static constexpr const char* name = "tanh";
    template <class T>
    static NNFAST_INLINE Vec<T> value(Vec<T> z) {
        return tanh<T>(z);
    }
    template <class T>
    static NNFAST_INLINE Vec<T> slope(Vec<T> a) {
        return fma(-a, a, fill(T(1)));
    }
};

struct ReLU : SlopeOfOutput {
    static constexpr const char* name = "relu";
    template <class T>
    static NNFAST_INLINE Vec<T> value(Vec<T> z) {
        return select<T>(z < Vec<T>{}, Vec<T>{}, z);
    }
    template <class T>
    static NNFAST_INLINE Vec<T> slope(Vec<T> a) {
        return select<T>(a > Vec<T>{}, fill(T(1)), Vec<T>{});
    }
};

struct Linear : SlopeOfOutput {
    static constexpr const char* name = "linear";
    template <class T>
    static NNFAST_INLINE Vec<T> value(Vec<T> z) {
        return z;
    }
    template <class T>
    static NNFAST_INLINE Vec<T> slope(Vec<T>) {
        return fill(T(1));
    }
};

// Taken a row at a time: z is first reduced by the row's log-sum-exp, so that exp(z) adds up to 1.
// The derivative is the Jacobian a_i (δ_ij - a_j), and slope is not used.
struct Softmax : SlopeOfOutput {
    static constexpr const char* name = "softmax";
    template <class T>
    static NNFAST_INLINE Vec<T> value(Vec<T> z) {
        return exp<T>(z);
    }
    template <class T>
    static NNFAST_INLINE Vec<T> slope(Vec<T>) {
        return fill(T(1));
    }
};

struct Step : SlopeOfOutput {
    static constexpr const char* name = "step";
    template <class T>
    static NNFAST_INLINE Vec<T> value(Vec<T> z) {
        return select<T>(z > Vec<T>{}, fill(T(1)), Vec<T>{});
    }
    template <class T>
    static NNFAST_INLINE Vec<T> slope(Vec<T>) {
        return Vec<T>{};
    }
};

struct LeakyReLU : SlopeOfOutput {
    static constexpr const char* name = "leaky_relu";
    template <class T>
    static constexpr T leak = T(0.01);
    template <class T>
    static NNFAST_INLINE Vec<T> value(Vec<T> z) {
        return select<T>(z > Vec<T>{}, z, fill(leak<T>) * z);
    }
    template <class T>
    static NNFAST_INLINE Vec<T> slope(Vec<T> a) {
        return select<T>(a > Vec<T>{}, fill(T(1)), fill(leak<T>));
    }
};

// scale z, or scale alpha (e^z - 1) where z is negative
template <class T>
NNFAST_INLINE Vec<T> elu(Vec<T> z, double scale, double alpha) {
    const IntVec<T> positive = z > Vec<T>{};
    const Vec<T> tail = expm1<T>(select<T>(positive, Vec<T>{}, z));
    return select<T>(positive, fill(T(scale)) * z, fill(T(scale * alpha)) * tail);
}

struct ELU : SlopeOfOutput {
    static constexpr const char* name = "elu";
    template <class T>
    static NNFAST_INLINE Vec<T> value(Vec<T> z) {
        return elu<T>(z, 1, 1);
    }
    template <class T>
    static NNFAST_INLINE Vec<T> slope(Vec<T> a) {
        return select<T>(a > Vec<T>{}, fill(T(1)), a + fill(T(1)));
    }
};

struct SELU : SlopeOfOutput {
    static constexpr const char* name = "selu";
    static constexpr double scale = 1.0507009873554805, alpha = 1.6732632423543772;
    template <class T>
    static NNFAST_INLINE Vec<T> value(Vec<T> z) {
        return elu<T>(z, scale, alpha);
    }
    template <class T>
    static NNFAST_INLINE Vec<T> slope(Vec<T> a) {
        return select<T>(a > Vec<T>{}, fill(T(scale)), a + fill(T(scale * alpha)));
    }
};

// The probability that a standard normal number is at most z
template <class T>
NNFAST_INLINE Vec<T> normal(Vec<T> z) {
    return fma(fill(T(0.5)), erf<T>(fill(T(0.70710678118654752)) * z), fill(T(0.5)));
}

struct GELU : SlopeOfInput {
    static constexpr const char* name = "gelu";
    template <class T>
    static NNFAST_INLINE Vec<T> value(Vec<T> z) {
        return z * normal<T>(z);
    }
    template <class T>
    static NNFAST_INLINE Vec<T> slope(Vec<T> z) {
        const Vec<T> density = fill(T(0.39894228040143268)) * exp<T>(fill(T(-0.5)) * z * z);
        return fma(z, density, normal<T>(z));
    }
};

struct GELUTanh : SlopeOfInput {
    static constexpr const char* name = "gelu_tanh";
    static constexpr double a = 0.79788456080286536, b = 0.044715;  // a = √(2/π)
    static constexpr int most = 10;                                 // beyond, tanh is -1 or 1
    // tanh(a z (1 + b z²)) of a clipped z
    template <class T>
    static NNFAST_INLINE Vec<T> inner(Vec<T> z) {
        return tanh<T>(fill(T(a)) * fma(fill(T(b)) * z * z, z, z));
    }
    template <class T>
    static NNFAST_INLINE Vec<T> value(Vec<T> z) {
        const Vec<T> half = fill(T(0.5));
        return z * fma(half, inner<T>(clip<T>(z, T(-most), T(most))), half);
    }
    template <class T>
    static NNFAST_INLINE Vec<T> slope(Vec<T> z) {
        const Vec<T> one = fill(T(1)), half = fill(T(0.5)), v = clip<T>(z, T(-most), T(most));
        const Vec<T> t = inner<T>(v), inner_slope = fma(fill(T(3 * b)) * v, v, one);
        const Vec<T> bend = fill(T(0.5 * a)) * v * fma(-t, t, one) * inner_slope;
        return fma(half, t, half) + bend;
    }
};

struct SiLU : SlopeOfInput {
    static constexpr const char* name = "silu";
    template <class T>
    static NNFAST_INLINE Vec<T> value(Vec<T> z) {
        return z * sigmoid<T>(z);
    }
    template <class T>
    static NNFAST_INLINE Vec<T> slope(Vec<T> z) {
        const Vec<T> one = fill(T(1)), s = sigmoid<T>(z);
        return s * fma(z, one - s, one);
    }
};

// log(1 + e^z)
struct Softplus : SlopeOfOutput {
    static constexpr const char* name = "softplus";
    template <class T>
    static NNFAST_INLINE Vec<T> value(Vec<T> z) {
        return ReLU::value<T>(z) + log1p<T>(exp<T>(-abs<T>(z)));
    }
    template <class T>
    static NNFAST_INLINE Vec<T> slope(Vec<T> a) {
        return -expm1<T>(-a);
    }
};

struct Softsign : SlopeOfOutput {
    static constexpr const char* name = "softsign";
    template <class T>
    static NNFAST_INLINE Vec<T> value(Vec<T> z) {
        return z / (fill(T(1)) + abs<T>(z));
    }
    template <class T>
    static NNFAST_INLINE Vec<T> slope(Vec<T> a) {
        const Vec<T> root = fill(T(1)) - abs<T>(a);
        return root * root;
    }
};

struct HardSigmoid : SlopeOfOutput {
    static constexpr const char* name = "hard_sigmoid";
    template <class T>
    static NNFAST_INLINE Vec<T> value(Vec<T> z) {
        return clip<T>(z + fill(T(3)), T(0), T(6)) / fill(T(6));
    }
    template <class T>
    static NNFAST_INLINE Vec<T> slope(Vec<T> a) {
        const IntVec<T> inside = (a > Vec<T>{}) & (a < fill(T(1)));
        return select<T>(inside, fill(T(1) / T(6)), Vec<T>{});
    }
};

struct SymmetricSigmoid : SlopeOfOutput {
    static constexpr const char* name = "symmetric_sigmoid";
    template <class T>
    static NNFAST_INLINE Vec<T> value(Vec<T> z) {
        return tanh<T>(fill(T(0.5)) * z);
    }
    template <class T>
    static NNFAST_INLINE Vec<T> slope(Vec<T> a) {
        return fill(T(0.5)) * fma(-a, a, fill(T(1)));
    }
};

struct Exponential : SlopeOfOutput {
    static constexpr const char* name = "exponential";
    template <class T>
    static NNFAST_INLINE Vec<T> value(Vec<T> z) {
        return exp<T>(z);
    }
    template <class T>
    static NNFAST_INLINE Vec<T> slope(Vec<T> a) {
        return a;
    }
};

using Activations =
    List<Sigmoid, Tanh, ReLU, Linear, Softmax, Step, LeakyReLU, ELU, SELU, GELU, GELUTanh, SiLU,
         Softplus, Softsign, HardSigmoid, SymmetricSigmoid, Exponential>;

inline bool needs_z(int activation) {
    bool answer = false;
    Activations::visit(activation, [&](auto f) { answer = decltype(f)::needs_z; });
    return answer;
}

}  // namespace
}  // namespace nnfast::NNFAST_ISA
