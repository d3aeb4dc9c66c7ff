// W^T, for the product delta W^T.
#pragma once

#include "tile.h"

namespace nnfast::NNFAST_ISA {
namespace {

// The square of `rows` vectors row(i); write(i, v) for its `columns` columns v, `most` at the most
template <class T, size_t most = lanes<T>, class Row, class Write>
NNFAST_INLINE void transpose_square(Row row, size_t rows, size_t columns, Write write) {
    constexpr size_t L = lanes<T>;
    Vec<T> a[L], b[L];
    NNFAST_UNROLL
    for (size_t i = 0; i < L; ++i) a[i] = i < rows ? row(i) : Vec<T>{};
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
    for (size_t i = 0; i < most; ++i)
        if (i < columns) write(i, a[i]);
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
                    const T* from = w + panel_row<T, N>(column, w_rows, first + row + i) + j;
                    T* to = wt + panel_row<T, M>(row, outputs, column + j) + i;
                    transpose_square<T>([=](size_t r) { return load(from + r * N * L); },
                                        rows - row - i, outputs - column - j,
                                        [=](size_t c, Vec<T> v) { store(to + c * M * L, v); });
                }
        });
    });
}

}  // namespace
}  // namespace nnfast::NNFAST_ISA
