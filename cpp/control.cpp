#include "control.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "vectors.h"

namespace nnfast {
namespace {

// f(rule, start of W, layer) for the layers that have rules
template <class T, class F>
void for_rules(const Network<T>& network, F f) {
    for (size_t k = 0; k < network.regularization.size(); ++k)
        f(network.regularization[k], network.layers[k].flat, network.layers[k]);
}

}  // namespace

template <class T>
double penalty(const Network<T>& network, const T* p) {
    double sum = 0;
    for_rules(network, [&](const Regularization& rule, size_t start, const Layer<T>& layer) {
        const size_t count = layer.inputs * layer.outputs;
        const T* w = p + start;
        if (rule.l1 > 0)
            sum += rule.l1 * sum_of(count, [&](size_t i) { return std::fabs(double(w[i])); });
        if (rule.l2 > 0)
            sum += rule.l2 / 2 * sum_of(count, [&](size_t i) { return double(w[i]) * w[i]; });
    });
    return sum;
}

template <class T>
void add_penalty(const Network<T>& network, const T* p, T* gradient) {
    for_rules(network, [&](const Regularization& rule, size_t start, const Layer<T>& layer) {
        const size_t end = start + layer.inputs * layer.outputs;
        const T l1 = static_cast<T>(rule.l1), l2 = static_cast<T>(rule.l2);
        if (rule.l2 > 0)
            for (size_t i = start; i < end; ++i) gradient[i] += l2 * p[i];
        if (rule.l1 > 0)
            for (size_t i = start; i < end; ++i)
                gradient[i] += l1 * static_cast<T>((p[i] > 0) - (p[i] < 0));
    });
}

template <class T>
void clip(const Network<T>& network, const Control<T>& control, T* gradient) {
    const size_t n = network.parameter_count;
    if (control.factors)
        for (size_t i = 0; i < n; ++i)
            if (control.factors[i] == 0) gradient[i] = 0;
    if (control.clip_value > 0) {
        const T limit = static_cast<T>(control.clip_value);
        // a NaN stays one, for it must be found
        for (size_t i = 0; i < n; ++i) {
            const T g = gradient[i] > limit ? limit : gradient[i];
            gradient[i] = g < -limit ? -limit : g;
        }
    }
    if (control.clip_norm > 0) {
        const double squares =
            sum_of(n, [&](size_t i) { return double(gradient[i]) * gradient[i]; });
        const double norm = std::sqrt(squares);
        if (norm > control.clip_norm) {
            const T factor = static_cast<T>(control.clip_norm / norm);
            for (size_t i = 0; i < n; ++i) gradient[i] *= factor;
        }
    }
}

template <class T>
void settle(const Network<T>& network, const Control<T>& control, const T* old, T* p) {
    const T* factors = control.factors;
    if (factors)
        for (size_t i = 0; i < network.parameter_count; ++i)
            p[i] = factors[i] == 1 ? p[i] : old[i] + factors[i] * (p[i] - old[i]);
    std::vector<double> scales;
    for_rules(network, [&](const Regularization& rule, size_t start, const Layer<T>& layer) {
        if (rule.max_norm == std::numeric_limits<double>::infinity()) return;
        // f(w, its place, its column)
        const auto for_weights = [&](auto f) {
            for (size_t i = 0, k = start; i < layer.inputs; ++i)
                for (size_t j = 0; j < layer.outputs; ++j, ++k) f(p[k], k, j);
        };
        scales.assign(layer.outputs, 0);
        for_weights([&](T w, size_t, size_t j) { scales[j] += double(w) * w; });
        for (double& scale : scales) {
            const double norm = std::sqrt(scale);
            scale = norm > rule.max_norm ? rule.max_norm / norm : 1;
        }
        for_weights([&](T& w, size_t k, size_t j) {
            if (!factors || factors[k] != 0) w *= static_cast<T>(scales[j]);
        });
    });
}

#define NNFAST_INSTANTIATE(T)                                     \
    template double penalty(const Network<T>&, const T*);         \
    template void add_penalty(const Network<T>&, const T*, T*);   \
    template void clip(const Network<T>&, const Control<T>&, T*); \
    template void settle(const Network<T>&, const Control<T>&, const T*, T*);
NNFAST_INSTANTIATE(float)
NNFAST_INSTANTIATE(double)

}  // namespace nnfast
