// An update after every row, for networks of one hidden layer that fit into registers: a lane is a
// unit, and the weights stay in registers over all rows. What counts here is latency, the time from
// one row's weights to the next row's. The arithmetic is that of tiny.h, to the bit.
#pragma once

#include "tiny.h"
#include "units.h"

namespace nnfast::NNFAST_ISA {
namespace {

constexpr size_t most_units = 4;

// What is unrolled here, with each other: no softmax, no slope that needs z
using RegisterActivations = List<Sigmoid, Tanh, ReLU, Linear, Step>;
using RegisterLosses = List<MeanSquaredError, Quadratic, BinaryCrossEntropy, Perceptron>;

// Where a network's formulas stand in these lists; -1 for one that does not
struct RegisterFormulas {
    int hidden = -1, top = -1, loss = -1;

    explicit RegisterFormulas(const FlatNetwork& net) {
        const auto find = [](int activation, int& position) {
            Activations::visit(
                activation, [&](auto f) { position = RegisterActivations::position<decltype(f)>; });
        };
        find(net.layers[0].activation, hidden);
        find(net.layers[1].activation, top);
        Losses::visit(net.loss, [&](auto l) { loss = RegisterLosses::position<decltype(l)>; });
    }

    // f(loss, output activation)
    template <class F>
    NNFAST_INLINE void visit_loss(F f) const {
        RegisterLosses::visit(loss, [&](auto l) {
            using Paired = typename decltype(l)::Paired;
            if constexpr (Same<Paired, Unpaired>::value)
                RegisterActivations::visit(top, [&](auto output) { f(l, output); });
            else
                f(l, Paired{});
        });
    }
};

// The same answer on every instruction set, for other networks take a way with other rounding.
template <class T>
bool fits_registers(const TinyTask<T>& t) {
    if (t.net.layer_count != 2) return false;
    for (size_t k = 0; k < 2; ++k) {
        const FlatLayer& layer = t.net.layers[k];
        if (layer.inputs > most_units || layer.outputs > most_units) return false;
    }
    const RegisterFormulas formulas(t.net);
    if (formulas.hidden < 0 || formulas.top < 0 || formulas.loss < 0) return false;
    return t.optimizer == Optimizers::position<GradientDescent>;
}

// start + w_0 x_0 + ... + w_(n-1) x_(n-1). The loop is unrolled, for an index that is not a
// constant would keep w in memory.
template <class T>
NNFAST_INLINE Vec<T> weighted_sum(Vec<T> start, size_t n, const Vec<T>* w, const Vec<T>* x) {
    NNFAST_UNROLL
    for (size_t i = 0; i < most_units; ++i)
        if (i < n) start = fma(w[i], x[i], start);
    return start;
}

// W (inputs, outputs) by rows and b; missing rows and lanes are zero
template <class T>
struct RegisterLayer {
    Vec<T> w[most_units], b;

    NNFAST_INLINE RegisterLayer(const FlatLayer& layer, const T* p) {
        const T* row = p + layer.flat;
        for (size_t i = 0; i < most_units; ++i, row += layer.outputs)
            w[i] = i < layer.inputs ? load_first(row, layer.outputs) : Vec<T>{};
        row = p + layer.flat + layer.inputs * layer.outputs;
        b = layer.bias ? load_first(row, layer.outputs) : Vec<T>{};
    }

    NNFAST_INLINE void write(const FlatLayer& layer, T* p) const {
        T* row = p + layer.flat;
        for (size_t i = 0; i < most_units; ++i, row += layer.outputs)
            if (i < layer.inputs) store_first(row, w[i], layer.outputs);
        if (layer.bias)
            store_first(p + layer.flat + layer.inputs * layer.outputs, b, layer.outputs);
    }

    // b + x W
    NNFAST_INLINE Vec<T> forward(size_t inputs, const Vec<T>* x) const {
        return weighted_sum<T>(b, inputs, w, x);
    }

    // p <- p + f x^T delta
    NNFAST_INLINE void update(const FlatLayer& layer, Vec<T> f, const Vec<T>* x, Vec<T> delta) {
        NNFAST_UNROLL
        for (size_t i = 0; i < most_units; ++i)
            if (i < layer.inputs) w[i] = fma(f, x[i] * delta, w[i]);
        if (layer.bias) b = fma(f, delta, b);
    }
};

// Lane `lane` of each `block` lanes in all of the block
template <size_t lane, size_t block>
struct Lane {
    static constexpr size_t at(size_t i) { return i / block * block + lane; }
};

// Lane i < most_units of v in every lane that holds a unit. Within 128 bits that takes one cycle,
// across them three.
template <class T>
NNFAST_INLINE void spread(Vec<T> v, size_t units, Vec<T>* lanes_of_v) {
    using Order = typename Counted<lanes<T>>::Type;
    constexpr size_t near = 16 / sizeof(T), all = lanes<T>;
    if (units <= near) {
        lanes_of_v[0] = shuffle<T, Lane<0, near>>(v, v, Order{});
        lanes_of_v[1] = shuffle<T, Lane<1, near>>(v, v, Order{});
        lanes_of_v[2] = shuffle<T, Lane<2 % near, near>>(v, v, Order{});
        lanes_of_v[3] = shuffle<T, Lane<3 % near, near>>(v, v, Order{});
    } else {
        lanes_of_v[0] = shuffle<T, Lane<0, all>>(v, v, Order{});
        lanes_of_v[1] = shuffle<T, Lane<1, all>>(v, v, Order{});
        lanes_of_v[2] = shuffle<T, Lane<2, all>>(v, v, Order{});
        lanes_of_v[3] = shuffle<T, Lane<3, all>>(v, v, Order{});
    }
}

template <class T>
NNFAST_INLINE Vec<T> row_delta(const RegisterFormulas& formulas, const FlatLayer& top, Vec<T> z,
                               Vec<T> y, Vec<T>& loss) {
    Vec<T> delta{};
    formulas.visit_loss([&](auto l, auto f) {
        using L = decltype(l);
        using F = decltype(f);
        const T factor = L::mean ? T(1) / T(top.outputs) : T(1);
        const Vec<T> a = F::template value<T>(z);
        loss = L::template value<T>(z, a, y);
        delta = L::template delta<T>(z, a, y);
        if constexpr (!Same<typename L::Paired, Unpaired>::value) {
            delta = delta * fill(factor);
        } else if (top.outputs == 1) {
            delta = delta * F::template slope<T>(a);
        } else if (top.outputs != 3) {  // a power of two: the same bits in any order
            delta = delta * (F::template slope<T>(a) * fill(factor));
        } else {
            delta = delta * fill(factor) * F::template slope<T>(a);
        }
    });
    return keep_first<T>(delta, top.outputs);
}

template <class T>
void register_epochs(const TinyTask<T>& t) {
    const FlatLayer &hidden = t.net.layers[0], &top = t.net.layers[1];
    const RegisterFormulas formulas(t.net);
    RegisterLayer<T> first(hidden, t.p), second(top, t.p);
    Vec<T> transposed[most_units];  // the second layer's W^T (outputs, inputs)
    for (size_t o = 0; o < most_units; ++o) {
        transposed[o] = Vec<T>{};
        for (size_t i = 0; i < top.inputs && o < top.outputs; ++i)
            transposed[o][i] = t.p[top.flat + i * top.outputs + o];
    }
    double factors[most_factors] = {};
    GradientDescent::factors(t.hyperparameters, t.step, factors);
    const Vec<T> rate = fill(static_cast<T>(factors[0]));
    const bool is_mean = t.net.loss == Losses::position<MeanSquaredError>;
    const T mean = is_mean ? static_cast<T>(top.outputs) : T(1);
    const size_t units = top.inputs > top.outputs ? top.inputs : top.outputs;

    for (size_t epoch = 0; epoch < t.epochs; ++epoch) {
        double loss = 0;
        for (size_t place = t.first; place < t.last; ++place) {
            const size_t row = t.order ? t.order[place] : place;
            Vec<T> x[most_units] = {}, a[most_units], d[most_units];
            NNFAST_UNROLL
            for (size_t i = 0; i < most_units; ++i)
                if (i < hidden.inputs) x[i] = fill(t.x[row * hidden.inputs + i]);
            const Vec<T> y = load_first(t.y + row * top.outputs, top.outputs);

            Vec<T> z = first.forward(hidden.inputs, x);
            Vec<T> out{}, slope{};
            RegisterActivations::visit(formulas.hidden, [&](auto f) {
                out = decltype(f)::template value<T>(z);
                slope = decltype(f)::template slope<T>(out);
            });
            spread<T>(out, units, a);
            z = second.forward(top.inputs, a);
            Vec<T> losses{};
            const Vec<T> delta = row_delta<T>(formulas, top, z, y, losses);
            spread<T>(delta, units, d);
            const Vec<T> below = weighted_sum<T>(Vec<T>{}, top.outputs, transposed, d) * slope;

            second.update(top, rate, a, delta);
            const Vec<T> used = keep_first<T>(out, top.inputs);
            NNFAST_UNROLL
            for (size_t o = 0; o < most_units; ++o)
                if (o < top.outputs) transposed[o] = fma(rate, used * d[o], transposed[o]);
            first.update(hidden, rate, x, below);

            T sum = losses[0];
            NNFAST_UNROLL
            for (size_t o = 1; o < most_units; ++o)
                if (o < top.outputs) sum += losses[o];
            loss += static_cast<double>(sum / mean);
        }
        t.losses[epoch] += loss;
    }
    first.write(hidden, t.p);
    second.write(top, t.p);
}

// Updates after a few rows, for the same networks: a lane is a sample. The parameters lie in rows
// of most_units: W (inputs, units) and b of the hidden layer, then W^T (outputs, units) and b of
// the other.
template <class T, size_t H>
class RegisterBatch {
public:
    NNFAST_INLINE explicit RegisterBatch(const TinyTask<T>& task)
        : t(task), hidden(t.net.layers[0]), top(t.net.layers[1]), formulas(t.net) {
        each_parameter([](T& own, T& users) { own = users; });
        double factors[most_factors] = {};
        GradientDescent::factors(t.hyperparameters, t.step, factors);
        factor[0] = static_cast<T>(factors[0]);
        for (size_t row = 0; row < rows; row += lanes<T> / most_units)
            for (size_t r = row; r < row + lanes<T> / most_units; ++r)
                used[row] |= holds_parameters(r);
    }

    NNFAST_INLINE void write() {
        each_parameter([](T& own, T& users) { users = own; });
    }

    NNFAST_INLINE void gather_rows(size_t first, size_t count) {
        gather(t.x, hidden.inputs, t.order, first, count, x);
        gather(t.y, top.outputs, t.order, first, count, y);
    }

    // The loss of the `count` rows gathered last
    NNFAST_INLINE T update(size_t count) {
        Vec<T> a[most_units] = {}, slope[most_units] = {}, out[most_units], delta[most_units];
        for_hidden([&](size_t h) {
            Vec<T> z = fill(p[b1][h]);
            for_units(hidden.inputs, [&](size_t i) { z = fma(fill(p[w1 + i][h]), x[i], z); });
            a[h] = z;
        });
        RegisterActivations::visit(formulas.hidden, [&](auto f) {
            for_hidden([&](size_t h) {
                a[h] = decltype(f)::template value<T>(a[h]);
                slope[h] = decltype(f)::template slope<T>(a[h]);
            });
        });
        for_units(top.outputs, [&](size_t o) {
            out[o] = fill(p[b2][o]);
            for_units(top.inputs,
                      [&](size_t h) { out[o] = fma(fill(p[w2 + o][h]), a[h], out[o]); });
        });
        const T scale = T(1) / static_cast<T>(count);
        Vec<T> losses{};
        formulas.visit_loss([&](auto l, auto f) {
            using L = decltype(l);
            using F = decltype(f);
            losses = tiny_loss_of<L, F>(top, out, y, count, scale, delta);
        });
        Sum<T> loss;
        loss.add(0, losses);

        for_hidden([&](size_t h) {
            Vec<T> below{};
            for_units(top.outputs,
                      [&](size_t o) { below = fma(fill(p[w2 + o][h]), delta[o], below); });
            below = below * slope[h];
            for_units(hidden.inputs,
                      [&](size_t i) { g[(w1 + i) * most_units + h] = x[i] * below; });
            if (hidden.bias) g[b1 * most_units + h] = below;
        });
        for_units(top.outputs, [&](size_t o) {
            for_units(top.inputs,
                      [&](size_t h) { g[(w2 + o) * most_units + h] = a[h] * delta[o]; });
            if (top.bias) g[b2 * most_units + o] = delta[o];
        });
        NNFAST_UNROLL
        for (size_t row = 0; row < rows; row += lanes<T> / most_units) {
            if (!used[row]) continue;
            Vec<T> v = load(p[row]);
            GradientDescent::update<T>(factor, fold<T>(g + row * most_units), v, nullptr);
            store(p[row], v);
        }
        return loss.total();
    }

private:
    static constexpr size_t w1 = 0, b1 = most_units, w2 = b1 + 1, b2 = w2 + most_units;
    static constexpr size_t rows = 12;  // whole vectors

    // f(i) for i < n, unrolled
    template <class F>
    static NNFAST_INLINE void for_units(size_t n, F f) {
        NNFAST_UNROLL
        for (size_t i = 0; i < most_units; ++i)
            if (i < n) f(i);
    }

    template <class F>
    static NNFAST_INLINE void for_hidden(F f) {
        NNFAST_UNROLL
        for (size_t h = 0; h < H; ++h) f(h);
    }

    bool holds_parameters(size_t row) const {
        if (row < b1) return row < hidden.inputs;
        if (row == b1) return hidden.bias;
        return row < b2 ? row - w2 < top.outputs : row == b2 && top.bias;
    }

    // f(parameter here, the same in the user's array)
    template <class F>
    void each_parameter(F f) {
        T* users = t.p + hidden.flat;
        for (size_t i = 0; i < hidden.inputs; ++i)
            for (size_t h = 0; h < hidden.outputs; ++h) f(p[w1 + i][h], *users++);
        for (size_t h = 0; hidden.bias && h < hidden.outputs; ++h) f(p[b1][h], *users++);
        users = t.p + top.flat;
        for (size_t h = 0; h < top.inputs; ++h)
            for (size_t o = 0; o < top.outputs; ++o) f(p[w2 + o][h], *users++);
        for (size_t o = 0; top.bias && o < top.outputs; ++o) f(p[b2][o], *users++);
    }

    const TinyTask<T>& t;
    const FlatLayer &hidden, &top;
    const RegisterFormulas formulas;
    alignas(64) T p[rows][most_units] = {};
    Vec<T> g[rows * most_units] = {};  // gradient of each sample; no unit, no gradient
    T factor[most_factors] = {};
    bool used[rows] = {};  // at the first row of a vector: whether it holds parameters
    Vec<T> x[most_units], y[most_units];
};

template <class T, size_t H>
void register_batch_epochs(const TinyTask<T>& t) {
    if constexpr (H > 1) {
        if (t.net.layers[0].outputs < H) return register_batch_epochs<T, H - 1>(t);
    }
    RegisterBatch<T, H> batch(t);
    const bool once = t.last - t.first <= t.batch_size;
    if (once) batch.gather_rows(t.first, t.last - t.first);
    for (size_t epoch = 0; epoch < t.epochs; ++epoch) {
        double loss = 0;
        for (size_t row = t.first; row < t.last; row += t.batch_size) {
            const size_t count = t.last - row < t.batch_size ? t.last - row : t.batch_size;
            if (!once) batch.gather_rows(row, count);
            loss += static_cast<double>(batch.update(count));
        }
        t.losses[epoch] += loss;
    }
    batch.write();
}

template <class T>
void tiny_train(const TinyTask<T>& t) {
    const bool smallest = fits_registers(t);
    if (smallest && !t.rates && lanes<T> >= most_units && t.batch_size <= lanes<T>)
        return t.batch_size == 1 ? register_epochs(t) : register_batch_epochs<T, most_units>(t);
    Optimizers::visit(t.optimizer, [&](auto optimizer) {
        using Optimizer = decltype(optimizer);
        smallest || t.batch_size > unit_rows ? tiny_epochs<Optimizer, T>(t)
                                             : unit_epochs<Optimizer, T>(t);
    });
}

}  // namespace
}  // namespace nnfast::NNFAST_ISA
