// One row on its own, straight from the user's array of parameters: a lane is a unit. Every output
// is the same chain of fma as in forward_product.h, so a row has the same result here as among
// others.
#pragma once

#include "blocks.h"
#include "tile.h"

namespace nnfast::NNFAST_ISA {
namespace {

constexpr size_t row_vectors = 8;  // chains that hide each other's latency
constexpr size_t rows_ahead = 12;  // of W, which comes from the second-level cache

template <class T>
bool is_finite(size_t n, const T* x) {
    Vec<T> zero{};
    for (size_t i = 0; i < n; i += lanes<T>) zero = fma(load_first(x + i, n - i), Vec<T>{}, zero);
    return all_at_most(zero, Vec<T>{});  // 0 times infinity is not a number
}

// N vectors of z = b + x W from this column; the last of them may go beyond the layer's outputs
template <class T, size_t N>
NNFAST_INLINE void row_product(const FlatLayer& layer, const T* p, const T* x, size_t column,
                               T* z) {
    const size_t last = layer.outputs - column - (N - 1) * lanes<T>;
    const auto read = [&](const T* w, size_t n) {
        return n + 1 < N ? load(w + n * lanes<T>) : load_first(w + n * lanes<T>, last);
    };
    const T* w = p + layer.flat + column;
    Vec<T> sum[N];
    NNFAST_UNROLL
    for (size_t n = 0; n < N; ++n)
        sum[n] = layer.bias ? read(w + layer.inputs * layer.outputs, n) : Vec<T>{};
    for (size_t i = 0; i < layer.inputs; ++i, w += layer.outputs) {
        NNFAST_UNROLL
        for (size_t n = 0; n < N; ++n)
            __builtin_prefetch(w + rows_ahead * layer.outputs + n * lanes<T>);
        const Vec<T> factor = fill(x[i]);
        NNFAST_UNROLL
        for (size_t n = 0; n < N; ++n) sum[n] = fma(factor, read(w, n), sum[n]);
    }
    NNFAST_UNROLL
    for (size_t n = 0; n < N; ++n) store(z + column + n * lanes<T>, sum[n]);
}

// a = f(b + x W) of a layer that one vector holds: it stays in a register, which saves the way
// through memory twice. Not for softmax, which takes a row as a whole.
template <class T>
NNFAST_INLINE void narrow_row(const FlatLayer& layer, const T* p, const T* x, T* a) {
    const T* w = p + layer.flat;
    const T* b = w + layer.inputs * layer.outputs;
    Vec<T> z = layer.bias ? load_first(b, layer.outputs) : Vec<T>{};
    for (size_t i = 0; i < layer.inputs; ++i, w += layer.outputs)
        z = fma(fill(x[i]), load_first(w, layer.outputs), z);
    Activations::visit(layer.activation,
                       [&](auto f) { store(a, decltype(f)::template value<T>(z)); });
}

template <class T>
bool forward_row(const FlatNetwork& net, const T* p, const T* x, T* room, T* y) {
    if (!is_finite(net.inputs, x)) return false;
    T* z = room;
    for (size_t k = 0; k < net.layer_count; ++k) {
        const FlatLayer& layer = net.layers[k];
        if (layer.outputs <= lanes<T> && layer.activation != Activations::position<Softmax>) {
            narrow_row(layer, p, x, z);
        } else {
            for_panels<T, row_vectors>(padded<T>(layer.outputs), [&](size_t column, auto n) {
                row_product<T, decltype(n)::value>(layer, p, x, column, z);
            });
            activate<T>(layer.activation, {1, layer.outputs, 0, z}, z);
        }
        x = z;
        z += padded<T>(layer.outputs);
    }
    for (size_t o = 0; o < net.outputs; ++o) y[o] = x[o];
    return true;
}

}  // namespace
}  // namespace nnfast::NNFAST_ISA
