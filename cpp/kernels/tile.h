// Tiles of R rows by N vectors whose sums stay in registers, of which the products of a dense layer
// are made.
//
// Every output is one chain of fma over k in increasing order, so tile shape, instruction set and
// the thread that computes it do not show in the result.
#pragma once

#include "vector.h"

namespace nnfast::NNFAST_ISA {
namespace {

// The most rows of a tile with N vectors: R * N sums, N vectors and one factor fit the registers.
#if defined(__AVX512F__) || defined(__ARM_NEON)
constexpr size_t registers = 32, tile_vectors = 3;
template <size_t N>
constexpr size_t tile_rows = N == 3 ? 8 : 12;
#else
constexpr size_t registers = 16, tile_vectors = 2;
template <size_t N>
constexpr size_t tile_rows = N == 2 ? 6 : 12;
#endif
constexpr size_t largest_tile = 24;  // vectors

template <class T>
constexpr size_t padded(size_t columns) {
    return (columns + lanes<T> - 1) / lanes<T> * lanes<T>;
}

template <size_t n>
struct Constant {
    static constexpr size_t value = n;
};

// f(first, Constant<R>) for the tiles that `count` rows are cut into: as few as possible, as even
// as possible
template <size_t R, class F>
NNFAST_INLINE void with_rows(size_t rows, F f) {
    if constexpr (R > 1) {
        if (rows < R) return with_rows<R - 1>(rows, f);
    }
    f(Constant<R>{});
}

template <size_t N, class F>
NNFAST_INLINE void for_tiles(size_t count, F f) {
    size_t first = 0;
    for (size_t tiles = (count + tile_rows<N> - 1) / tile_rows<N>; tiles > 0; --tiles) {
        const size_t rows = (count - first + tiles - 1) / tiles;
        with_rows<tile_rows<N>>(rows, [&](auto r) { f(first, r); });
        first += rows;
    }
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
    for (size_t r = 0; r < R; ++r) NNFAST_UNROLL
    for (size_t n = 0; n < N; ++n) tile[r][n] = p ? load(p + r * stride + n * lanes<T>) : Vec<T>{};
}

template <class T, size_t R, size_t N>
NNFAST_INLINE void store_tile(const Tile<T, R, N>& tile, T* p, size_t stride) {
    NNFAST_UNROLL
    for (size_t r = 0; r < R; ++r) NNFAST_UNROLL
    for (size_t n = 0; n < N; ++n) store(p + r * stride + n * lanes<T>, tile[r][n]);
}

// Where row i of the panel that begins at this column lies in a matrix of w_rows rows
template <class T, size_t N>
NNFAST_INLINE size_t panel_row(size_t column, size_t w_rows, size_t i) {
    return column * w_rows + i * N * lanes<T>;
}

// Memory that is read after a tile, fetched a little in each of its steps: weights come from far
// away, and a tile would end before the hardware had noticed.
struct Ahead {
    const char* start;
    size_t step;  // bytes
};

// f(k) for from <= k < to; f is inlined, or its sums would leave their registers
template <class F>
NNFAST_INLINE void in_steps(size_t from, size_t to, Ahead ahead, F f) {
    size_t k = from;
    for (; k + 4 <= to; k += 4) {
        __builtin_prefetch(ahead.start, 0, 2);
        ahead.start += 4 * ahead.step;
        f(k);
        f(k + 1);
        f(k + 2);
        f(k + 3);
    }
    for (; k < to; ++k) f(k);
}

}  // namespace
}  // namespace nnfast::NNFAST_ISA
