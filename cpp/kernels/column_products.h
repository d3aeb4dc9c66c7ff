// The products of a layer whose activations lie in columns: those of a unit side by side, a lane a
// row. No lane idles where a layer is narrower than a vector, and every weight is a broadcast, read
// from the user's array.
//
// Every output is the same chain of fma as in forward_product.h. The gradient is added up lane by
// lane, 64 bytes of rows after the other.
#pragma once

#include "activations.h"
#include "tile.h"

namespace nnfast::NNFAST_ISA {
namespace {

template <class T>
constexpr size_t lane_sums = 64 / sizeof(T);  // of each parameter
template <class T>
constexpr size_t column_step = column_stride(sizeof(T));  // from a column to the next

// Tiles: units by vectors of rows, and for the gradient inputs by outputs
constexpr bool many_registers = registers == 32;
constexpr size_t column_units = 6, column_vectors = many_registers ? 4 : 2;
constexpr size_t gradient_inputs = many_registers ? 4 : 3;
constexpr size_t gradient_outputs = many_registers ? 6 : 4;

// z = start + sum over k of factor(m, k) x_k, for M columns of z and N vectors of rows
template <class T, size_t M, class F>
NNFAST_INLINE void column_tile(size_t terms, const T* start, F factor, const T* x, T* z,
                               size_t z_stride) {
    constexpr size_t N = column_vectors;
    Tile<T, M, N> sum;
    NNFAST_UNROLL
    for (size_t m = 0; m < M; ++m) NNFAST_UNROLL
    for (size_t n = 0; n < N; ++n) sum[m][n] = start ? fill(start[m]) : Vec<T>{};
    for (size_t k = 0; k < terms; ++k, x += column_step<T>) {
        Vec<T> v[N];
        NNFAST_UNROLL
        for (size_t n = 0; n < N; ++n) v[n] = load(x + n * lanes<T>);
        NNFAST_UNROLL
        for (size_t m = 0; m < M; ++m) {
            const Vec<T> w = fill(factor(m, k));
            NNFAST_UNROLL
            for (size_t n = 0; n < N; ++n) sum[m][n] = fma(w, v[n], sum[m][n]);
        }
    }
    store_tile<T, M, N>(sum, z, z_stride);
}

// f(first, Constant<R>) for groups of at most `most`
template <size_t most, class F>
NNFAST_INLINE void for_groups(size_t count, F f) {
    size_t first = 0;
    for (size_t groups = (count + most - 1) / most; groups > 0; --groups) {
        const size_t size = (count - first + groups - 1) / groups;
        with_rows<most>(size, [&](auto r) { f(first, r); });
        first += size;
    }
}

// z = b + x W
template <class T>
__attribute__((noinline)) void column_product(const FlatLayer& layer, const T* p, size_t rows,
                                              const T* x, T* z) {
    const size_t outputs = layer.outputs;
    const T* w = p + layer.flat;
    const T* bias = layer.bias ? w + layer.inputs * outputs : nullptr;
    for_groups<column_units>(outputs, [&](size_t first, auto m) {
        constexpr size_t M = decltype(m)::value;
        for (size_t row = 0; row < rows; row += column_vectors * lanes<T>)
            column_tile<T, M>(
                layer.inputs, bias ? bias + first : nullptr,
                [from = w + first, outputs](size_t i, size_t k)
                    NNFAST_INLINE_LAMBDA { return from[k * outputs + i]; },
                x + row, z + first * column_step<T> + row, column_step<T>);
    });
}

// delta = tile * slope, for some units and column_vectors vectors of rows
template <class T>
__attribute__((noinline)) void slope_tile(int activation, size_t units, const T* tile,
                                          const T* known, T* delta) {
    constexpr size_t N = column_vectors;
    Activations::visit(activation, [&](auto f) {
        for (size_t m = 0; m < units; ++m) NNFAST_UNROLL
        for (size_t n = 0; n < N; ++n) {
            const size_t place = m * column_step<T> + n * lanes<T>;
            const Vec<T> slope = decltype(f)::template slope<T>(load(known + place));
            store(delta + place, load(tile + (m * N + n) * lanes<T>) * slope);
        }
    });
}

// delta of the layer below = (delta W^T) * slope; known: its z or a, as `needs_z` tells. For a
// softmax, which takes a row as a whole, without the slope.
template <class T>
__attribute__((noinline)) void column_product_back(const FlatLayer& layer, const FlatLayer& lower,
                                                   const T* p, size_t rows, const T* delta,
                                                   const T* known, T* below) {
    constexpr size_t width = column_vectors * lanes<T>;
    const size_t outputs = layer.outputs;
    const bool whole = lower.activation == Activations::position<Softmax>;
    for_groups<column_units>(layer.inputs, [&](size_t first, auto m) {
        constexpr size_t M = decltype(m)::value;
        const T* w = p + layer.flat + first * outputs;
        for (size_t row = 0; row < rows; row += width) {
            const size_t place = first * column_step<T> + row;
            alignas(64) T tile[M * width];
            column_tile<T, M>(
                outputs, static_cast<const T*>(nullptr),
                [w, outputs](size_t i, size_t k)
                    NNFAST_INLINE_LAMBDA { return w[i * outputs + k]; },
                delta + row, whole ? below + place : tile, whole ? column_step<T> : width);
            if (!whole) slope_tile<T>(lower.activation, M, tile, known + place, below + place);
        }
    });
}

// The lane sums of I rows of dW by O columns
template <class T, size_t I, size_t O>
NNFAST_INLINE void gradient_tile(size_t rows, bool resume, const T* x, const T* delta, T* sums,
                                 size_t outputs) {
    const size_t stride = outputs * lane_sums<T>;
    for (size_t part = 0; part < lane_sums<T>; part += lanes<T>) {
        Tile<T, I, O> sum;
        NNFAST_UNROLL
        for (size_t i = 0; i < I; ++i) {
            const T* from = opaque(sums + i * stride + part);
            NNFAST_UNROLL
            for (size_t o = 0; o < O; ++o)
                sum[i][o] = resume ? load(from + o * lane_sums<T>) : Vec<T>{};
        }
        for (size_t row = part; row < rows; row += lane_sums<T>) {
            Vec<T> a[I];
            NNFAST_UNROLL
            for (size_t i = 0; i < I; ++i) a[i] = load(x + i * column_step<T> + row);
            NNFAST_UNROLL
            for (size_t o = 0; o < O; ++o) {
                const Vec<T> d = in_register(load(delta + o * column_step<T> + row));
                NNFAST_UNROLL
                for (size_t i = 0; i < I; ++i) sum[i][o] = fma(a[i], d, sum[i][o]);
            }
        }
        NNFAST_UNROLL
        for (size_t i = 0; i < I; ++i) {
            T* to = opaque(sums + i * stride + part);
            NNFAST_UNROLL
            for (size_t o = 0; o < O; ++o) store(to + o * lane_sums<T>, sum[i][o]);
        }
    }
}

template <class T>
__attribute__((noinline)) void column_gradient(const FlatLayer& layer, size_t rows, bool resume,
                                               const T* x, const T* delta, T* sums) {
    sums += layer.flat * lane_sums<T>;
    for_groups<gradient_inputs>(layer.inputs + layer.bias, [&](size_t input, auto i) {
        for_groups<gradient_outputs>(layer.outputs, [&](size_t output, auto o) {
            gradient_tile<T, decltype(i)::value, decltype(o)::value>(
                rows, resume, x + input * column_step<T>, delta + output * column_step<T>,
                sums + (input * layer.outputs + output) * lane_sums<T>, layer.outputs);
        });
    });
}

}  // namespace
}  // namespace nnfast::NNFAST_ISA
