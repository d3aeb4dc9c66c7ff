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
// delta(z, a, y) = d value / da, or d value / dz where the loss belongs to one activation
// (`Paired`), or d value / d log a where it belongs to softmax and is `logarithmic`.
// curvature(a), of the losses that are a negative log-likelihood: the expected d² value / da².

struct Unpaired {
    static constexpr const char* name = "";
};

struct OfAnyOutput {
    using Paired = Unpaired;
    static constexpr bool mean = false, logarithmic = false;
};
struct MeanOfAnyOutput : OfAnyOutput {
    static constexpr bool mean = true;
};
template <class F>
struct OfOutput : OfAnyOutput {
    using Paired = F;
};

struct MeanSquaredError : MeanOfAnyOutput {
    static constexpr const char* name = "mean_squared_error";
    template <class T>
    static NNFAST_INLINE Vec<T> value(Vec<T>, Vec<T> a, Vec<T> y) {
        return (a - y) * (a - y);
    }
    template <class T>
    static NNFAST_INLINE Vec<T> delta(Vec<T>, Vec<T> a, Vec<T> y) {
        return fma(fill(T(2)), a, T(-2) * y);
    }
    template <class T>
    static T curvature(T a) {
        return 2 + 0 * a;
    }
};

struct Quadratic : OfAnyOutput {
    static constexpr const char* name = "quadratic";
    template <class T>
    static NNFAST_INLINE Vec<T> value(Vec<T>, Vec<T> a, Vec<T> y) {
        return fill(T(0.5)) * (a - y) * (a - y);
    }
    template <class T>
    static NNFAST_INLINE Vec<T> delta(Vec<T>, Vec<T> a, Vec<T> y) {
        return a - y;
    }
    template <class T>
    static T curvature(T a) {
        return 1 + 0 * a;
    }
};

// max(z, 0) - z y + log(1 + e^-|z|)
struct BinaryCrossEntropy : OfOutput<Sigmoid> {
    static constexpr const char* name = "binary_cross_entropy";
    template <class T>
    static NNFAST_INLINE Vec<T> value(Vec<T> z, Vec<T>, Vec<T> y) {
        return (ReLU::value<T>(z) - z * y) + log1p<T>(exp<T>(-abs<T>(z)));
    }
    template <class T>
    static NNFAST_INLINE Vec<T> delta(Vec<T>, Vec<T> a, Vec<T> y) {
        return a - y;
    }
    template <class T>
    static T curvature(T a) {
        return 1 / (a * (1 - a));
    }
};

// -y log a, where the normalised z is log a
struct CrossEntropy : OfOutput<Softmax> {
    static constexpr const char* name = "cross_entropy";
    template <class T>
    static NNFAST_INLINE Vec<T> value(Vec<T> z, Vec<T>, Vec<T> y) {
        return -y * z;
    }
    template <class T>
    static NNFAST_INLINE Vec<T> delta(Vec<T>, Vec<T> a, Vec<T> y) {
        return a - y;
    }
    template <class T>
    static T curvature(T a) {
        return 1 / a;
    }
};

// the perceptron criterion: |z| where the output is wrong
struct Perceptron : OfOutput<Step> {
    static constexpr const char* name = "perceptron";
    template <class T>
    static NNFAST_INLINE Vec<T> value(Vec<T> z, Vec<T> a, Vec<T> y) {
        return (a - y) * z;
    }
    template <class T>
    static NNFAST_INLINE Vec<T> delta(Vec<T>, Vec<T> a, Vec<T> y) {
        return a - y;
    }
};

struct MeanAbsoluteError : MeanOfAnyOutput {
    static constexpr const char* name = "mean_absolute_error";
    template <class T>
    static NNFAST_INLINE Vec<T> value(Vec<T>, Vec<T> a, Vec<T> y) {
        return abs<T>(a - y);
    }
    template <class T>
    static NNFAST_INLINE Vec<T> delta(Vec<T>, Vec<T> a, Vec<T> y) {
        const Vec<T> below = select<T>(a < y, fill(T(-1)), a - y);
        return select<T>(a > y, fill(T(1)), below);
    }
};

struct Huber : MeanOfAnyOutput {
    static constexpr const char* name = "huber";
    template <class T>
    static NNFAST_INLINE Vec<T> value(Vec<T>, Vec<T> a, Vec<T> y) {
        const Vec<T> distance = abs<T>(a - y), near = clip<T>(distance, T(0), T(1));
        return near * (distance - fill(T(0.5)) * near);
    }
    template <class T>
    static NNFAST_INLINE Vec<T> delta(Vec<T>, Vec<T> a, Vec<T> y) {
        return clip<T>(a - y, T(-1), T(1));
    }
};

struct LogCosh : MeanOfAnyOutput {
    static constexpr const char* name = "log_cosh";
    template <class T>
    static NNFAST_INLINE Vec<T> value(Vec<T>, Vec<T> a, Vec<T> y) {
        const Vec<T> distance = abs<T>(a - y);
        return distance + log1p<T>(fill(T(0.5)) * expm1<T>(T(-2) * distance));
    }
    template <class T>
    static NNFAST_INLINE Vec<T> delta(Vec<T>, Vec<T> a, Vec<T> y) {
        return tanh<T>(a - y);
    }
};

struct Poisson : OfAnyOutput {
    static constexpr const char* name = "poisson";
    template <class T>
    static constexpr T epsilon = T(1e-30);
    template <class T>
    static NNFAST_INLINE Vec<T> value(Vec<T>, Vec<T> a, Vec<T> y) {
        return a - y * log<T>(a + fill(epsilon<T>));
    }
    template <class T>
    static NNFAST_INLINE Vec<T> delta(Vec<T>, Vec<T> a, Vec<T> y) {
        return fill(T(1)) - y / (a + fill(epsilon<T>));
    }
};

struct Hinge : MeanOfAnyOutput {
    static constexpr const char* name = "hinge";
    template <class T>
    static NNFAST_INLINE Vec<T> value(Vec<T>, Vec<T> a, Vec<T> y) {
        const Vec<T> margin = a * sign<T>(y);
        return select<T>(margin < fill(T(1)), fill(T(1)) - margin, T(0) * a);
    }
    template <class T>
    static NNFAST_INLINE Vec<T> delta(Vec<T>, Vec<T> a, Vec<T> y) {
        return select<T>(a * sign<T>(y) < fill(T(1)), -sign<T>(y), T(0) * a);
    }

private:
    // -1 for 0, 1 for 1
    template <class T>
    static NNFAST_INLINE Vec<T> sign(Vec<T> y) {
        return y + y - fill(T(1));
    }
};

// -y (1 - a)² log a
struct CategoricalFocal : OfOutput<Softmax> {
    static constexpr const char* name = "categorical_focal";
    static constexpr bool logarithmic = true;
    template <class T>
    static NNFAST_INLINE Vec<T> value(Vec<T> z, Vec<T> a, Vec<T> y) {
        const Vec<T> rest = fill(T(1)) - a;
        return -y * rest * rest * z;
    }
    template <class T>
    static NNFAST_INLINE Vec<T> delta(Vec<T> z, Vec<T> a, Vec<T> y) {
        const Vec<T> rest = fill(T(1)) - a;
        return y * rest * (T(2) * a * z - rest);
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

using Losses = List<MeanSquaredError, Quadratic, BinaryCrossEntropy, CrossEntropy, Perceptron,
                    MeanAbsoluteError, Huber, LogCosh, Poisson, Hinge, CategoricalFocal>;

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
