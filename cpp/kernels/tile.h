// The products of a dense layer, in tiles of R rows by N vectors whose sums stay in registers.
//
// Every output is one chain of fma over k in increasing order, so tile shape, instruction set and
// the thread that computes it do not show in the result.
#pragma once

#include "activations.h"
#include "optimizers.h"

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

// Writes the inputs with any(i) != 0 into list; how many there are
template <class T>
size_t list_active(size_t inputs, const T* any, uint32_t* list) {
    size_t count = 0;
    for (size_t i = 0; i < inputs; ++i) {
        list[count] = static_cast<uint32_t>(i);
        count += any[i] != 0;
    }
    return count;
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
        // row after row, as they lie in memory, for most of the time goes into fetching them
        for (size_t r = first; r < rows && r < first + group_rows; ++r)
            for (size_t i = 0; i < inputs; i += lanes<T>)
                store(group + i, either<T>(load(group + i), load_first(x[r] + i, inputs - i)));
        for (size_t i = 0; i < room; i += lanes<T>)
            store(any + i, either<T>(load(any + i), load(group + i)));
        counts[g] = list_active(inputs, group, lists + g * inputs);
    }
    counts[0] = list_active(inputs, any, lists);
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
    in_steps(from, to, ahead, [&](size_t k) {
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
    store_tile<T, R, N>(sum, z, p.z_stride);
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
            for_tiles<N>(p.rows, [&](size_t first, auto r) {
                constexpr size_t R = decltype(r)::value;
                const Ahead ahead{next + (to - from) * row * first / p.rows, R * row / p.rows};
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

template <class T>
void product(const Product<T>& p) {
    p.active.lists ? sparse_product(p) : dense_product(p);
}

// Where the R factors of row k are found: in the row itself, side by side or (listed) anywhere; or
// packed, a tile after the other and in it row after row, where many panels will read them; or
// packed without the rows in which all R of them are zero (sparse).
enum class Source { direct, listed, packed, sparse };

// The tile from input `first`, packed. The two rows more keep tiles from falling into the same few
// sets of the cache.
template <class T>
NNFAST_INLINE T* packed_tile(const WeightGradient<T>& g, size_t first) {
    return g.packed.x + first * (g.rows + 2);
}

// How many of its rows count, and which. No tile but the last is lower than half the highest.
template <class T>
NNFAST_INLINE uint32_t* packed_rows(const WeightGradient<T>& g, size_t first) {
    return g.packed.rows + first / (tile_rows<tile_vectors> / 2) * (g.rows + 1);
}

template <class T, size_t R, Source source>
NNFAST_INLINE void pack_tile(const WeightGradient<T>& g, size_t first, size_t from, size_t to) {
    T* packed = packed_tile(g, first);
    if constexpr (source == Source::packed) {
        for (size_t k = from; k < to; ++k)
            __builtin_memcpy(packed + k * R, g.x[k] + first, R * sizeof(T));
    } else {
        using Bits = typename Types<T>::Int;
        const uint32_t* list = g.active.list(0) + first;
        uint32_t* rows = packed_rows(g, first);
        uint32_t count = from > 0 ? rows[0] : 0;
        const auto copy = [&](auto place) {
            for (size_t k = from; k < to; ++k) {
                Bits any = 0;
                NNFAST_UNROLL
                for (size_t i = 0; i < R; ++i) {
                    Bits x;
                    __builtin_memcpy(&x, g.x[k] + place(i), sizeof(T));
                    __builtin_memcpy(packed + count * R + i, &x, sizeof(T));
                    any |= x;
                }
                rows[1 + count] = static_cast<uint32_t>(k);
                count += any != 0;
            }
        };
        if (list[R - 1] - list[0] == R - 1)  // neighbours
            copy([start = list[0]](size_t i) { return start + i; });
        else
            copy([list](size_t i) { return list[i]; });
        rows[0] = count;
    }
}

// A few rows of x at a time, for each comes from another page of memory
template <class T, Source source>
void pack(const WeightGradient<T>& g) {
    constexpr size_t few = 16;
    for (size_t from = 0; from < g.rows; from += few) {
        const size_t to = g.rows - from < few ? g.rows : from + few;
        for_tiles<tile_vectors>(source == Source::sparse ? g.active.counts[0] : g.inputs,
                                [&](size_t first, auto r) {
                                    pack_tile<T, decltype(r)::value, source>(g, first, from, to);
                                });
    }
}

// dW = x^T delta for R inputs from number `first` and N vectors of columns: into the gradient, into
// the parameters (gradient descent), or into `scratch` for the other optimizers
template <class T, size_t R, size_t N, Source source>
__attribute__((noinline)) void weight_gradient_tile(const WeightGradient<T>& g, size_t first,
                                                    size_t column, T* scratch) {
    constexpr bool packed = source == Source::packed || source == Source::sparse;
    constexpr size_t stride = N * lanes<T>, delta_bytes = stride * sizeof(T);
    const size_t panel = panel_row<T, N>(column, g.inputs + 1, 0);
    size_t row[R];
    NNFAST_UNROLL
    for (size_t r = 0; r < R; ++r)
        row[r] = g.active.lists ? g.active.list(0)[first + r] : first + r;
    Tile<T, R, N> sum;
    load_tile<T, R, N>(sum, g.resume ? g.gradient + panel + first * stride : nullptr, stride);
    const T* delta = packed ? g.packed.delta : g.delta + column;
    const size_t delta_stride = packed ? stride : g.delta_stride;
    const T* x = packed ? packed_tile(g, first) : nullptr;
    const uint32_t* rows = source == Source::sparse ? packed_rows(g, first) : nullptr;
    const size_t count = rows ? rows[0] : g.rows;
    // the parameters or sums of the next tile
    const T* next = (g.update ? g.p : g.gradient) + panel + (row[R - 1] + 1) * stride;
    const Ahead ahead{reinterpret_cast<const char*>(next), R * delta_bytes / (count + !count)};
    in_steps(0, count, ahead, [&](size_t k) {
        const T* d = delta + (rows ? rows[1 + k] : k) * delta_stride;
        const T* factors = packed ? x + k * R : g.x[k];
        Vec<T> v[N];
        NNFAST_UNROLL
        for (size_t n = 0; n < N; ++n) v[n] = load(d + n * lanes<T>);
        NNFAST_UNROLL
        for (size_t r = 0; r < R; ++r) {
            const size_t place = packed ? r : source == Source::listed ? row[r] : first + r;
            const Vec<T> factor = fill(factors[place]);
            NNFAST_UNROLL
            for (size_t n = 0; n < N; ++n) sum[r][n] = fma(factor, v[n], sum[r][n]);
        }
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
    constexpr bool packed = source == Source::packed || source == Source::sparse;
    if constexpr (packed) pack<T, source>(g);
    const size_t inputs = g.active.lists ? g.active.counts[0] : g.inputs;
    T scratch[largest_tile * lanes<T>];
    for_panels<T>(g.columns, [&](size_t column, auto n) {
        constexpr size_t N = decltype(n)::value;
        for (size_t k = 0; packed && k < g.rows; ++k) NNFAST_UNROLL
        for (size_t j = 0; j < N * lanes<T>; j += lanes<T>)
            store(g.packed.delta + k * N * lanes<T> + j,
                  load(g.delta + k * g.delta_stride + column + j));
        // the tiles were packed as those of whole panels
        for_tiles<packed ? tile_vectors : N>(inputs, [&](size_t first, auto r) {
            constexpr size_t R = decltype(r)::value;
            weight_gradient_tile<T, R, N, source>(g, first, column, scratch);
            if (keeps_state)
                update_block(g, panel_row<T, N>(column, g.inputs + 1, first), R * N * lanes<T>,
                             scratch);
        });
        if (g.biased) bias_gradient_tile<T, N>(g, column);
    });
}

template <class T>
void weight_gradient(const WeightGradient<T>& g) {
    const bool listed = g.active.lists;
    if (g.packed.x && g.rows >= 16 && g.columns > 2 * tile_vectors * lanes<T>)
        listed ? weight_gradient_of<T, Source::sparse>(g)
               : weight_gradient_of<T, Source::packed>(g);
    else
        listed ? weight_gradient_of<T, Source::listed>(g)
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

// z (rows, inputs) = delta W^T without a transposed copy, for I inputs from `first` and R rows: dot
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
