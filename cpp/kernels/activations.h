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

// Activations: a = value(z), and the slope da/dz in terms of a. A NaN stays a NaN.

struct Sigmoid {
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

struct Tanh {
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

struct ReLU {
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

struct Linear {
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
struct Softmax {
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

struct Step {
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

using Activations = List<Sigmoid, Tanh, ReLU, Linear, Softmax, Step>;

}  // namespace
}  // namespace nnfast::NNFAST_ISA
