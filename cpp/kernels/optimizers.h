// Optimizers, as in python/nnfast/formulas/optimizers.py, one struct each. A new one is a struct
// here and its name in the list at the end.
//
//   x  input of a layer     z  x W + b     a  f(z), output of the layer     y  target
//   g  gradient             p  parameter
#pragma once

#include "list.h"
#include "math.h"

namespace nnfast::NNFAST_ISA {
namespace {

// Optimizers: `h` holds the hyperparameters in the order of the Python fields. `factors` turns
// them, with the number t of the update, into the factors of `update`, which changes p and its
// state v, w; they are computed in float64 and rounded once. Where two structs share a name,
// `applies` chooses.

// b^t by repeated squaring: the same bits on every machine
NNFAST_INLINE double power(double b, uint64_t t) {
    double result = 1;
    for (; t > 0; t /= 2, b *= b) result *= t % 2 ? b : 1;  // no branch: t's bits have no pattern
    return result;
}

// A moving average without new gradient, such as that of a dead unit, would decay to subnormal
// numbers, and each of those costs a hundred cycles: it counts as zero before it gets there.
template <class T>
NNFAST_INLINE Vec<T> average(Vec<T> v) {
    return select<T>(abs<T>(v) < fill(2 * Constants<T>::smallest_normal), Vec<T>{}, v);
}

// Gradients whose squares would be subnormal count as zero too.
template <class T>
NNFAST_INLINE Vec<T> squarable(Vec<T> g) {
    return select<T>(abs<T>(g) < fill(Constants<T>::negligible), Vec<T>{}, g);
}

struct GradientDescent {
    static constexpr const char* name = "sgd";
    static constexpr size_t hyperparameters = 3;
    static constexpr size_t slots = 0;
    static bool applies(const double* h) { return h[1] == 0; }
    static void factors(const double* h, uint64_t, double* f) { f[0] = -h[0]; }
    template <class T>
    static NNFAST_INLINE void update(const T* f, Vec<T> g, Vec<T>& p, Vec<T>&, Vec<T>&) {
        p = fma(fill(f[0]), g, p);
    }
};

// v <- momentum v - rate g;  p <- p + v, or p + momentum v - rate g with Nesterov's look ahead
struct Momentum {
    static constexpr const char* name = "sgd";
    static constexpr size_t hyperparameters = 3;
    static constexpr size_t slots = 1;
    static bool applies(const double* h) { return h[1] != 0; }
    static void factors(const double* h, uint64_t, double* f) {
        const double rate = h[0], momentum = h[1];
        const bool nesterov = h[2] != 0;
        f[0] = -rate;
        f[1] = momentum;
        f[2] = nesterov ? momentum : 1;
        f[3] = nesterov ? -rate : 0;
    }
    template <class T>
    static NNFAST_INLINE void update(const T* f, Vec<T> g, Vec<T>& p, Vec<T>& v, Vec<T>&) {
        v = average<T>(fma(fill(f[1]), v, fill(f[0]) * g));
        p = p + fma(fill(f[2]), v, fill(f[3]) * g);
    }
};

// m = v and v = w of Kingma & Ba, algorithm 1
struct Adam {
    static constexpr const char* name = "adam";
    static constexpr size_t hyperparameters = 4;
    static constexpr size_t slots = 2;
    static bool applies(const double*) { return true; }
    static void factors(const double* h, uint64_t t, double* f) {
        const double rate = h[0], beta1 = h[1], beta2 = h[2], epsilon = h[3];
        f[0] = beta1;
        f[1] = 1 - beta1;
        f[2] = beta2;
        f[3] = 1 - beta2;
        f[4] = -rate / (1 - power(beta1, t));
        f[5] = 1 / __builtin_sqrt(1 - power(beta2, t));
        f[6] = epsilon;
    }
    template <class T>
    static NNFAST_INLINE void update(const T* f, Vec<T> g, Vec<T>& p, Vec<T>& m, Vec<T>& v) {
        g = squarable<T>(g);
        m = average<T>(fma(fill(f[0]), m, fill(f[1]) * g));
        v = average<T>(fma(fill(f[2]), v, fill(f[3]) * (g * g)));
        p = p + fill(f[4]) * m / fma(fill(f[5]), sqrt(v), fill(f[6]));
    }
};

using Optimizers = List<GradientDescent, Momentum, Adam>;

}  // namespace
}  // namespace nnfast::NNFAST_ISA
