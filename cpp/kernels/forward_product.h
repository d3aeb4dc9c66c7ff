// z = b + x W, in tiles, with or without the inputs that are zero.
#pragma once

#include "../kernels.h"
#include "tile.h"
#include "transpose.h"

namespace nnfast::NNFAST_ISA {
namespace {

// Of `count` numbers, those that are not zero: their places into list, how many as the result
template <class T>
size_t list_active(size_t count, const T* numbers, uint32_t* list) {
    size_t active = 0, i = 0;
    for (; i + lanes<T> <= count; i += lanes<T>)
        active = list_nonzero<T>(load(numbers + i), static_cast<uint32_t>(i), list, active);
    for (; i < count; ++i) {
        list[active] = static_cast<uint32_t>(i);
        active += numbers[i] != 0;
    }
    return active;
}

// any = any | the rows of a group
template <class T>
void find_any(const T* const* x, size_t rows, size_t inputs, T* any) {
    constexpr size_t few = 4;  // that are read side by side; one more than once where less are left
    for (size_t first = 0; first < rows; first += few) {
        const T* row[few];
        for (size_t r = 0; r < few; ++r) row[r] = x[first + r < rows ? first + r : rows - 1];
        size_t i = 0;
        for (; i + lanes<T> <= inputs; i += lanes<T>) {
            const Vec<T> left = either<T>(load(row[0] + i), load(row[1] + i));
            const Vec<T> right = either<T>(load(row[2] + i), load(row[3] + i));
            store(any + i, either<T>(load(any + i), either<T>(left, right)));
        }
        for (; i < inputs; ++i)
            for (size_t r = 0; r < few; ++r)
                if (row[r][i] != 0) any[i] = 1;
    }
}

// any_of_all, then any of the present group
template <class T>
void find_active(size_t rows, size_t inputs, const T* const* x, T* any, uint32_t* lists,
                 size_t* counts) {
    const size_t room = padded<T>(inputs);
    T* group = any + room;
    for (size_t i = 0; i < room; i += lanes<T>) store(any + i, Vec<T>{});
    for (size_t first = 0, g = 1; first < rows; first += group_rows, ++g) {
        for (size_t i = 0; i < room; i += lanes<T>) store(group + i, Vec<T>{});
        find_any(x + first, rows - first < group_rows ? rows - first : group_rows, inputs, group);
        for (size_t i = 0; i < room; i += lanes<T>)
            store(any + i, either<T>(load(any + i), load(group + i)));
        counts[g] = list_active(inputs, group, lists + g * inputs);
    }
    counts[0] = list_active(inputs, any, lists);
}

// Terms [from, to) of z = start + x W in one tile; w: row 0 of the panel; list: of inputs, or null
// where not sparse
template <class T, size_t R, size_t N, bool sparse>
__attribute__((noinline)) void product_tile(const Product<T>& p, size_t first, size_t column,
                                            const T* w, size_t from, size_t to,
                                            const uint32_t* list, Ahead ahead) {
    const T* x[R];
    NNFAST_UNROLL
    for (size_t r = 0; r < R; ++r) x[r] = p.x[first + r];
    T* z = p.z + first * p.z_stride + column;
    Tile<T, R, N> sum;
    if (from > 0)
        load_tile<T, R, N>(sum, z, p.z_stride);
    else
        load_tile<T, R, N>(sum, p.biased ? w + p.inputs * N * lanes<T> : nullptr, 0);
    in_steps(from, to, ahead, [&](size_t k) NNFAST_INLINE_LAMBDA {
        const size_t i = sparse ? list[k] : k;
        Vec<T> v[N];
        NNFAST_UNROLL
        for (size_t n = 0; n < N; ++n) v[n] = load(w + i * N * lanes<T> + n * lanes<T>);
        NNFAST_UNROLL
        for (size_t r = 0; r < R; ++r) {
            const Vec<T> factor = fill(x[r][i]);
            NNFAST_UNROLL
            for (size_t n = 0; n < N; ++n) sum[r][n] = fma(factor, v[n], sum[r][n]);
        }
    });
    store_tile<T, R, N>(sum, opaque(z), p.z_stride);
}

// Rows of W that are taken at a time: of a panel of these, and of x, as much as stays in the
// second-level cache while all tiles pass over it
constexpr size_t block_rows = 576;

template <class T>
void dense_product(const Product<T>& p) {
    size_t from = 0;
    do {
        const size_t to = p.inputs - from < 3 * block_rows / 2 ? p.inputs : from + block_rows;
        for_panels<T>(p.columns, [&](size_t column, auto n) {
            constexpr size_t N = decltype(n)::value;
            constexpr size_t row = N * vector_bytes;
            const T* w = p.w + panel_row<T, N>(column, p.w_rows, 0);
            // each tile fetches its share of these rows of the next panel
            const auto* next = reinterpret_cast<const char*>(w) + p.w_rows * row + from * row;
            const double share = double(row) / double(p.rows);  // of a row of W, for a row of x
            for_tiles<N>(p.rows, [&](size_t first, auto r) {
                constexpr size_t R = decltype(r)::value;
                const Ahead ahead{next + size_t(double((to - from) * first) * share),
                                  size_t(R * share)};
                product_tile<T, R, N, false>(p, first, column, w, from, to, nullptr, ahead);
            });
        });
        from = to;
    } while (from < p.inputs);
}

template <class T>
void sparse_product(const Product<T>& p) {
    for_panels<T>(p.columns, [&](size_t column, auto n) {
        constexpr size_t N = decltype(n)::value;
        const T* w = p.w + panel_row<T, N>(column, p.w_rows, 0);
        const size_t bytes = p.w_rows * N * vector_bytes;  // of the next panel
        const auto* next = reinterpret_cast<const char*>(w) + bytes;
        for (size_t group = 0; group * group_rows < p.rows; ++group) {
            const size_t start = group * group_rows, left = p.rows - start;
            const size_t count = p.active.counts[1 + group];
            for_tiles<N>(left < group_rows ? left : group_rows, [&](size_t first, auto r) {
                constexpr size_t R = decltype(r)::value;
                first += start;
                const Ahead ahead{next + bytes * first / p.rows,
                                  bytes * R / (p.rows * (count + !count))};
                product_tile<T, R, N, true>(p, first, column, w, 0, count, p.active.list(1 + group),
                                            ahead);
            });
        }
    });
}

// One column of z: a lane is a row, for in a tile the other lanes of the column's vector would
// idle.
template <class T>
void column_product(const Product<T>& p) {
    constexpr size_t L = lanes<T>;
    for (size_t first = 0; first < p.rows; first += L) {
        const size_t rows = p.rows - first < L ? p.rows - first : L;
        Vec<T> sum = p.biased ? fill(p.w[p.inputs * L]) : Vec<T>{};
        for (size_t from = 0; from < p.inputs; from += L) {
            const size_t inputs = p.inputs - from < L ? p.inputs - from : L;
            T x[L * L];  // transposed
            transpose_square<T>([&](size_t r) { return load(p.x[first + r] + from); }, rows, inputs,
                                [&](size_t i, Vec<T> v) { store(x + i * L, v); });
            for (size_t i = 0; i < inputs; ++i)
                sum = fma(load(x + i * L), fill(p.w[(from + i) * L]), sum);
        }
        for (size_t r = 0; r < rows; ++r) p.z[(first + r) * p.z_stride] = sum[r];
    }
}

template <class T>
void product(const Product<T>& p) {
    if (p.columns == 1) return column_product(p);
    p.active.lists ? sparse_product(p) : dense_product(p);
}

}  // namespace
}  // namespace nnfast::NNFAST_ISA
