// Tiny networks, whose layers are narrower than a few vectors: a lane is a sample, a unit's
// activations are one vector, and every weight is a broadcast. No product is transposed and nothing
// is padded but the batch, so an update is a few hundred instructions and the loop over them stays
// in this file.
#pragma once

#include "losses.h"
#include "optimizers.h"

namespace nnfast::NNFAST_ISA {
namespace {

// A training's memory: a, z where it is needed, and delta of all units, targets, and the gradient
// with one sum per lane
template <class T>
struct TinyRoom {
    Vec<T>* a;      // inputs, then the units of each layer
    Vec<T>* z;      // the same places
    Vec<T>* delta;  // the same places
    Vec<T>* y;
    T* gradient;  // 64 bytes a parameter
};

// z of a softmax layer minus its log-sum-exp, sample by sample, added up in the order of Sum
template <class T>
NNFAST_INLINE void tiny_normalise(Vec<T>* z, size_t outputs) {
    constexpr size_t count = 64 / sizeof(T);
    Vec<T> top = z[0], sum[count] = {};
    for (size_t o = 1; o < outputs; ++o) top = select<T>(z[o] > top, z[o], top);
    for (size_t o = 0; o < outputs; ++o) sum[o % count] = sum[o % count] + exp<T>(z[o] - top);
    for (size_t half = count / 2; half > 0; half /= 2)
        for (size_t i = 0; i < half; ++i) sum[i] = sum[i] + sum[i + half];
    const Vec<T> log_sum = log<T>(sum[0]);
    for (size_t o = 0; o < outputs; ++o) z[o] = z[o] - top - log_sum;
}

// z = b + x W
template <class T>
NNFAST_INLINE void tiny_product(const FlatLayer& layer, const T* p, const Vec<T>* x, Vec<T>* z) {
    const T* w = p + layer.flat;
    for (size_t o = 0; o < layer.outputs; ++o) {
        Vec<T> sum = layer.bias ? fill(w[layer.inputs * layer.outputs + o]) : Vec<T>{};
        for (size_t i = 0; i < layer.inputs; ++i)
            sum = fma(fill(w[i * layer.outputs + o]), x[i], sum);
        z[o] = sum;
    }
}

// a = f(z), which may take the place of z
template <class T>
NNFAST_INLINE void tiny_activate(const FlatLayer& layer, Vec<T>* z, Vec<T>* a) {
    Activations::visit(layer.activation, [&](auto f) {
        if constexpr (Same<decltype(f), Softmax>::value) tiny_normalise<T>(z, layer.outputs);
        for (size_t o = 0; o < layer.outputs; ++o) a[o] = decltype(f)::template value<T>(z[o]);
    });
}

// dLoss/dz from dLoss/da; known: z or a, as `needs_z` tells
template <class T>
__attribute__((noinline)) void tiny_through_activation(const FlatLayer& layer, const Vec<T>* known,
                                                       Vec<T>* delta) {
    Activations::visit(layer.activation, [&](auto f) {
        if constexpr (Same<decltype(f), Softmax>::value) {
            Vec<T> mean{};
            for (size_t o = 0; o < layer.outputs; ++o) mean = fma(known[o], delta[o], mean);
            for (size_t o = 0; o < layer.outputs; ++o) delta[o] = known[o] * (delta[o] - mean);
        } else {
            for (size_t o = 0; o < layer.outputs; ++o)
                delta[o] = delta[o] * decltype(f)::template slope<T>(known[o]);
        }
    });
}

// The loss of each sample; delta = scale dLoss/dz in the first `count` lanes, else 0. The slope of
// F, unless they are a pair, is found from a.
template <class L, class F, class T>
NNFAST_INLINE Vec<T> tiny_loss_of(const FlatLayer& layer, Vec<T>* z, const Vec<T>* y, size_t count,
                                  T scale, Vec<T>* delta) {
    const T factor = L::mean ? scale / T(layer.outputs) : scale;
    Vec<T> sum{}, total{};
    if constexpr (Same<F, Softmax>::value) tiny_normalise<T>(z, layer.outputs);
    for (size_t o = 0; o < layer.outputs; ++o) {
        const Vec<T> a = F::template value<T>(z[o]);
        sum = sum + L::template value<T>(z[o], a, y[o]);
        Vec<T> d = keep_first<T>(L::template delta<T>(z[o], a, y[o]) * fill(factor), count);
        if constexpr (Same<typename L::Paired, Unpaired>::value) d = d * F::template slope<T>(a);
        if constexpr (L::logarithmic) total = total + d, z[o] = a;
        delta[o] = d;
    }
    if constexpr (L::logarithmic)  // dLoss/dz from dLoss/dlog a
        for (size_t o = 0; o < layer.outputs; ++o) delta[o] = delta[o] - z[o] * total;
    if constexpr (L::mean) sum = sum / fill(T(layer.outputs));
    return keep_first<T>(sum, count);
}

// The same for any loss and output; z is lost.
template <class T>
NNFAST_INLINE Vec<T> tiny_loss(int loss, const FlatLayer& layer, Vec<T>* z, const Vec<T>* y,
                               size_t count, T scale, Vec<T>* delta) {
    Vec<T> losses{};
    Losses::visit(loss, [&](auto l) {
        using L = decltype(l);
        using Paired = typename L::Paired;
        if constexpr (Same<Paired, Unpaired>::value) {
            Vec<T>* a = needs_z(layer.activation) ? delta : z;
            tiny_activate<T>(layer, z, a);
            losses = tiny_loss_of<L, Linear>(layer, a, y, count, scale, delta);
            tiny_through_activation<T>(layer, z, delta);
        } else {
            losses = tiny_loss_of<L, Paired>(layer, z, y, count, scale, delta);
        }
    });
    return losses;
}

// delta of the layer below = (delta W^T) * slope
template <class T>
NNFAST_INLINE void tiny_product_back(const FlatLayer& layer, const T* p, const Vec<T>* delta,
                                     Vec<T>* below) {
    const T* w = p + layer.flat;
    for (size_t i = 0; i < layer.inputs; ++i) {
        Vec<T> sum{};
        for (size_t o = 0; o < layer.outputs; ++o)
            sum = fma(fill(w[i * layer.outputs + o]), delta[o], sum);
        below[i] = sum;
    }
}

// Rows of the data as vectors, one per column, a lane a row; the lanes after `count` repeat the
// last.
template <class T>
NNFAST_INLINE void gather(const T* data, size_t columns, const uint32_t* order, size_t first,
                          size_t count, Vec<T>* vectors) {
    for (size_t c = 0; c < columns; ++c) {
        T numbers[lanes<T>];
        for (size_t s = 0; s < lanes<T>; ++s) {
            const size_t row = first + (s < count ? s : count - 1);
            numbers[s] = data[(order ? order[row] : row) * columns + c];
        }
        vectors[c] = load(numbers);
    }
}

// Forward and backward over the `count` rows in the lanes. sink(place, g) gets the gradient of
// every parameter in every lane, a layer's after its weights were last read. Returns each row's
// loss.
template <class T, class Sink>
NNFAST_INLINE Vec<T> tiny_pass(const FlatNetwork& net, const T* p, size_t count, T scale,
                               const TinyRoom<T>& room, Sink sink) {
    const FlatLayer& top = net.layers[net.layer_count - 1];
    for (size_t k = 0; k < net.layer_count; ++k) {
        const FlatLayer& layer = net.layers[k];
        const bool hidden = k + 1 < net.layer_count;
        Vec<T>* a = room.a + layer.place;
        Vec<T>* z = hidden && needs_z(layer.activation) ? room.z + layer.place : a;
        tiny_product(layer, p, room.a + layer.below, z);
        if (hidden) tiny_activate<T>(layer, z, a);
    }
    const Vec<T> loss = tiny_loss<T>(net.loss, top, room.a + top.place, room.y, count, scale,
                                     room.delta + top.place);
    for (size_t k = net.layer_count; k-- > 0;) {
        const FlatLayer& layer = net.layers[k];
        const Vec<T>*x = room.a + layer.below, *delta = room.delta + layer.place;
        if (k > 0) {
            const FlatLayer& below = net.layers[k - 1];
            tiny_product_back(layer, p, delta, room.delta + layer.below);
            tiny_through_activation<T>(below, needs_z(below.activation) ? room.z + layer.below : x,
                                       room.delta + layer.below);
        }
        size_t place = layer.flat;
        for (size_t i = 0; i < layer.inputs; ++i)
            for (size_t o = 0; o < layer.outputs; ++o) sink(place++, x[i] * delta[o]);
        if (layer.bias)
            for (size_t o = 0; o < layer.outputs; ++o) sink(place++, delta[o]);
    }
    return loss;
}

// One optimizer step over all parameters; gradient(k) is that of `lanes` of them from number k
template <class Optimizer, class T, class F>
NNFAST_INLINE void tiny_update(const TinyTask<T>& t, const T* factors, F gradient) {
    for (size_t k = 0; k < t.net.parameters; k += lanes<T>) {
        Vec<T> state[most_slots] = {};
        Vec<T> p = load(t.p + k);
        for (size_t s = 0; s < Optimizer::slots; ++s) state[s] = load(t.state[s] + k);
        Optimizer::template update<T>(factors, gradient(k), p, state);
        store(t.p + k, p);
        for (size_t s = 0; s < Optimizer::slots; ++s) store(t.state[s] + k, state[s]);
    }
}

// An update of gradient descent after every row: all lanes hold the same row.
template <class T>
__attribute__((noinline)) T tiny_row(const TinyTask<T>& t, const T* factors,
                                     const TinyRoom<T>& room, size_t row) {
    for (size_t i = 0; i < t.net.inputs; ++i) room.a[i] = fill(t.x[row * t.net.inputs + i]);
    for (size_t o = 0; o < t.net.outputs; ++o) room.y[o] = fill(t.y[row * t.net.outputs + o]);
    const Vec<T> loss = tiny_pass<T>(t.net, t.p, lanes<T>, T(1), room, [&](size_t place, Vec<T> g) {
        Vec<T> p = fill(t.p[place]);
        GradientDescent::update<T>(factors, g, p, nullptr);
        t.p[place] = p[0];
    });
    return loss[0];
}

// The loss and gradient of the rows first, ..., end - 1 of the order; `gathered` where the room
// still holds them
template <class T>
__attribute__((noinline)) T tiny_batch(const TinyTask<T>& t, const TinyRoom<T>& room, size_t first,
                                       size_t end, bool gathered) {
    constexpr size_t parts = 64 / vector_bytes, stride = 64 / sizeof(T);
    const T scale = T(1) / static_cast<T>(end - first);
    const bool alone = end - first <= lanes<T>;  // one group: the other parts of the sums are zero
    Sum<T> loss;
    for (size_t group = 0; first < end; ++group, first += lanes<T>) {
        const size_t count = end - first < lanes<T> ? end - first : lanes<T>;
        if (!gathered) {
            gather(t.x, t.net.inputs, t.order, first, count, room.a);
            gather(t.y, t.net.outputs, t.order, first, count, room.y);
        }
        const auto sink = [&](size_t place, Vec<T> g) {
            T* sums = room.gradient + place * stride;
            T* sum = sums + group % parts * lanes<T>;
            store(sum, group < parts ? g : load(sum) + g);
            if (group == 0 && !alone)
                for (size_t i = 1; i < parts; ++i) store(sums + i * lanes<T>, Vec<T>{});
        };
        loss.add(group, tiny_pass<T>(t.net, t.p, count, scale, room, sink));
    }
    return loss.total();
}

// The factors of update number t, rounded to T; rate: its learning rate, or null
template <class Optimizer, class T>
NNFAST_INLINE void round_factors(const double* hyperparameters, const double* rate, uint64_t t,
                                 T* factors) {
    double exact[most_factors] = {};
    if (rate) {
        double own[Optimizer::hyperparameters] = {*rate};
        for (size_t i = 1; i < Optimizer::hyperparameters; ++i) own[i] = hyperparameters[i];
        Optimizer::factors(own, t, exact);
    } else {
        Optimizer::factors(hyperparameters, t, exact);
    }
    for (size_t i = 0; i < most_factors; ++i) factors[i] = static_cast<T>(exact[i]);
}

// update(epoch, factors, first, end), which returns its loss, for every batch of every epoch
template <class Optimizer, class T, class F>
NNFAST_INLINE void for_updates(const TinyTask<T>& t, F update) {
    uint64_t step = t.step;
    const double* rate = t.rates;
    for (size_t epoch = 0; epoch < t.epochs; ++epoch) {
        double loss = 0;
        for (size_t row = t.first; row < t.last; row += t.batch_size) {
            T factors[most_factors];
            round_factors<Optimizer>(t.hyperparameters, rate, ++step, factors);
            if (rate) ++rate;
            const size_t end = row + t.batch_size < t.last ? row + t.batch_size : t.last;
            loss += static_cast<double>(update(epoch, factors, row, end));
        }
        t.losses[epoch] += loss;
    }
}

template <class Optimizer, class T>
void tiny_epochs(const TinyTask<T>& t) {
    auto* vectors = reinterpret_cast<Vec<T>*>(t.room);
    const size_t units = t.net.units;
    const TinyRoom<T> room{vectors, vectors + units, vectors + 2 * units, vectors + 3 * units,
                           reinterpret_cast<T*>(vectors + 3 * units + t.net.outputs)};
    constexpr size_t parts = 64 / vector_bytes, stride = 64 / sizeof(T);
    for_updates<Optimizer, T>(t, [&](size_t epoch, const T* factors, size_t first, size_t end) {
        if constexpr (Same<Optimizer, GradientDescent>::value)
            if (t.batch_size == 1)
                return tiny_row<T>(t, factors, room, t.order ? t.order[first] : first);
        const bool same_rows = epoch > 0 && end - first == t.last - t.first;
        const bool alone = end - first <= lanes<T>;
        const T loss = tiny_batch<T>(t, room, first, end, same_rows && alone);
        tiny_update<Optimizer, T>(t, factors, [&](size_t k) {
            return alone ? sums_of_groups<T, 1>(room.gradient + k * stride)
                         : sums_of_groups<T, parts>(room.gradient + k * stride);
        });
        return loss;
    });
}

}  // namespace
}  // namespace nnfast::NNFAST_ISA
