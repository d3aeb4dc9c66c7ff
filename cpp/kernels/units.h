// Small batches of networks whose layers are a few vectors wide: a lane is a unit. Parameters,
// gradient and state lie as in the user's array; a row of W is read with the beginning of the next,
// and what such lanes hold is never looked at.
#pragma once

#include "blocks.h"
#include "tiny.h"
#include "transpose.h"

namespace nnfast::NNFAST_ISA {
namespace {

constexpr size_t widest_unit_layer = 16, unit_rows = 8;  // the most rows of a batch

// A training's memory
template <class T>
struct UnitRoom {
    T* a;           // of each layer unit_rows rows of widest_unit_layer
    T* z;           // the same, where it is needed
    T* delta;       // the same
    T* transposed;  // W^T (outputs, widest_unit_layer)
    T* gradient;    // as p

    NNFAST_INLINE UnitRoom(const FlatNetwork& net, T* room)
        : a(room),
          z(a + net.layer_count * unit_rows * widest_unit_layer),
          delta(z + net.layer_count * unit_rows * widest_unit_layer),
          transposed(delta + net.layer_count * unit_rows * widest_unit_layer),
          gradient(transposed + widest_unit_layer * widest_unit_layer) {}
};

// z = start + x W for S rows from `first`; W has n rows, w_stride apart; start: a row or null
template <class T, size_t N, size_t S>
NNFAST_INLINE void unit_product(size_t first, size_t units, size_t n, const T* const* x, const T* w,
                                size_t w_stride, const T* start, T* z) {
    Tile<T, S, N> sum;
    load_tile<T, S, N>(sum, start, 0);
    for (size_t k = 0; k < n; ++k, w += w_stride) {
        Vec<T> v[N];
        NNFAST_UNROLL
        for (size_t j = 0; j < N; ++j) v[j] = load(w + j * lanes<T>);
        NNFAST_UNROLL
        for (size_t s = 0; s < S; ++s) NNFAST_UNROLL
        for (size_t j = 0; j < N; ++j) sum[s][j] = fma(fill(x[first + s][k]), v[j], sum[s][j]);
    }
    NNFAST_UNROLL
    for (size_t s = 0; s < S; ++s) NNFAST_UNROLL
    for (size_t j = 0; j < N; ++j) {
        const size_t left = units > j * lanes<T> ? units - j * lanes<T> : 0;
        store(z + (first + s) * widest_unit_layer + j * lanes<T>, keep_first<T>(sum[s][j], left));
    }
}

// f(Constant<N>) for the vectors that this many units need
template <class T, size_t N = 1, class F>
NNFAST_INLINE void with_vectors(size_t units, F f) {
    if constexpr (N * lanes<T> < widest_unit_layer) {
        if (units > N * lanes<T>) return with_vectors<T, 2 * N>(units, f);
    }
    f(Constant<N>{});
}

template <class T>
NNFAST_INLINE void unit_products(size_t rows, size_t units, size_t n, const T* const* x, const T* w,
                                 size_t w_stride, const T* start, T* z) {
    with_vectors<T>(units, [&](auto count) {
        constexpr size_t N = decltype(count)::value;
        size_t first = 0;
        for (; first + 4 <= rows; first += 4)
            unit_product<T, N, 4>(first, units, n, x, w, w_stride, start, z);
        for (; first < rows; ++first)
            unit_product<T, N, 1>(first, units, n, x, w, w_stride, start, z);
    });
}

// W^T, rows widest_unit_layer apart
template <class T>
NNFAST_INLINE void unit_transpose(const FlatLayer& layer, const T* w, T* wt) {
    for (size_t i = 0; i < layer.inputs; i += lanes<T>)
        for (size_t o = 0; o < layer.outputs; o += lanes<T>)
            transpose_square<T>(
                [&](size_t r) { return load(w + (i + r) * layer.outputs + o); }, layer.inputs - i,
                layer.outputs - o,
                [&](size_t c, Vec<T> v) { store(wt + (o + c) * widest_unit_layer + i, v); });
}

// The sums over the rows of x^T delta and of delta, row by row into the gradient; each store puts
// right what the one before wrote too much.
template <class T>
NNFAST_INLINE void unit_gradient(const FlatLayer& layer, size_t rows, const T* const* x,
                                 const T* delta, T* gradient) {
    with_vectors<T>(layer.outputs, [&](auto count) {
        constexpr size_t N = decltype(count)::value;
        T* g = gradient + layer.flat;
        for (size_t i = 0; i < layer.inputs + layer.bias; ++i, g += layer.outputs) {
            Vec<T> sum[N] = {};
            for (size_t r = 0; r < rows; ++r) {
                const Vec<T> factor = fill(i < layer.inputs ? x[r][i] : T(1));
                NNFAST_UNROLL
                for (size_t j = 0; j < N; ++j)
                    sum[j] =
                        fma(factor, load(delta + r * widest_unit_layer + j * lanes<T>), sum[j]);
            }
            NNFAST_UNROLL
            for (size_t j = 0; j < N; ++j) store(g + j * lanes<T>, sum[j]);
        }
    });
}

// The loss and gradient of the rows first, ..., end - 1 of the order
template <class T>
__attribute__((noinline)) T unit_batch(const TinyTask<T>& t, const UnitRoom<T>& room, size_t first,
                                       size_t end) {
    constexpr size_t layer_size = unit_rows * widest_unit_layer;
    const FlatNetwork& net = t.net;
    const size_t rows = end - first, top = net.layer_count - 1;
    const T *inputs[unit_rows], *y[unit_rows], *a[unit_rows], *delta[unit_rows];
    for (size_t r = 0; r < rows; ++r) {
        const size_t row = t.order ? t.order[first + r] : first + r;
        inputs[r] = t.x + row * net.inputs;
        y[r] = t.y + row * net.outputs;
    }
    const auto place_of_z = [&](size_t k) {
        const bool apart = k < top && needs_z(net.layers[k].activation);
        return (apart ? room.z : room.a) + k * layer_size;
    };
    const auto point = [rows](const T* matrix, const T** pointers) {
        for (size_t r = 0; r < rows; ++r) pointers[r] = matrix + r * widest_unit_layer;
        return pointers;
    };
    for (size_t k = 0; k <= top; ++k) {
        const FlatLayer& layer = net.layers[k];
        const T* w = t.p + layer.flat;
        const T* const* x = k == 0 ? inputs : point(room.a + (k - 1) * layer_size, a);
        T* z = place_of_z(k);
        unit_products<T>(rows, layer.outputs, layer.inputs, x, w, layer.outputs,
                         layer.bias ? w + layer.inputs * layer.outputs : nullptr, z);
        if (k < top)
            activate<T>(layer.activation, {rows, layer.outputs, widest_unit_layer, z},
                        room.a + k * layer_size);
    }
    const FlatLayer& last = net.layers[top];
    const T total = loss<T>(net.loss, last.activation,
                            {rows, last.outputs, widest_unit_layer, room.a + top * layer_size}, y,
                            nullptr, T(1) / static_cast<T>(rows), room.delta + top * layer_size);
    for (size_t k = top; k > 0; --k) {
        const FlatLayer &layer = net.layers[k], &below = net.layers[k - 1];
        T* below_delta = room.delta + (k - 1) * layer_size;
        unit_transpose(layer, t.p + layer.flat, room.transposed);
        unit_products<T>(rows, layer.inputs, layer.outputs,
                         point(room.delta + k * layer_size, delta), room.transposed,
                         widest_unit_layer, nullptr, below_delta);
        through_activation<T>(below.activation,
                              {rows, below.outputs, widest_unit_layer, place_of_z(k - 1)},
                              below_delta);
    }
    for (size_t k = 0; k <= top; ++k)  // in this order, for what a store writes too much
        unit_gradient(net.layers[k], rows,
                      k == 0 ? inputs : point(room.a + (k - 1) * layer_size, a),
                      room.delta + k * layer_size, room.gradient);
    return total;
}

template <class Optimizer, class T>
void unit_epochs(const TinyTask<T>& t) {
    const UnitRoom<T> room(t.net, t.room);
    for_updates<Optimizer, T>(t, [&](size_t, const T* factors, size_t first, size_t end) {
        const T loss = unit_batch<T>(t, room, first, end);
        tiny_update<Optimizer, T>(t, factors, [&](size_t k) { return load(room.gradient + k); });
        return loss;
    });
}

}  // namespace
}  // namespace nnfast::NNFAST_ISA
