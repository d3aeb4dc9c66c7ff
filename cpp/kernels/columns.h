// Many rows of a narrow network, forward and backward: a lane is a row, as in tiny.h, and the
// activations of a unit are a column.
#pragma once

#include "blocks.h"
#include "column_products.h"
#include "tiny.h"
#include "transpose.h"

namespace nnfast::NNFAST_ISA {
namespace {

// The columns of a chunk, and what else a pass remembers. Those that a layer reads are its inputs
// and one of ones, for the bias.
template <class T>
struct Columns {
    T* a;         // inputs, then the units of each layer; on the way back deltas take their places
    T* z;         // the same places, where a slope is found from z
    T* sums;      // of the gradient, lane_sums a parameter
    Vec<T>* row;  // one vector of z, y and delta of all outputs
};

template <class T>
NNFAST_INLINE Columns<T> divide_room(const FlatNetwork& net, T* room) {
    const size_t size = (net.units + net.layer_count) * column_step<T>;
    T* sums = room + 2 * size;
    return {room, room + size, sums,
            reinterpret_cast<Vec<T>*>(sums + (net.parameters + tiny_padding) * lane_sums<T>)};
}

// Layer k's units begin at this column, its inputs at the other
NNFAST_INLINE size_t units_of(const FlatNetwork& net, size_t k) {
    return net.layers[k].place + k + 1;
}
NNFAST_INLINE size_t inputs_of(const FlatNetwork& net, size_t k) {
    return net.layers[k].below + k;
}

// The rows of a chunk: `count` of them from this place in the order, then the last one again and
// again up to `rows`
template <class T>
struct ChunkRows {
    const ColumnTask<T>& task;
    size_t first, count, rows;
};

// Where the rows of a vector, from row r of a chunk on, lie in the user's arrays
template <class T>
struct Places {
    size_t at[lanes<T>];

    NNFAST_INLINE Places(const ChunkRows<T>& chunk, size_t r) {
        const size_t start = chunk.first + r, last = chunk.first + chunk.count - 1;
        for (size_t i = 0; i < lanes<T>; ++i) at[i] = start + i < last ? start + i : last;
        const uint32_t* order = chunk.task.order;
        for (size_t i = 0; order && i < lanes<T>; ++i) at[i] = order[at[i]];
    }
};

// Columns first, ..., `most` at the most, of these rows of data
template <class T, size_t most>
NNFAST_INLINE void gather_few(const T* data, size_t width, const Places<T>& rows, size_t first,
                              T* to, size_t stride) {
    const size_t count = width - first < most ? width - first : most;
    transpose_square<T, most>(
        [&](size_t r)
            NNFAST_INLINE_LAMBDA { return load_first(data + rows.at[r] * width + first, count); },
        lanes<T>, count,
        [&](size_t c, Vec<T> v) NNFAST_INLINE_LAMBDA { store(to + (first + c) * stride, v); });
}

template <class T>
NNFAST_INLINE void gather_columns(const T* data, size_t width, const Places<T>& rows, T* to,
                                  size_t stride) {
    constexpr size_t few = lanes<T> < 4 ? lanes<T> : 4;
    size_t first = 0;
    for (; first + few < width; first += lanes<T>)
        gather_few<T, lanes<T>>(data, width, rows, first, to, stride);
    if (first < width) gather_few<T, few>(data, width, rows, first, to, stride);
}

template <class T>
__attribute__((noinline)) void gather_inputs(const ChunkRows<T>& chunk, T* to) {
    for (size_t row = 0; row < chunk.rows; row += lanes<T>)
        gather_columns<T>(chunk.task.x, chunk.task.net.inputs, {chunk, row}, to + row,
                          column_step<T>);
}

template <class T>
NNFAST_INLINE void read_units(size_t units, const T* columns, Vec<T>* row) {
    for (size_t o = 0; o < units; ++o) row[o] = load(columns + o * column_step<T>);
}
template <class T>
NNFAST_INLINE void write_units(size_t units, const Vec<T>* row, T* columns) {
    for (size_t o = 0; o < units; ++o) store(columns + o * column_step<T>, row[o]);
}

// a = f(z), which may take the place of z
template <class T>
void activate_columns(const FlatLayer& layer, size_t rows, T* z, T* a, Vec<T>* row) {
    if (layer.activation != Activations::position<Softmax>)
        return activate<T>(layer.activation, {layer.outputs, rows, column_step<T>, z}, a);
    for (size_t r = 0; r < rows; r += lanes<T>) {
        read_units(layer.outputs, z + r, row);
        tiny_activate<T>(layer, row, row);
        write_units(layer.outputs, row, a + r);
    }
}

// delta, in the place of a, from dLoss/da of a softmax
template <class T>
void through_softmax_columns(const FlatLayer& layer, size_t rows, const T* slopes, T* a,
                             Vec<T>* row) {
    Vec<T>* delta = row + layer.outputs;
    for (size_t r = 0; r < rows; r += lanes<T>) {
        read_units(layer.outputs, a + r, row);
        read_units(layer.outputs, slopes + r, delta);
        tiny_through_activation<T>(layer, row, delta);
        write_units(layer.outputs, delta, a + r);
    }
}

// All layers, the last one up to z unless `activates`
template <class T>
void run_columns(const ColumnTask<T>& t, const ChunkRows<T>& chunk, const Columns<T>& columns,
                 bool activates) {
    const FlatNetwork& net = t.net;
    gather_inputs(chunk, columns.a);
    for (size_t k = 0; k < net.layer_count; ++k) {
        const FlatLayer& layer = net.layers[k];
        const bool active = activates || k + 1 < net.layer_count;
        T* a = columns.a + units_of(net, k) * column_step<T>;
        T* z = active && t.gradient && needs_z(layer.activation)
                   ? columns.z + units_of(net, k) * column_step<T>
                   : a;
        column_product(layer, t.p, chunk.rows, columns.a + inputs_of(net, k) * column_step<T>, z);
        if (active) activate_columns(layer, chunk.rows, z, a, columns.row);
    }
}

// delta of the last layer from its z, and the losses of the rows into `losses`, whose vectors so
// far are `vectors`
template <class T>
__attribute__((noinline)) void lose_columns(const ColumnTask<T>& t, const ChunkRows<T>& chunk,
                                            const Columns<T>& columns, Sum<T>& losses,
                                            size_t vectors) {
    const FlatLayer& top = t.net.layers[t.net.layer_count - 1];
    const size_t outputs = top.outputs,
                 place = units_of(t.net, t.net.layer_count - 1) * column_step<T>;
    Vec<T>*z = columns.row, *y = z + outputs, *delta = y + outputs;
    for (size_t row = 0; row < chunk.rows; row += lanes<T>, ++vectors) {
        const size_t count = chunk.count < row ? 0 : chunk.count - row;
        const Places<T> places(chunk, row);
        gather_columns<T>(t.y, outputs, places, reinterpret_cast<T*>(y), lanes<T>);
        read_units(outputs, columns.a + place + row, z);
        Vec<T> loss = tiny_loss<T>(t.net.loss, top, z, y, count, t.scale, delta);
        if (t.weights) {
            T numbers[lanes<T>];
            for (size_t r = 0; r < lanes<T>; ++r) numbers[r] = t.weights[places.at[r]];
            const Vec<T> weight = load(numbers);
            loss = loss * weight;
            for (size_t o = 0; o < outputs; ++o) delta[o] = delta[o] * weight;
        }
        losses.add(vectors, loss);
        write_units(outputs, delta, columns.a + place + row);
    }
}

// f(chunk) for the chunks of a task
template <class T, class F>
NNFAST_INLINE void for_chunks(const ColumnTask<T>& t, F f) {
    constexpr size_t most = column_rows(sizeof(T)), unit = column_unit(sizeof(T));
    for (size_t first = t.first; first < t.last; first += most) {
        const size_t count = t.last - first < most ? t.last - first : most;
        f(ChunkRows<T>{t, first, count, (count + unit - 1) / unit * unit});
    }
}

// The summed loss of the rows, and the gradient of scale times that
template <class T>
T column_backpropagate(const ColumnTask<T>& t) {
    const FlatNetwork& net = t.net;
    const Columns<T> columns = divide_room(net, t.room);
    for (size_t k = 0; k < net.layer_count; ++k)
        for (size_t r = 0; r < column_step<T>; ++r)
            columns.a[(inputs_of(net, k) + net.layers[k].inputs) * column_step<T> + r] = T(1);
    Sum<T> losses;
    for_chunks(t, [&](const ChunkRows<T>& chunk) {
        run_columns(t, chunk, columns, false);
        lose_columns(t, chunk, columns, losses, (chunk.first - t.first) / lanes<T>);
        for (size_t k = net.layer_count; k-- > 0;) {
            const FlatLayer& layer = net.layers[k];
            T* x = columns.a + inputs_of(net, k) * column_step<T>;
            const T* delta = columns.a + units_of(net, k) * column_step<T>;
            column_gradient(layer, chunk.rows, chunk.first > t.first, x, delta, columns.sums);
            if (k == 0) continue;
            const FlatLayer& below = net.layers[k - 1];
            T* z = columns.z + inputs_of(net, k) * column_step<T>;
            if (below.activation == Activations::position<Softmax>) {
                column_product_back(layer, below, t.p, chunk.rows, delta, x, z);
                through_softmax_columns(below, chunk.rows, z, x, columns.row);
            } else {
                const T* known = needs_z(below.activation) ? z : x;
                column_product_back(layer, below, t.p, chunk.rows, delta, known, x);
            }
        }
    });
    constexpr size_t parts = 64 / vector_bytes;
    for (size_t k = 0; k < net.parameters; k += lanes<T>)
        store_first(t.gradient + k, sums_of_groups<T, parts>(columns.sums + k * lane_sums<T>),
                    net.parameters - k);
    return losses.total();
}

// Columns back to `count` rows of y
template <class T>
void scatter_columns(const T* columns, size_t width, size_t count, T* y) {
    if (width < lanes<T> / 2) {
        for (size_t r = 0; r < count; ++r)
            for (size_t o = 0; o < width; ++o) y[r * width + o] = columns[o * column_step<T> + r];
        return;
    }
    for (size_t r = 0; r < count; r += lanes<T>)
        for (size_t o = 0; o < width; o += lanes<T>)
            transpose_square<T>(
                [&](size_t i) { return load(columns + (o + i) * column_step<T> + r); }, width - o,
                count - r,
                [&](size_t i, Vec<T> v) { store_first(y + (r + i) * width + o, v, width - o); });
}

// The outputs of the rows
template <class T>
void column_forward(const ColumnTask<T>& t, T* outputs) {
    const size_t width = t.net.outputs;
    const Columns<T> columns = divide_room(t.net, t.room);
    const T* a = columns.a + units_of(t.net, t.net.layer_count - 1) * column_step<T>;
    for_chunks(t, [&](const ChunkRows<T>& chunk) {
        run_columns(t, chunk, columns, true);
        scatter_columns(a, width, chunk.count, outputs + chunk.first * width);
    });
}

}  // namespace
}  // namespace nnfast::NNFAST_ISA
