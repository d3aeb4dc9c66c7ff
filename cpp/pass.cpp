#include "pass.h"

#include <algorithm>
#include <cstring>

namespace nnfast {
namespace {

// Cycles per input for delta W^T: dot products take a multiply-add per 64 bytes and row, and 4 more
// for adding up; a transposed copy half a cycle per number and half as many multiply-adds. The same
// answer for every instruction set, for the two round differently.
template <class T>
bool dots_pay(size_t rows, size_t outputs) {
    const size_t vectors = (outputs * sizeof(T) + 63) / 64;
    return rows * (vectors + 4) < outputs / 2 + rows * vectors / 2;
}

// z *= kept, which lies as z does
template <class T>
void thin(const Product<T>& p, const T* kept) {
    for (size_t r = 0; r < p.rows; ++r)
        for (size_t c = 0; c < p.columns; ++c) p.z[r * p.z_stride + c] *= kept[r * p.z_stride + c];
}

}  // namespace

template <class T>
Pass<T>::Pass(const Network<T>& network, const T* weights, size_t rows, bool backward, Team& team)
    : network_(network), weights_(weights), team_(team) {
    size_t most = 0;        // inputs that are packed
    size_t transposed = 0;  // a panel of W^T of the layers above the first
    for (size_t k = 0; backward && k < network.layers.size(); ++k) {
        const auto& layer = network.layers[k];
        if (k > 0) transposed = std::max(transposed, layer.outputs * network.kernels.panel);
        // narrower layers read x too seldom for packing to pay
        if (layer.width > 2 * network.kernels.panel) most = std::max(most, layer.inputs);
    }
    transposed_ = Buffer<T>(transposed * team.size());
    const size_t inputs = network.layers.front().inputs;
    if (inputs >= 64) {  // fewer are not worth looking at
        any_.resize(2 * round_up(inputs, 16));
        counts_.resize(1 + (rows + group_rows - 1) / group_rows);
        lists_.resize(counts_.size() * inputs);
    }
    if (most > 0) {
        packed_x_ = Buffer<T>((rows + 2) * round_up(most, 16) * team.size());
        packed_delta_ = Buffer<T>(rows * network.kernels.panel * team.size());
        packed_rows_.resize((rows + 1) * (most / 3 + 1) * team.size());
    }
    for (size_t k = 0; k < network.layers.size(); ++k) {
        const size_t stride = network.layers[k].stride, count = rows * stride;
        const bool drops = backward && network.drops(k);
        const bool keeps_z = backward && network.kernels.needs_z(network.layers[k].activation);
        Room room;
        room.a = Buffer<T>(count);
        room.z = Buffer<T>(keeps_z ? count : 0);
        room.delta = Buffer<T>(backward ? count : 0);
        room.kept = Buffer<T>(drops ? count : 0);
        room.thinned = Buffer<T>(drops ? count : 0);
        for (size_t r = 0; r < rows; ++r) {
            room.a_rows.push_back(room.a.get() + r * stride);
            room.delta_rows.push_back(room.delta.get() + r * stride);
            if (drops) room.thinned_rows.push_back(room.thinned.get() + r * stride);
        }
        rooms_.push_back(std::move(room));
    }
    if (backward && (network.input_noise.dropout > 0 || network.input_noise.sigma > 0)) {
        input_room_.a = Buffer<T>(rows * inputs);
        input_room_.kept = Buffer<T>(rows * inputs);
        for (size_t r = 0; r < rows; ++r)
            input_room_.a_rows.push_back(input_room_.a.get() + r * inputs);
    }
}

// x with noise and dropout, in the pass's own memory
template <class T>
const T* const* Pass<T>::add_input_noise(const Chunk<T>& chunk) {
    const size_t inputs = network_.layers.front().inputs;
    T* a = input_room_.a.get();
    for (size_t r = 0; r < chunk.rows; ++r)
        std::memcpy(a + r * inputs, chunk.x[r], inputs * sizeof(T));
    const auto& rule = network_.input_noise;
    if (rule.sigma > 0)
        add_noise<T>(chunk.noise->stream(chunk.noise->streams - 1), rule.sigma,
                     {chunk.rows, inputs, inputs, a});
    if (rule.dropout > 0)
        drop<T>(chunk.noise->stream(0), rule.dropout, {chunk.rows, inputs, inputs, a},
                input_room_.kept.get(), a);
    return input_room_.a_rows.data();
}

template <class T>
void Pass<T>::drop_outputs(size_t k, const Chunk<T>& chunk) {
    Room& room = rooms_[k];
    const auto& layer = network_.layers[k];
    room.dropped = chunk.noise && network_.drops(k);
    if (room.dropped)
        drop<T>(chunk.noise->stream(k + 1), network_.regularization[k].dropout,
                {chunk.rows, layer.outputs, layer.stride, room.a.get()}, room.kept.get(),
                room.thinned.get());
}

// job(member, first, columns) for parts of a layer's columns, one part a member where the work is
// worth it
template <class T>
template <class Job>
void Pass<T>::share(size_t work, size_t width, const Job& job) {
    const size_t panel = network_.kernels.panel, panels = (width + panel - 1) / panel;
    const size_t parts = work < least_shared_work ? 1 : std::min(team_.parts(), panels);
    if (parts <= 1) return job(size_t{0}, size_t{0}, width);
    team_.run(parts, [&](size_t member) {
        const size_t first = panels * member / parts * panel;
        const size_t last = std::min(panels * (member + 1) / parts * panel, width);
        job(member, first, last - first);
    });
}

// Looks for inputs that are zero in all rows of a chunk, and leaves them out where they are many
// enough to pay. After a chunk without, some others are not looked at: dense data must lose
// nothing.
template <class T>
void Pass<T>::find_active(const T* const* x, size_t rows) {
    const size_t inputs = network_.layers.front().inputs;
    active_ = {};
    if (lists_.empty() || dense_chunks_ > 0) {
        dense_chunks_ -= dense_chunks_ > 0;
        return;
    }
    network_.kernels.find_active(rows, inputs, x, any_.data(), lists_.data(), counts_.data());
    if (counts_[0] < inputs - inputs / 8)
        active_ = {lists_.data(), counts_.data(), inputs};
    else
        dense_chunks_ = 31;
}

template <class T>
void Pass<T>::run_layer(size_t k, const T* const* x, size_t rows, bool activate) {
    const auto& layer = network_.layers[k];
    const auto& kernels = network_.kernels;
    const T* w = weights_ + layer.start;
    T* a = rooms_[k].a.get();
    T* z = activate && rooms_[k].z.size() ? rooms_[k].z.get() : a;
    const bool by_row = activate && layer.activation == kernels.row_wise;
    share(rows * layer.inputs * layer.width, layer.width,
          [&](size_t, size_t first, size_t columns) {
              if (k > 0 && layer.outputs == 1) columns = 1;  // x is padded, unlike the user's rows
              const size_t w_rows = layer.inputs + 1;
              kernels.product({rows, layer.inputs, columns, x, w + first * w_rows, w_rows, true,
                               z + first, layer.stride, k == 0 ? active_ : Active{}});
              if (activate && !by_row)
                  kernels.activate(layer.activation, {rows, columns, layer.stride, z + first},
                                   a + first);
          });
    if (by_row) kernels.activate(layer.activation, {rows, layer.outputs, layer.stride, z}, a);
}

template <class T>
const T* Pass<T>::forward(const T* const* x, size_t rows) {
    find_active(x, rows);
    for (size_t k = 0; k < rooms_.size(); ++k)
        run_layer(k, k == 0 ? x : rooms_[k - 1].a_rows.data(), rows, true);
    return rooms_.back().a.get();
}

// Forward, up to the summed loss and the last layer's delta
template <class T>
double Pass<T>::run_to_loss(const Chunk<T>& chunk, T scale) {
    const size_t top = rooms_.size() - 1;
    inputs_ = chunk.noise && input_room_.a.size() > 0 ? add_input_noise(chunk) : chunk.x;
    find_active(inputs_, chunk.rows);
    for (size_t k = 0; k <= top; ++k) {
        run_layer(k, inputs_of(k), chunk.rows, k < top);
        if (k < top) drop_outputs(k, chunk);
    }
    const auto& output = network_.layers[top];
    const Block<T> z{chunk.rows, output.outputs, output.stride, rooms_[top].a.get()};
    return static_cast<double>(network_.kernels.loss(network_.loss, output.activation, z, chunk.y,
                                                     chunk.weights, scale,
                                                     rooms_[top].delta.get()));
}

template <class T>
double Pass<T>::loss(const Chunk<T>& chunk) {
    return run_to_loss(chunk, T(1));
}

template <class T>
double Pass<T>::backpropagate(const Chunk<T>& chunk, T scale, const WeightGradient<T>& target) {
    const double loss = run_to_loss(chunk, scale);
    for (size_t k = rooms_.size(); k-- > 0;) {
        if (k > 0) run_layer_back(k, chunk.rows);
        find_gradient(k, chunk, target);
    }
    return loss;
}

template <class T>
void Pass<T>::back(size_t rows) {
    for (size_t k = rooms_.size(); k-- > 1;) run_layer_back(k, rows);
}

// The product delta W^T from column number `first` on, by copies of W^T: panel by panel, for then
// the cache holds a panel until its product.
template <class T>
void Pass<T>::transposed_product(Product<T> p, size_t first, size_t inputs, size_t member) {
    const auto& kernels = network_.kernels;
    const T* w = p.w;
    const size_t w_rows = p.w_rows, end = first + p.columns;
    T* wt = transposed_.get() + member * (transposed_.size() / team_.size());
    p.w = wt;
    p.w_rows = p.inputs;
    for (; first < end; first += kernels.panel, p.z += kernels.panel) {
        p.columns = std::min(kernels.panel, end - first);
        kernels.transpose(first, std::min(p.columns, inputs - first), p.inputs, w, w_rows, wt);
        kernels.product(p);
    }
}

// delta of the layer below = (delta W^T) * slope, from the weights before their update
template <class T>
void Pass<T>::run_layer_back(size_t k, size_t rows) {
    const auto& layer = network_.layers[k];
    const auto& below = network_.layers[k - 1];
    const auto& kernels = network_.kernels;
    const T* known = this->known(k - 1);
    T* delta = rooms_[k - 1].delta.get();
    const bool by_row = below.activation == kernels.row_wise;
    const bool dots = dots_pay<T>(rows, layer.outputs);
    share(rows * layer.inputs * layer.outputs, below.width,
          [&](size_t member, size_t first, size_t columns) {
              const Product<T> p{rows,
                                 layer.outputs,
                                 columns,
                                 rooms_[k].delta_rows.data(),
                                 weights_ + layer.start,
                                 layer.inputs + 1,
                                 false,
                                 delta + first,
                                 below.stride,
                                 {}};
              if (dots)
                  kernels.dot_product(p, first, std::min(columns, layer.inputs - first));
              else
                  transposed_product(p, first, layer.inputs, member);
              if (rooms_[k - 1].dropped) thin(p, rooms_[k - 1].kept.get() + first);
              if (below.outputs == 1) columns = 1;
              if (!by_row)
                  kernels.through_activation(below.activation,
                                             {rows, columns, below.stride, known + first},
                                             delta + first);
          });
    if (by_row)
        kernels.through_activation(below.activation, {rows, below.outputs, below.stride, known},
                                   delta);
}

template <class T>
void Pass<T>::find_gradient(size_t k, const Chunk<T>& chunk, const WeightGradient<T>& target) {
    const size_t rows = chunk.rows;
    const auto& layer = network_.layers[k];
    share(rows * layer.inputs * layer.width, layer.width,
          [&](size_t member, size_t first, size_t columns) {
              const size_t offset = layer.start + first * (layer.inputs + 1);
              WeightGradient<T> g = target;
              g.rows = rows;
              g.inputs = layer.inputs;
              g.columns = columns;
              g.biased = layer.bias;
              if (!network_.regularization.empty()) {
                  g.l1 = static_cast<T>(network_.regularization[k].l1);
                  g.l2 = static_cast<T>(network_.regularization[k].l2);
              }
              // the sums of the others would be added to nothing, or to what their state still
              // moves
              const bool adds_only = target.update && !target.resume && g.l1 == 0 && g.l2 == 0 &&
                                     network_.kernels.slots(target.update->optimizer) == 0;
              if (k == 0 && adds_only) g.active = active_;
              if (!packed_rows_.empty()) {
                  const auto part = [&](auto* memory, size_t size) {
                      return memory + member * (size / team_.size());
                  };
                  g.packed = {part(packed_x_.get(), packed_x_.size()),
                              part(packed_delta_.get(), packed_delta_.size()),
                              part(packed_rows_.data(), packed_rows_.size())};
              }
              g.x = inputs_of(k);
              if (k == 0 && first == 0) g.next_x = chunk.next_x;
              g.delta = rooms_[k].delta.get() + first;
              g.delta_stride = layer.stride;
              if (target.gradient) g.gradient = target.gradient + offset;
              if (target.p) g.p = target.p + offset;
              for (size_t s = 0; s < most_slots; ++s)
                  if (target.state[s]) g.state[s] = target.state[s] + offset;
              network_.kernels.weight_gradient(g);
          });
}

template class Pass<float>;
template class Pass<double>;

}  // namespace nnfast
