// The products of a dense layer, in tiles of R rows by N vectors whose sums stay in registers.
//
// Every output is one chain of fma over k in increasing order, so tile shape, instruction set and the
// thread that computes it do not show in the result.
#pragma once

#include "formulas.h"

namespace nnfast::NNFAST_ISA {
namespace {

// R * N sums, N vectors and one factor fit the registers: 32 with AVX-512 and NEON, else 16.
#if defined(__AVX512F__) || defined(__ARM_NEON)
constexpr size_t tile_rows = 8;
#else
constexpr size_t tile_rows = 6;
#endif
constexpr size_t tile_vectors = 2;

template <size_t n>
struct Constant {
    static constexpr size_t value = n;
};

// f(first, rows) for the tiles that `count` rows are cut into: as few as possible, then as even.
template <class F>
NNFAST_INLINE void for_tiles(size_t count, F f) {
    size_t first = 0;
    for (size_t tiles = (count + tile_rows - 1) / tile_rows; tiles > 0; --tiles) {
        const size_t rows = (count - first + tiles - 1) / tiles;
        f(first, rows);
        first += rows;
    }
}

// f(Constant<R>) with R = rows
template <size_t R = tile_rows, class F>
NNFAST_INLINE void with_rows(size_t rows, F f) {
    if constexpr (R > 1) {
        if (rows < R) return with_rows<R - 1>(rows, f);
    }
    f(Constant<R>{});
}

// f(first, Constant<N>) for the groups of vectors that `columns` columns are cut into
template <class T, size_t N = tile_vectors, class F>
NNFAST_INLINE void for_panels(size_t columns, F f) {
    size_t first = 0;
    for (; first + N * lanes<T> <= columns; first += N * lanes<T>) f(first, Constant<N>{});
    if constexpr (N > 1) {
        if (first < columns)
            for_panels<T, N - 1>(columns - first, [&](size_t rest, auto n) { f(first + rest, n); });
    }
}

template <class T, size_t R, size_t N>
using Tile = Vec<T>[R][N];

// From memory, from one row of it in every row of the tile (stride 0), or zero (null).
template <class T, size_t R, size_t N>
NNFAST_INLINE void load_tile(Tile<T, R, N>& tile, const T* p, size_t stride) {
    NNFAST_UNROLL
    for (size_t r = 0; r < R; ++r)
        NNFAST_UNROLL
        for (size_t n = 0; n < N; ++n)
            tile[r][n] = p ? load(p + r * stride + n * lanes<T>) : Vec<T>{};
}

template <class T, size_t R, size_t N>
NNFAST_INLINE void store_tile(const Tile<T, R, N>& tile, T* p, size_t stride) {
    NNFAST_UNROLL
    for (size_t r = 0; r < R; ++r)
        NNFAST_UNROLL
        for (size_t n = 0; n < N; ++n) store(p + r * stride + n * lanes<T>, tile[r][n]);
}

// z = start + x W
template <class T, size_t R, size_t N>
void product_tile(const Product<T>& p, size_t first, size_t column) {
    const T* x[R];
    NNFAST_UNROLL
    for (size_t r = 0; r < R; ++r) x[r] = p.x[first + r];
    Tile<T, R, N> sum;
    load_tile<T, R, N>(sum, p.start ? p.start + column : nullptr, 0);
    const T* w = p.w + column;
    for (size_t k = 0; k < p.inputs; ++k, w += p.w_stride) {
        Vec<T> v[N];
        NNFAST_UNROLL
        for (size_t n = 0; n < N; ++n) v[n] = load(w + n * lanes<T>);
        NNFAST_UNROLL
        for (size_t r = 0; r < R; ++r) {
            const Vec<T> factor = fill(x[r][k]);
            NNFAST_UNROLL
            for (size_t n = 0; n < N; ++n) sum[r][n] = fma(factor, v[n], sum[r][n]);
        }
    }
    store_tile<T, R, N>(sum, p.z + first * p.z_stride + column, p.z_stride);
}

template <class T>
void product(const Product<T>& p) {
    for_panels<T>(p.columns, [&](size_t column, auto n) {
        constexpr size_t N = decltype(n)::value;
        for_tiles(p.rows, [&](size_t first, size_t rows) {
            with_rows(rows, [&](auto r) {
                product_tile<T, decltype(r)::value, N>(p, first, column);
            });
        });
    });
}

// dW = x^T delta for R inputs from `first` and N vectors of columns: into the gradient, into the
// parameters (gradient descent), or into `scratch` for the other optimizers
template <class T, size_t R, size_t N>
void weight_gradient_tile(const WeightGradient<T>& g, size_t first, size_t column, T* scratch) {
    const size_t offset = first * g.w_stride + column;
    Tile<T, R, N> sum;
    load_tile<T, R, N>(sum, g.resume ? g.gradient + offset : nullptr, g.w_stride);
    const T* delta = g.delta + column;
    for (size_t k = 0; k < g.rows; ++k, delta += g.delta_stride) {
        const T* x = g.x[k] + first;
        Vec<T> v[N];
        NNFAST_UNROLL
        for (size_t n = 0; n < N; ++n) v[n] = load(delta + n * lanes<T>);
        NNFAST_UNROLL
        for (size_t r = 0; r < R; ++r) {
            const Vec<T> factor = fill(x[r]);
            NNFAST_UNROLL
            for (size_t n = 0; n < N; ++n) sum[r][n] = fma(factor, v[n], sum[r][n]);
        }
    }
    if (!g.update) {
        store_tile<T, R, N>(sum, g.gradient + offset, g.w_stride);
    } else if (g.update->optimizer == Optimizers::position<GradientDescent>) {
        Tile<T, R, N> p;
        Vec<T> none{};
        load_tile<T, R, N>(p, g.p + offset, g.w_stride);
        NNFAST_UNROLL
        for (size_t r = 0; r < R; ++r)
            NNFAST_UNROLL
            for (size_t n = 0; n < N; ++n)
                GradientDescent::update<T>(g.update->factors, sum[r][n], p[r][n], none, none);
        store_tile<T, R, N>(p, g.p + offset, g.w_stride);
    } else {
        store_tile<T, R, N>(sum, scratch, N * lanes<T>);
    }
}

// One step of an optimizer that keeps state, over a block whose gradient has just been computed
template <class Optimizer, class T>
NNFAST_INLINE void update_block(const WeightGradient<T>& g, size_t offset, size_t rows, size_t columns,
                                const T* gradient) {
    for (size_t r = 0; r < rows; ++r)
        for (size_t c = 0; c < columns; c += lanes<T>) {
            const size_t i = offset + r * g.w_stride + c;
            Vec<T> state[most_slots] = {};
            Vec<T> p = load(g.p + i);
            for (size_t s = 0; s < Optimizer::slots; ++s) state[s] = load(g.state[s] + i);
            Optimizer::template update<T>(g.update->factors, load(gradient + r * columns + c), p,
                                          state[0], state[1]);
            store(g.p + i, p);
            for (size_t s = 0; s < Optimizer::slots; ++s) store(g.state[s] + i, state[s]);
        }
}

template <class T>
void update_block(const WeightGradient<T>& g, size_t offset, size_t rows, size_t columns,
                  const T* gradient) {
    Optimizers::visit(g.update->optimizer, [&](auto optimizer) {
        update_block<decltype(optimizer)>(g, offset, rows, columns, gradient);
    });
}

// The bias row: the sum of delta over the rows
template <class T, size_t N>
void bias_gradient_tile(const WeightGradient<T>& g, size_t column) {
    const size_t offset = g.inputs * g.w_stride + column;
    Tile<T, 1, N> sum;
    load_tile<T, 1, N>(sum, g.resume ? g.gradient + offset : nullptr, 0);
    for (size_t k = 0; k < g.rows; ++k)
        NNFAST_UNROLL
        for (size_t n = 0; n < N; ++n)
            sum[0][n] = sum[0][n] + load(g.delta + k * g.delta_stride + column + n * lanes<T>);
    if (!g.update) return store_tile<T, 1, N>(sum, g.gradient + offset, 0);
    T scratch[N * lanes<T>];
    store_tile<T, 1, N>(sum, scratch, 0);
    update_block(g, offset, 1, N * lanes<T>, scratch);
}

template <class T>
void weight_gradient(const WeightGradient<T>& g) {
    const bool keeps_state =
        g.update && g.update->optimizer != Optimizers::position<GradientDescent>;
    const size_t last = g.last < g.inputs ? g.last : g.inputs;
    T scratch[tile_rows * tile_vectors * lanes<T>];
    for_panels<T>(g.columns, [&](size_t column, auto n) {
        constexpr size_t N = decltype(n)::value;
        for_tiles(last - g.first, [&](size_t first, size_t rows) {
            with_rows(rows, [&](auto r) {
                weight_gradient_tile<T, decltype(r)::value, N>(g, g.first + first, column, scratch);
            });
            if (keeps_state)
                update_block(g, (g.first + first) * g.w_stride + column, rows, N * lanes<T>,
                             scratch);
        });
        if (g.last > g.inputs) bias_gradient_tile<T, N>(g, column);
    });
}

// destination (columns, rows) = source^T, a square of vectors at a time; rows past the end count as 0
template <class T>
void transpose(size_t rows, size_t columns, const T* source, size_t source_stride, T* destination,
               size_t destination_stride) {
    constexpr size_t L = lanes<T>;
    for (size_t row = 0; row < rows; row += L)
        for (size_t column = 0; column < columns; column += L) {
            Vec<T> a[L], b[L];
            NNFAST_UNROLL
            for (size_t i = 0; i < L; ++i)
                a[i] = row + i < rows ? load(source + (row + i) * source_stride + column) : Vec<T>{};
            // interleaving row i with row i + L/2, log2 L times, turns rows into columns
            NNFAST_UNROLL
            for (size_t step = 1; step < L; step *= 2) {
                NNFAST_UNROLL
                for (size_t i = 0; i < L / 2; ++i)
                    interleave<T>(a[i], a[i + L / 2], b[2 * i], b[2 * i + 1]);
                NNFAST_UNROLL
                for (size_t i = 0; i < L; ++i) a[i] = b[i];
            }
            NNFAST_UNROLL
            for (size_t i = 0; i < L; ++i)
                if (column + i < columns)
                    store(destination + (column + i) * destination_stride + row, a[i]);
        }
}

}  // namespace
}  // namespace nnfast::NNFAST_ISA
