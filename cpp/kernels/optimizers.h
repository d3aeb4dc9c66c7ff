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
// state s; they are computed in float64 and rounded once. Where two structs share a name,
// `applies` chooses.

// b^t by repeated squaring: the same bits on every machine
NNFAST_INLINE double power(double b, uint64_t t) {
    double result = 1;
    for (; t > 0; t /= 2, b *= b) result *= t % 2 ? b : 1;  // no branch: t's bits have no pattern
    return result;
}

struct GradientDescent {
    static constexpr const char* name = "sgd";
    static constexpr size_t hyperparameters = 3;
    static constexpr size_t slots = 0;
    static bool applies(const double* h) { return h[1] == 0; }
    static void factors(const double* h, uint64_t, double* f) { f[0] = -h[0]; }
    template <class T>
    static NNFAST_INLINE void update(const T* f, Vec<T> g, Vec<T>& p, Vec<T>*) {
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
    static NNFAST_INLINE void update(const T* f, Vec<T> g, Vec<T>& p, Vec<T>* s) {
        const Vec<T> v = s[0] = fma(fill(f[1]), s[0], fill(f[0]) * g);
        p = p + fma(fill(f[2]), v, fill(f[3]) * g);
    }
};

// s <- s + g²
struct Adagrad {
    static constexpr const char* name = "adagrad";
    static constexpr size_t hyperparameters = 2;
    static constexpr size_t slots = 1;
    static bool applies(const double*) { return true; }
    static void factors(const double* h, uint64_t, double* f) {
        f[0] = -h[0];
        f[1] = h[1];
    }
    template <class T>
    static NNFAST_INLINE void update(const T* f, Vec<T> g, Vec<T>& p, Vec<T>* s) {
        s[0] = fma(g, g, s[0]);
        p = p + fill(f[0]) * g / (sqrt(s[0]) + fill(f[1]));
    }
};

// v <- rho v + (1 - rho) g², and with momentum u <- momentum u + g / (√v + epsilon)
template <bool momentum>
struct RMSprop {
    static constexpr const char* name = "rmsprop";
    static constexpr size_t hyperparameters = 4;
    static constexpr size_t slots = momentum ? 2 : 1;
    static bool applies(const double* h) { return (h[2] != 0) == momentum; }
    static void factors(const double* h, uint64_t, double* f) {
        const double rate = h[0], rho = h[1], epsilon = h[3];
        f[0] = rho;
        f[1] = 1 - rho;
        f[2] = h[2];
        f[3] = epsilon;
        f[4] = -rate;
    }
    template <class T>
    static NNFAST_INLINE void update(const T* f, Vec<T> g, Vec<T>& p, Vec<T>* s) {
        s[0] = fma(fill(f[0]), s[0], fill(f[1]) * (g * g));
        Vec<T> step = g / (sqrt(s[0]) + fill(f[3]));
        if constexpr (momentum) step = s[1] = fma(fill(f[2]), s[1], step);
        p = fma(fill(f[4]), step, p);
    }
};

// The moments of Kingma & Ba, algorithm 1
template <class T>
NNFAST_INLINE void update_moments(const T* f, Vec<T> g, Vec<T>& m, Vec<T>& v) {
    m = fma(fill(f[0]), m, fill(f[1]) * g);
    v = fma(fill(f[2]), v, fill(f[3]) * (g * g));
}

template <bool decays, bool amsgrad>
struct AdamOf {
    static constexpr const char* name = decays ? "adamw" : "adam";
    static constexpr size_t hyperparameters = decays ? 6 : 5;
    static constexpr size_t slots = amsgrad ? 3 : 2;
    static bool applies(const double* h) { return (h[4] != 0) == amsgrad; }
    static void factors(const double* h, uint64_t t, double* f) {
        const double rate = h[0], beta1 = h[1], beta2 = h[2], epsilon = h[3];
        f[0] = beta1;
        f[1] = 1 - beta1;
        f[2] = beta2;
        f[3] = 1 - beta2;
        f[4] = -rate / (1 - power(beta1, t));
        f[5] = 1 / __builtin_sqrt(1 - power(beta2, t));
        f[6] = epsilon;
        f[7] = decays ? 1 - rate * h[5] : 1;
    }
    template <class T>
    static NNFAST_INLINE void update(const T* f, Vec<T> g, Vec<T>& p, Vec<T>* s) {
        update_moments<T>(f, g, s[0], s[1]);
        Vec<T> v = s[1];
        if constexpr (amsgrad) v = s[2] = select<T>(v > s[2], v, s[2]);
        if constexpr (decays) p = fill(f[7]) * p;
        p = p + fill(f[4]) * s[0] / fma(fill(f[5]), sqrt(v), fill(f[6]));
    }
};

// c = 1 - mu_1 ... mu_t, the third slot, is the sum of the weights in a mean with these decays
struct Nadam {
    static constexpr const char* name = "nadam";
    static constexpr size_t hyperparameters = 5;
    static constexpr size_t slots = 3;
    static bool applies(const double*) { return true; }
    static void factors(const double* h, uint64_t t, double* f) {
        const double rate = h[0], beta1 = h[1], beta2 = h[2], epsilon = h[3], decay = h[4];
        const auto mu = [&](uint64_t step) {
            constexpr double log_of_096 = -0.040821994520255166;
            const double exponent = log_of_096 * decay * static_cast<double>(step);
            return beta1 * (1 - 0.5 * exp<double>(fill(exponent))[0]);
        };
        f[0] = beta1;
        f[1] = 1 - beta1;
        f[2] = beta2;
        f[3] = 1 - beta2;
        f[4] = mu(t);
        f[5] = 1 - f[4];
        f[6] = mu(t + 1);
        f[7] = 1 - f[6];
        f[8] = 1 / __builtin_sqrt(1 - power(beta2, t));
        f[9] = epsilon;
        f[10] = -rate;
    }
    template <class T>
    static NNFAST_INLINE void update(const T* f, Vec<T> g, Vec<T>& p, Vec<T>* s) {
        update_moments<T>(f, g, s[0], s[1]);
        const Vec<T> c = s[2] = fma(fill(f[4]), s[2], fill(f[5]));
        const Vec<T> next = fma(fill(f[6]), c, fill(f[7]));
        const Vec<T> step = fill(f[6]) * s[0] / next + fill(f[5]) * g / c;
        p = p + fill(f[10]) * step / fma(fill(f[8]), sqrt(s[1]), fill(f[9]));
    }
};

using Optimizers =
    List<GradientDescent, Momentum, AdamOf<false, false>, AdamOf<false, true>, AdamOf<true, false>,
         AdamOf<true, true>, Adagrad, RMSprop<false>, RMSprop<true>, Nadam>;

}  // namespace
}  // namespace nnfast::NNFAST_ISA
