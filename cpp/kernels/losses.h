// Losses, as in python/nnfast/formulas/losses.py, one struct each. A new one is a struct here and
// its name in the list at the end.
//
//   x  input of a layer     z  x W + b     a  f(z), output of the layer     y  target
//   g  gradient             p  parameter
#pragma once

#include "activations.h"

namespace nnfast::NNFAST_ISA {
namespace {

// Losses: value(z, a, y) of one output, summed over the outputs (averaged where `mean`), and
// delta(a, y) = d value / da, or d value / dz where the loss belongs to one activation (`paired`).
// curvature(a), of the losses that are a negative log-likelihood: the expected d² value / da².

struct Unpaired {
    static constexpr const char* name = "";
};

struct MeanSquaredError {
    static constexpr const char* name = "mean_squared_error";
    using Paired = Unpaired;
    static constexpr bool mean = true;
    template <class T>
    static NNFAST_INLINE Vec<T> value(Vec<T>, Vec<T> a, Vec<T> y) {
        return (a - y) * (a - y);
    }
    template <class T>
    static NNFAST_INLINE Vec<T> delta(Vec<T> a, Vec<T> y) {
        return fma(fill(T(2)), a, T(-2) * y);
    }
    template <class T>
    static T curvature(T a) {
        return 2 + 0 * a;
    }
};

struct Quadratic {
    static constexpr const char* name = "quadratic";
    using Paired = Unpaired;
    static constexpr bool mean = false;
    template <class T>
    static NNFAST_INLINE Vec<T> value(Vec<T>, Vec<T> a, Vec<T> y) {
        return fill(T(0.5)) * (a - y) * (a - y);
    }
    template <class T>
    static NNFAST_INLINE Vec<T> delta(Vec<T> a, Vec<T> y) {
        return a - y;
    }
    template <class T>
    static T curvature(T a) {
        return 1 + 0 * a;
    }
};

// max(z, 0) - z y + log(1 + e^-|z|)
struct BinaryCrossEntropy {
    static constexpr const char* name = "binary_cross_entropy";
    using Paired = Sigmoid;
    static constexpr bool mean = false;
    template <class T>
    static NNFAST_INLINE Vec<T> value(Vec<T> z, Vec<T>, Vec<T> y) {
        return (ReLU::value<T>(z) - z * y) + log1p<T>(exp<T>(-abs<T>(z)));
    }
    template <class T>
    static NNFAST_INLINE Vec<T> delta(Vec<T> a, Vec<T> y) {
        return a - y;
    }
    template <class T>
    static T curvature(T a) {
        return 1 / (a * (1 - a));
    }
};

// -y log a, where the normalised z is log a
struct CrossEntropy {
    static constexpr const char* name = "cross_entropy";
    using Paired = Softmax;
    static constexpr bool mean = false;
    template <class T>
    static NNFAST_INLINE Vec<T> value(Vec<T> z, Vec<T>, Vec<T> y) {
        return -y * z;
    }
    template <class T>
    static NNFAST_INLINE Vec<T> delta(Vec<T> a, Vec<T> y) {
        return a - y;
    }
    template <class T>
    static T curvature(T a) {
        return 1 / a;
    }
};

// the perceptron criterion: |z| where the output is wrong
struct Perceptron {
    static constexpr const char* name = "perceptron";
    using Paired = Step;
    static constexpr bool mean = false;
    template <class T>
    static NNFAST_INLINE Vec<T> value(Vec<T> z, Vec<T> a, Vec<T> y) {
        return (a - y) * z;
    }
    template <class T>
    static NNFAST_INLINE Vec<T> delta(Vec<T> a, Vec<T> y) {
        return a - y;
    }
};

template <class L, class T>
auto curvature_of(T a, int) -> decltype(L::template curvature<T>(a)) {
    return L::template curvature<T>(a);
}
template <class L, class T>
T curvature_of(T, long) {
    return -1;
}

using Losses = List<MeanSquaredError, Quadratic, BinaryCrossEntropy, CrossEntropy, Perceptron>;

template <class T>
T curvature(int loss, size_t outputs, T a) {
    T result = 0;
    Losses::visit(loss, [&](auto l) {
        result = curvature_of<decltype(l), T>(a, 0) / (decltype(l)::mean ? T(outputs) : T(1));
    });
    return result;
}

}  // namespace
}  // namespace nnfast::NNFAST_ISA
