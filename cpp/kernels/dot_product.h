// delta W^T for a few rows, without a transposed copy of W.
#pragma once

#include "../kernels.h"
#include "tile.h"

namespace nnfast::NNFAST_ISA {
namespace {

// z (rows, inputs) = delta W^T for I inputs from `first` and R rows: dot
// products along the outputs, their sums held in 64 bytes as in Sum
template <class T, size_t R, size_t I>
NNFAST_INLINE void dot_tile(const Product<T>& p, size_t row, size_t first,
                            T (*sums)[64 / sizeof(T)]) {
    constexpr size_t parts = 64 / vector_bytes;
    Vec<T> sum[R][I][parts] = {};
    for_panels<T>(padded<T>(p.inputs), [&](size_t column, auto n) {
        constexpr size_t N = decltype(n)::value;
        const T* w = p.w + panel_row<T, N>(column, p.w_rows, first);
        for (size_t j = 0; j < N; ++j) {
            const size_t part = (column / lanes<T> + j) % parts;
            NNFAST_UNROLL
            for (size_t r = 0; r < R; ++r) {
                const Vec<T> d = load(p.x[row + r] + column + j * lanes<T>);
                NNFAST_UNROLL
                for (size_t i = 0; i < I; ++i)
                    sum[r][i][part] = fma(load(w + (i * N + j) * lanes<T>), d, sum[r][i][part]);
            }
        }
    });
    NNFAST_UNROLL
    for (size_t r = 0; r < R; ++r) NNFAST_UNROLL
    for (size_t i = 0; i < I; ++i) NNFAST_UNROLL
    for (size_t part = 0; part < parts; ++part)
        store(sums[r * lanes<T> + i] + part * lanes<T>, sum[r][i][part]);
}

// p.inputs: the layer's outputs, which are summed over; p.columns: its inputs from number `offset`
template <class T>
void dot_product(const Product<T>& p, size_t offset, size_t count) {
    constexpr size_t I = lanes<T> < 4 ? lanes<T> : 4, R = 2, parts = 64 / vector_bytes;
    T sums[R * lanes<T>][64 / sizeof(T)];
    for (size_t row = 0; row < p.rows; row += R)
        for (size_t first = 0; first < p.columns; first += lanes<T>) {
            const bool two = row + 1 < p.rows;
            const size_t left = first < count ? count - first : 0;
            for (size_t i = 0; i < lanes<T>; ++i) {
                const size_t own = offset + first + i;
                if (i + I <= left && i % I == 0) {
                    two ? dot_tile<T, 2, I>(p, row, own, sums + i)
                        : dot_tile<T, 1, I>(p, row, own, sums + i);
                    i += I - 1;
                } else if (i < left) {
                    two ? dot_tile<T, 2, 1>(p, row, own, sums + i)
                        : dot_tile<T, 1, 1>(p, row, own, sums + i);
                } else {
                    for (size_t r = 0; r < R; ++r)
                        for (size_t k = 0; k < 64 / sizeof(T); ++k) sums[r * lanes<T> + i][k] = 0;
                }
            }
            for (size_t r = 0; r < (two ? R : 1); ++r)
                store(p.z + (row + r) * p.z_stride + first,
                      sums_of_groups<T, parts>(sums[r * lanes<T>]));
        }
}

}  // namespace
}  // namespace nnfast::NNFAST_ISA
