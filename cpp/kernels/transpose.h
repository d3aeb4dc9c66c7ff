// W^T, for the product delta W^T.
#pragma once

#include "tile.h"

namespace nnfast::NNFAST_ISA {
namespace {

// The square of `rows` rows, row(i) being a pointer to the first of its numbers, becomes `columns`
// rows of wt.
template <class T, class Row>
NNFAST_INLINE void transpose_square(Row row, size_t rows, T* wt, size_t wt_stride, size_t columns) {
    constexpr size_t L = lanes<T>;
    Vec<T> a[L], b[L];
    NNFAST_UNROLL
    for (size_t i = 0; i < L; ++i) a[i] = i < rows ? load(row(i)) : Vec<T>{};
    // interleaving row i with row i + L/2, log2 L times, turns rows into columns
    NNFAST_UNROLL
    for (size_t step = 1; step < L; step *= 2) {
        NNFAST_UNROLL
        for (size_t i = 0; i < L / 2; ++i) {
            b[2 * i] = interleaved<T, 0>(a[i], a[i + L / 2]);
            b[2 * i + 1] = interleaved<T, 1>(a[i], a[i + L / 2]);
        }
        NNFAST_UNROLL
        for (size_t i = 0; i < L; ++i) a[i] = b[i];
    }
    NNFAST_UNROLL
    for (size_t i = 0; i < L; ++i)
        if (i < columns) store(wt + i * wt_stride, a[i]);
}

template <class T>
void transpose(size_t first, size_t rows, size_t outputs, const T* w, size_t w_rows, T* wt) {
    constexpr size_t L = lanes<T>;
    for_panels<T>(padded<T>(outputs), [&](size_t column, auto n) {
        constexpr size_t N = decltype(n)::value;
        for_panels<T>(padded<T>(rows), [&](size_t row, auto m) {
            constexpr size_t M = decltype(m)::value;
            for (size_t i = 0; i < M * L && row + i < rows; i += L)
                for (size_t j = 0; j < N * L && column + j < outputs; j += L) {
                    const T* square = w + panel_row<T, N>(column, w_rows, first + row + i) + j;
                    transpose_square<T>([=](size_t r) { return square + r * N * L; },
                                        rows - row - i,
                                        wt + panel_row<T, M>(row, outputs, column + j) + i, M * L,
                                        outputs - column - j);
                }
        });
    });
}

}  // namespace
}  // namespace nnfast::NNFAST_ISA
