// The products of a dense layer, in tiles of R rows by N vectors whose sums stay in registers.
//
// Every output is one chain of fma over k in increasing order, so tile shape, instruction set and
// the thread that computes it do not show in the result.
#pragma once

#include "formulas.h"

namespace nnfast::NNFAST_ISA {
namespace {

// The most rows of a tile with N vectors: R * N sums, N vectors and one factor fit the registers,
// of which there are 32 with AVX-512 and NEON, else 16.
#if defined(__AVX512F__) || defined(__ARM_NEON)
constexpr size_t tile_vectors = 3;
template <size_t N>
constexpr size_t tile_rows = N == 3 ? 8 : 12;
#else
constexpr size_t tile_vectors = 2;
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

// Row after row, as they lie in memory, for most of the time goes into fetching them.
template <class T>
size_t find_active(size_t rows, size_t inputs, const T* const* x, T* any, uint32_t* list) {
    for (size_t i = 0; i < inputs; i += lanes<T>) store(any + i, Vec<T>{});
    for (size_t r = 0; r < rows; ++r)
        for (size_t i = 0; i < inputs; i += lanes<T>) {
            const auto bits = (IntVec<T>)load_first(x[r] + i, inputs - i);
            store(any + i, (Vec<T>)((IntVec<T>)load(any + i) | bits));
        }
    size_t count = 0;
    for (size_t i = 0; i < inputs; ++i) {
        list[count] = static_cast<uint32_t>(i);
        count += any[i] != 0;
    }
    return count;
}

// Memory that is read after a tile, fetched a little in each of its steps: weights come from far
// away, and a tile would end before the hardware had noticed.
struct Ahead {
    const char* start;
    size_t step;  // bytes
};

// f(k) for from <= k < to
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

// Terms [from, to) of z = start + x W in one tile; w: row 0 of the panel
template <class T, size_t R, size_t N, bool sparse>
__attribute__((noinline)) void product_tile(const Product<T>& p, size_t first, size_t column,
                                            const T* w, size_t from, size_t to, Ahead ahead) {
    const T* x[R];
    NNFAST_UNROLL
    for (size_t r = 0; r < R; ++r) x[r] = p.x[first + r];
    T* z = p.z + first * p.z_stride + column;
    Tile<T, R, N> sum;
    if (from > 0)
        load_tile<T, R, N>(sum, z, p.z_stride);
    else
        load_tile<T, R, N>(sum, p.biased ? w + p.inputs * N * lanes<T> : nullptr, 0);
    in_steps(from, to, ahead, [&](size_t k) {
        const size_t i = sparse ? p.active.list[k] : k;
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
    store_tile<T, R, N>(sum, z, p.z_stride);
}

// Rows of W that are taken at a time: of a panel of these, and of x, as much as stays in the
// second-level cache while all tiles pass over it
constexpr size_t block_rows = 576;

template <class T, bool sparse>
void product_of(const Product<T>& p) {
    const size_t count = sparse ? p.active.count : p.inputs;
    size_t from = 0;
    do {
        const size_t to = count - from < 3 * block_rows / 2 ? count : from + block_rows;
        for_panels<T>(p.columns, [&](size_t column, auto n) {
            constexpr size_t N = decltype(n)::value;
            const T* w = p.w + panel_row<T, N>(column, p.w_rows, 0);
            // each tile fetches its share of these rows of the next panel, all inputs counted
            const size_t row = p.inputs * N * vector_bytes / (count + !count);
            const auto* next = reinterpret_cast<const char*>(w + p.w_rows * N * lanes<T>);
            for_tiles<N>(p.rows, [&](size_t first, auto r) {
                constexpr size_t R = decltype(r)::value;
                const size_t before = from * p.rows + (to - from) * first;
                const Ahead ahead{next + before * row / p.rows, R * row / p.rows};
                product_tile<T, R, N, sparse>(p, first, column, w, from, to, ahead);
            });
        });
        from = to;
    } while (from < count);
}

template <class T>
void product(const Product<T>& p) {
    p.active.list ? product_of<T, true>(p) : product_of<T, false>(p);
}

// Where the R factors of row k are found: in the row itself, side by side or (listed) anywhere; or
// packed, a tile after the other and in it row after row, where many panels will read them.
enum class Source { direct, listed, packed };

// Where the tile from input `first` is packed. The two rows more keep tiles from falling into the
// same few sets of the cache.
template <class T>
NNFAST_INLINE T* packed_tile(const WeightGradient<T>& g, size_t first) {
    return g.packed + first * (g.rows + 2);
}

// A few rows of x at a time, for each comes from another page of memory.
template <class T>
void pack(const WeightGradient<T>& g) {
    constexpr size_t few = 16;
    for (size_t from = 0; from < g.rows; from += few) {
        const size_t to = g.rows - from < few ? g.rows : from + few;
        for_tiles<tile_vectors>(g.active.list ? g.active.count : g.inputs, [&](size_t first, auto r) {
            constexpr size_t R = decltype(r)::value;
            T* packed = packed_tile(g, first) + from * R;
            for (size_t k = from; k < to; ++k, packed += R) {
                const T* x = g.x[k];
                if (!g.active.list) {
                    __builtin_memcpy(packed, x + first, R * sizeof(T));
                    continue;
                }
                NNFAST_UNROLL
                for (size_t i = 0; i < R; ++i) packed[i] = x[g.active.list[first + i]];
            }
        });
    }
}

// dW = x^T delta for R inputs from number `first` and N vectors of columns: into the gradient, into
// the parameters (gradient descent), or into `scratch` for the other optimizers
template <class T, size_t R, size_t N, Source source>
__attribute__((noinline)) void weight_gradient_tile(const WeightGradient<T>& g, size_t first,
                                                    size_t column, T* scratch) {
    constexpr size_t stride = N * lanes<T>;
    const size_t panel = panel_row<T, N>(column, g.inputs + 1, 0);
    size_t row[R];
    NNFAST_UNROLL
    for (size_t r = 0; r < R; ++r) row[r] = g.active.list ? g.active.list[first + r] : first + r;
    Tile<T, R, N> sum;
    load_tile<T, R, N>(sum, g.resume ? g.gradient + panel + first * stride : nullptr, stride);
    const T* delta = g.delta + column;
    const T* packed = packed_tile(g, first);
    // the parameters or sums of the next tile
    const T* next = (g.update ? g.p : g.gradient) + panel + (row[R - 1] + 1) * stride;
    const Ahead ahead{reinterpret_cast<const char*>(next), R * N * vector_bytes / g.rows};
    in_steps(0, g.rows, ahead, [&](size_t k) {
        const T* x = source == Source::packed ? packed + k * R : g.x[k];
        Vec<T> v[N];
        NNFAST_UNROLL
        for (size_t n = 0; n < N; ++n) v[n] = load(delta + n * lanes<T>);
        NNFAST_UNROLL
        for (size_t r = 0; r < R; ++r) {
            const size_t place = source == Source::listed   ? row[r]
                                 : source == Source::direct ? first + r
                                                            : r;
            const Vec<T> factor = fill(x[place]);
            NNFAST_UNROLL
            for (size_t n = 0; n < N; ++n) sum[r][n] = fma(factor, v[n], sum[r][n]);
        }
        delta += g.delta_stride;
    });
    if (!g.update) {
        store_tile<T, R, N>(sum, g.gradient + panel + first * stride, stride);
    } else if (g.update->optimizer == Optimizers::position<GradientDescent>) {
        Vec<T> none{};
        NNFAST_UNROLL
        for (size_t r = 0; r < R; ++r) {
            T* p = g.p + panel + row[r] * stride;
            NNFAST_UNROLL
            for (size_t n = 0; n < N; ++n) {
                Vec<T> w = load(p + n * lanes<T>);
                GradientDescent::update<T>(g.update->factors, sum[r][n], w, none, none);
                store(p + n * lanes<T>, w);
            }
        }
    } else {
        store_tile<T, R, N>(sum, scratch, stride);
    }
}

// One step of the optimizer over `count` consecutive parameters whose gradient has just been
// computed
template <class T>
void update_block(const WeightGradient<T>& g, size_t offset, size_t count, const T* gradient) {
    Optimizers::visit(g.update->optimizer, [&](auto optimizer) {
        using Optimizer = decltype(optimizer);
        for (size_t i = 0; i < count; i += lanes<T>) {
            Vec<T> state[most_slots] = {};
            Vec<T> p = load(g.p + offset + i);
            for (size_t s = 0; s < Optimizer::slots; ++s) state[s] = load(g.state[s] + offset + i);
            Optimizer::template update<T>(g.update->factors, load(gradient + i), p, state[0],
                                          state[1]);
            store(g.p + offset + i, p);
            for (size_t s = 0; s < Optimizer::slots; ++s) store(g.state[s] + offset + i, state[s]);
        }
    });
}

// The bias's row: the sum of delta over the rows
template <class T, size_t N>
void bias_gradient_tile(const WeightGradient<T>& g, size_t column) {
    const size_t offset = panel_row<T, N>(column, g.inputs + 1, g.inputs);
    Tile<T, 1, N> sum;
    load_tile<T, 1, N>(sum, g.resume ? g.gradient + offset : nullptr, 0);
    for (size_t k = 0; k < g.rows; ++k) NNFAST_UNROLL
    for (size_t n = 0; n < N; ++n)
        sum[0][n] = sum[0][n] + load(g.delta + k * g.delta_stride + column + n * lanes<T>);
    if (!g.update) return store_tile<T, 1, N>(sum, g.gradient + offset, 0);
    T scratch[N * lanes<T>];
    store_tile<T, 1, N>(sum, scratch, 0);
    update_block(g, offset, N * lanes<T>, scratch);
}

template <class T, Source source>
void weight_gradient_of(const WeightGradient<T>& g) {
    const bool keeps_state =
        g.update && g.update->optimizer != Optimizers::position<GradientDescent>;
    const size_t inputs = g.active.list ? g.active.count : g.inputs;
    T scratch[largest_tile * lanes<T>];
    for_panels<T>(g.columns, [&](size_t column, auto n) {
        constexpr size_t N = decltype(n)::value;
        WeightGradient<T> h = g;
        if constexpr (source == Source::packed) {
            T* copy = packed_tile(g, (g.inputs + 15) / 16 * 16);
            for (size_t k = 0; k < g.rows; ++k) NNFAST_UNROLL
            for (size_t j = 0; j < N * lanes<T>; j += lanes<T>)
                store(copy + k * N * lanes<T> + j, load(g.delta + k * g.delta_stride + column + j));
            h.delta = copy - column;
            h.delta_stride = N * lanes<T>;
        }
        // the tiles were packed as those of whole panels
        const auto tile = [&](size_t first, auto r) {
            constexpr size_t R = decltype(r)::value;
            weight_gradient_tile<T, R, N, source>(h, first, column, scratch);
            if (keeps_state)
                update_block(g, panel_row<T, N>(column, g.inputs + 1, first), R * N * lanes<T>,
                             scratch);
        };
        for_tiles<source == Source::packed ? tile_vectors : N>(inputs, tile);
        if (g.biased) bias_gradient_tile<T, N>(g, column);
    });
}

template <class T>
void weight_gradient(const WeightGradient<T>& g) {
    if (g.packed && g.rows >= 16 && g.columns > 2 * tile_vectors * lanes<T>) {
        pack(g);
        return weight_gradient_of<T, Source::packed>(g);
    }
    g.active.list ? weight_gradient_of<T, Source::listed>(g)
                  : weight_gradient_of<T, Source::direct>(g);
}

// The square of rows i.. and columns j.. of W goes to rows j.. and columns i.. of W^T.
template <class T>
NNFAST_INLINE void transpose_square(const T* w, size_t w_stride, size_t rows, T* wt,
                                    size_t wt_stride, size_t columns) {
    constexpr size_t L = lanes<T>;
    Vec<T> a[L], b[L];
    NNFAST_UNROLL
    for (size_t i = 0; i < L; ++i) a[i] = i < rows ? load(w + i * w_stride) : Vec<T>{};
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
                for (size_t j = 0; j < N * L && column + j < outputs; j += L)
                    transpose_square<T>(w + panel_row<T, N>(column, w_rows, first + row + i) + j,
                                        N * L, rows - row - i,
                                        wt + panel_row<T, M>(row, outputs, column + j) + i, M * L,
                                        outputs - column - j);
        });
    });
}

}  // namespace
}  // namespace nnfast::NNFAST_ISA
