// dW = x^T delta, in tiles, and the update of W from their registers.
#pragma once

#include "optimizers.h"
#include "tile.h"

namespace nnfast::NNFAST_ISA {
namespace {

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

// gradient + l1 sign(w) + l2 w
template <class T>
NNFAST_INLINE Vec<T> penalised(const WeightGradient<T>& g, Vec<T> gradient, Vec<T> w) {
    if (g.l2 != 0) gradient = fma(fill(g.l2), w, gradient);
    if (g.l1 != 0) {
        const Vec<T> zero{}, l1 = fill(g.l1);
        gradient = gradient + select<T>(w > zero, l1, zero) - select<T>(w < zero, l1, zero);
    }
    return gradient;
}

// Whether a tile that passes over all rows has registers left to add up delta on the side: alone,
// each of these additions would wait for the one before.
template <size_t R, size_t N, Source source>
constexpr bool finds_bias =
    (source == Source::direct || source == Source::listed) && R * N + 2 * N < registers;

// dW = x^T delta for R inputs from number `first` and N vectors of columns: into the gradient, into
// the parameters (gradient descent), or into `scratch` for the other optimizers. bias: N vectors to
// which delta is added, where the tile finds it, or null
template <class T, size_t R, size_t N, Source source>
__attribute__((noinline)) void weight_gradient_tile(const WeightGradient<T>& g, size_t first,
                                                    size_t column, T* scratch, Vec<T>* bias) {
    constexpr bool packed = source == Source::packed || source == Source::sparse;
    constexpr bool listed = source == Source::listed || source == Source::sparse;
    constexpr size_t stride = N * lanes<T>, delta_bytes = stride * sizeof(T);
    const size_t panel = panel_row<T, N>(column, g.inputs + 1, 0);
    size_t row[R];
    NNFAST_UNROLL
    for (size_t r = 0; r < R; ++r) row[r] = listed ? g.active.list(0)[first + r] : first + r;
    Tile<T, R, N> sum;
    load_tile<T, R, N>(sum, g.resume ? g.gradient + panel + first * stride : nullptr, stride);
    Vec<T> deltas[N] = {};
    for (size_t n = 0; bias && n < N; ++n) deltas[n] = bias[n];
    const T* delta = packed ? g.packed.delta : g.delta + column;
    const size_t delta_stride = packed ? stride : g.delta_stride;
    const T* x = packed ? packed_tile(g, first) : nullptr;
    const uint32_t* rows = source == Source::sparse ? packed_rows(g, first) : nullptr;
    const size_t count = rows ? rows[0] : g.rows;
    // the parameters or sums of the next tile
    const T* next = (g.update ? g.p : g.gradient) + panel + (row[R - 1] + 1) * stride;
    const Ahead ahead{reinterpret_cast<const char*>(next), R * delta_bytes / (count + !count)};
    in_steps(0, count, ahead, [&](size_t k) NNFAST_INLINE_LAMBDA {
        if (!packed && g.next_x)
            for (size_t i = row[0]; i <= row[R - 1]; i += 64 / sizeof(T))
                __builtin_prefetch(g.next_x[k] + i, 0, 2);
        const T* d = delta + (rows ? rows[1 + k] : k) * delta_stride;
        const T* factors = packed ? x + k * R : listed ? g.x[k] : opaque(g.x[k] + first);
        Vec<T> v[N];
        NNFAST_UNROLL
        for (size_t n = 0; n < N; ++n) v[n] = load(d + n * lanes<T>);
        NNFAST_UNROLL
        for (size_t r = 0; r < R; ++r) {
            const Vec<T> factor = fill(factors[source == Source::listed ? row[r] : r]);
            NNFAST_UNROLL
            for (size_t n = 0; n < N; ++n) sum[r][n] = fma(factor, v[n], sum[r][n]);
        }
        if (finds_bias<R, N, source> && bias) {
            NNFAST_UNROLL
            for (size_t n = 0; n < N; ++n) deltas[n] = deltas[n] + v[n];
        }
    });
    for (size_t n = 0; bias && n < N; ++n) bias[n] = deltas[n];
    if (!g.update) {
        store_tile<T, R, N>(sum, g.gradient + panel + first * stride, stride);
    } else if (g.update->optimizer == Optimizers::position<GradientDescent>) {
        const bool penalty = g.l1 != 0 || g.l2 != 0;  // looked at once, beside so many stores
        NNFAST_UNROLL
        for (size_t r = 0; r < R; ++r) {
            T* p = g.p + panel + row[r] * stride;
            NNFAST_UNROLL
            for (size_t n = 0; n < N; ++n) {
                Vec<T> w = load(p + n * lanes<T>);
                const Vec<T> gradient = penalty ? penalised<T>(g, sum[r][n], w) : sum[r][n];
                GradientDescent::update<T>(g.update->factors, gradient, w, nullptr);
                store(p + n * lanes<T>, w);
            }
        }
    } else {
        store_tile<T, R, N>(sum, scratch, stride);
    }
}

// One step of the optimizer over `count` consecutive parameters whose gradient has just been
// computed; weights, not biases, are penalised
template <class T>
void update_block(const WeightGradient<T>& g, size_t offset, size_t count, const T* gradient,
                  bool weights) {
    Optimizers::visit(g.update->optimizer, [&](auto optimizer) {
        using Optimizer = decltype(optimizer);
        for (size_t i = 0; i < count; i += lanes<T>) {
            Vec<T> state[most_slots] = {};
            Vec<T> p = load(g.p + offset + i);
            for (size_t s = 0; s < Optimizer::slots; ++s) state[s] = load(g.state[s] + offset + i);
            Vec<T> slope = load(gradient + i);
            if (weights) slope = penalised<T>(g, slope, p);
            Optimizer::template update<T>(g.update->factors, slope, p, state);
            store(g.p + offset + i, p);
            for (size_t s = 0; s < Optimizer::slots; ++s) store(g.state[s] + offset + i, state[s]);
        }
    });
}

// The sum of delta over the rows
template <class T, size_t N>
void add_deltas(const WeightGradient<T>& g, size_t column, Vec<T>* sum) {
    for (size_t k = 0; k < g.rows; ++k) NNFAST_UNROLL
    for (size_t n = 0; n < N; ++n)
        sum[n] = sum[n] + load(g.delta + k * g.delta_stride + column + n * lanes<T>);
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
        const size_t bias_row = panel_row<T, N>(column, g.inputs + 1, g.inputs);
        Tile<T, 1, N> bias;
        load_tile<T, 1, N>(bias, g.resume && g.biased ? g.gradient + bias_row : nullptr, 0);
        bool has_bias = false;
        // the tiles were packed as those of whole panels
        for_tiles<packed ? tile_vectors : N>(inputs, [&](size_t first, auto r) {
            constexpr size_t R = decltype(r)::value;
            has_bias = g.biased && first + R == inputs && finds_bias<R, N, source>;
            weight_gradient_tile<T, R, N, source>(g, first, column, scratch,
                                                  has_bias ? bias[0] : nullptr);
            if (keeps_state)
                update_block(g, panel_row<T, N>(column, g.inputs + 1, first), R * N * lanes<T>,
                             scratch, true);
        });
        if (!g.biased) return;
        if (!has_bias) add_deltas<T, N>(g, column, bias[0]);
        store_tile<T, 1, N>(bias, g.update ? scratch : g.gradient + bias_row, 0);
        if (g.update) update_block(g, bias_row, N * lanes<T>, scratch, false);
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

}  // namespace
}  // namespace nnfast::NNFAST_ISA
