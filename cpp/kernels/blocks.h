// What is done to every number of a block of z, a or delta: activations, their slopes, losses.
#pragma once

#include "losses.h"
#include "tile.h"

namespace nnfast::NNFAST_ISA {
namespace {

// A few numbers of a block: side by side in a row, or, where there is one output only, below one
// another in the rows, for a vector of one would be a waste.
template <class T>
struct Piece {
    size_t place, stride, count;

    NNFAST_INLINE Vec<T> read(const T* p) const {
        if (stride == 1) return load(p + place);
        T numbers[lanes<T>] = {};
        for (size_t i = 0; i < count; ++i) numbers[i] = p[place + i * stride];
        return load(numbers);
    }

    NNFAST_INLINE void write(T* p, Vec<T> v) const {
        if (stride == 1) return store(p + place, v);
        for (size_t i = 0; i < count; ++i) p[place + i * stride] = v[i];
    }
};

// f(piece, row, column, j) for all pieces of a block; j counts those of a row, or all where there
// is one output
template <class T, class B, class F>
NNFAST_INLINE void for_pieces(const B& block, F f) {
    const size_t stride = block.stride;
    if (block.outputs == 1 && block.rows > 1) {
        for (size_t r = 0, j = 0; r < block.rows; r += lanes<T>, ++j) {
            const size_t left = block.rows - r;
            f(Piece<T>{r * stride, stride, left < lanes<T> ? left : lanes<T>}, r, size_t{0}, j);
        }
        return;
    }
    for (size_t r = 0; r < block.rows; ++r)
        for (size_t c = 0, j = 0; c < block.outputs; c += lanes<T>, ++j)
            f(Piece<T>{r * stride + c, 1, block.outputs - c}, r, c, j);
}

// The same numbers as one row where nothing lies between the rows: what is done to each of them
// alone need not stop at their ends.
template <class T, class B>
NNFAST_INLINE B joined(const B& block) {
    if (block.outputs == 1 || padded<T>(block.outputs) != block.stride) return block;
    return {1, block.rows * block.stride, block.rows * block.stride, block.data};
}

// z minus the log-sum-exp of its row
template <class T>
NNFAST_INLINE void normalise_row(T* z, size_t outputs) {
    T top = z[0];
    for (size_t c = 1; c < outputs; ++c) top = z[c] > top ? z[c] : top;
    Sum<T> sum;
    for (size_t c = 0, j = 0; c < outputs; c += lanes<T>, ++j)
        sum.add(j, keep_first<T>(exp<T>(load(z + c) - fill(top)), outputs - c));
    const Vec<T> log_sum = log<T>(fill(sum.total()));
    for (size_t c = 0; c < outputs; c += lanes<T>) store(z + c, load(z + c) - fill(top) - log_sum);
}

template <class T>
void normalise(const Block<T>& z) {
    for (size_t r = 0; r < z.rows; ++r) normalise_row(z.data + r * z.stride, z.outputs);
}

// a = f(z), which may take the place of z; only those whose slope needs z leave it
template <class T>
void activate(int activation, Block<T> z, T* a) {
    if (activation == Activations::position<Softmax>) normalise(z);
    Activations::visit(activation, [&](auto f) {
        if constexpr (!Same<decltype(f), Linear>::value)
            for_pieces<T>(joined<T>(z), [&](const Piece<T>& piece, size_t, size_t, size_t) {
                piece.write(a, decltype(f)::template value<T>(piece.read(z.data)));
            });
    });
}

// dLoss/dz_i = a_i (s_i - sum_j a_j s_j) with s = dLoss/da
template <class T>
void through_softmax(Block<const T> a, T* delta) {
    for (size_t r = 0; r < a.rows; ++r) {
        const T* row = a.data + r * a.stride;
        T* d = delta + r * a.stride;
        Sum<T> sum;
        for (size_t c = 0, j = 0; c < a.outputs; c += lanes<T>, ++j)
            sum.add(j, keep_first<T>(load(row + c) * load(d + c), a.outputs - c));
        const Vec<T> mean = fill(sum.total());
        for (size_t c = 0; c < a.outputs; c += lanes<T>)
            store(d + c, keep_first<T>(load(row + c) * (load(d + c) - mean), a.outputs - c));
    }
}

// dLoss/dz_i = s_i - a_i sum_j s_j with s = dLoss/dlog a
template <class T>
void through_log_softmax(Block<const T> a, T* delta) {
    for (size_t r = 0; r < a.rows; ++r) {
        const T* row = a.data + r * a.stride;
        T* d = delta + r * a.stride;
        Sum<T> sum;
        for (size_t c = 0, j = 0; c < a.outputs; c += lanes<T>, ++j) sum.add(j, load(d + c));
        const Vec<T> total = fill(sum.total());
        for (size_t c = 0; c < a.outputs; c += lanes<T>)
            store(d + c, keep_first<T>(load(d + c) - load(row + c) * total, a.outputs - c));
    }
}

template <class T>
void through_activation(int activation, Block<const T> known, T* delta) {
    if (activation == Activations::position<Softmax>) return through_softmax<T>(known, delta);
    Activations::visit(activation, [&](auto f) {
        if constexpr (!Same<decltype(f), Linear>::value)
            for_pieces<T>(joined<T>(known), [&](const Piece<T>& piece, size_t, size_t, size_t) {
                const Vec<T> slope = decltype(f)::template slope<T>(piece.read(known.data));
                piece.write(delta, piece.read(delta) * slope);
            });
    });
}

// The loss, and delta, of an output whose slope is found from a, or of a pair
template <class L, class F, class T>
T loss_of(Block<T> z, const T* const* y, const T* weights, T scale, T* delta) {
    if constexpr (Same<F, Softmax>::value) normalise(z);
    const T factor = L::mean ? scale / T(z.outputs) : scale;
    Sum<T> sum;
    for_pieces<T>(z, [&](const Piece<T>& piece, size_t row, size_t column, size_t j) {
        Vec<T> target;
        if (piece.stride == 1) {
            target = load_first(y[row] + column, piece.count);
        } else {
            T numbers[lanes<T>] = {};
            for (size_t i = 0; i < piece.count; ++i) numbers[i] = *y[row + i];
            target = load(numbers);
        }
        const Vec<T> logit = piece.read(z.data);
        const Vec<T> a = F::template value<T>(logit);
        Vec<T> value = L::template value<T>(logit, a, target);
        Vec<T> d = L::template delta<T>(logit, a, target) * fill(factor);
        if (weights) {
            const Vec<T> weight =
                piece.stride == 1 ? fill(weights[row]) : load_first(weights + row, piece.count);
            value = value * weight;
            d = d * weight;
        }
        sum.add(j, keep_first<T>(value, piece.count));
        if constexpr (Same<typename L::Paired, Unpaired>::value) d = d * F::template slope<T>(a);
        piece.write(delta, keep_first<T>(d, piece.count));
        if constexpr (L::logarithmic) piece.write(z.data, a);
    });
    if constexpr (L::logarithmic)
        through_log_softmax<T>({z.rows, z.outputs, z.stride, z.data}, delta);
    return L::mean ? sum.total() / T(z.outputs) : sum.total();
}

// Usual outputs are taken in one go. The others are rare, and kernels for all of them with all
// losses would be many: a, the loss of a, and the slope, one after the other.
using UsualOutputs = List<Sigmoid, Tanh, ReLU, Linear>;

template <class L, class T>
T unpaired_loss(int activation, Block<T> z, const T* const* y, const T* weights, T scale,
                T* delta) {
    T total = 0;
    bool usual = false;
    Activations::visit(activation, [&](auto f) {
        if constexpr (UsualOutputs::position<decltype(f)> >= 0) {
            total = loss_of<L, decltype(f)>(z, y, weights, scale, delta);
            usual = true;
        }
    });
    if (usual) return total;
    const Block<T> a{z.rows, z.outputs, z.stride, needs_z(activation) ? delta : z.data};
    activate(activation, z, a.data);
    total = loss_of<L, Linear>(a, y, weights, scale, delta);
    through_activation<T>(activation, {z.rows, z.outputs, z.stride, z.data}, delta);
    return total;
}

template <class T>
T loss(int loss, int activation, Block<T> z, const T* const* y, const T* weights, T scale,
       T* delta) {
    T total = 0;
    Losses::visit(loss, [&](auto l) {
        using L = decltype(l);
        using Paired = typename L::Paired;
        if constexpr (Same<Paired, Unpaired>::value)
            total = unpaired_loss<L>(activation, z, y, weights, scale, delta);
        else
            total = loss_of<L, Paired>(z, y, weights, scale, delta);
    });
    return total;
}

}  // namespace
}  // namespace nnfast::NNFAST_ISA
