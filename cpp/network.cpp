#include "network.h"

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace nnfast {
namespace {

size_t round_up(size_t n, size_t unit) { return (n + unit - 1) / unit * unit; }

// Below this many multiplications a second thread costs more than it brings.
constexpr size_t least_shared_work = 200'000;

}  // namespace

template <class T>
Network<T>::Network(const Kernels<T>& kernels_, const std::vector<size_t>& sizes,
                    const std::vector<int>& activations, const std::vector<bool>& biases, int loss_)
    : kernels(kernels_), loss(loss_) {
    for (size_t k = 0; k + 1 < sizes.size(); ++k) {
        Layer<T> layer{sizes[k],       sizes[k + 1],
                       activations[k], biases[k],
                       parameter_count, round_up(sizes[k + 1], kernels.lanes),
                       padded_count};
        parameter_count += (layer.inputs + layer.bias) * layer.outputs;
        padded_count += (layer.inputs + 1) * layer.width;
        layers.push_back(layer);
    }
}

template <class T>
void Network<T>::pack(const T* flat, T* padded) const {
    for (const auto& layer : layers)
        for (size_t i = 0; i < layer.inputs + layer.bias; ++i)
            std::memcpy(padded + layer.start + i * layer.width,
                        flat + layer.flat + i * layer.outputs, layer.outputs * sizeof(T));
}

template <class T>
void Network<T>::unpack(const T* padded, T* flat) const {
    for (const auto& layer : layers)
        for (size_t i = 0; i < layer.inputs + layer.bias; ++i)
            std::memcpy(flat + layer.flat + i * layer.outputs,
                        padded + layer.start + i * layer.width, layer.outputs * sizeof(T));
}

// Activations and deltas of a chunk fill about half a megabyte; wide layers need enough rows to pay
// for reading their weights. The same for every instruction set, because the loss is summed by chunk.
template <class T>
size_t Network<T>::chunk_rows() const {
    size_t units = 0;
    for (const auto& layer : layers) units += 2 * layer.outputs;
    return std::clamp<size_t>((size_t{1} << 19) / (units * sizeof(T)), 128, 1024) / 8 * 8;
}

template <class T>
size_t Network<T>::work() const {
    size_t sum = 0;
    for (const auto& layer : layers) sum += layer.inputs * layer.outputs;
    return sum;
}

template <class T>
Buffer<T>::Buffer(size_t count) : memory_(new unsigned char[count * sizeof(T) + 64]()) {
    const auto address = reinterpret_cast<uintptr_t>(memory_.get());
    data_ = reinterpret_cast<T*>(round_up(address, 64));
}

template <class T>
Pass<T>::Pass(const Network<T>& network, const T* weights, size_t rows, bool backward, Team& team)
    : network_(network), weights_(weights), team_(team), transposed_([&] {
          size_t most = 0;  // W^T (outputs, inputs padded) of the layers above the first
          for (size_t k = 1; backward && k < network.layers.size(); ++k)
              most = std::max(most, network.layers[k].outputs * network.layers[k - 1].width);
          return most;
      }()) {
    for (const auto& layer : network.layers) {
        Room room{Buffer<T>(rows * layer.width), Buffer<T>(backward ? rows * layer.width : 0), {}, {}};
        for (size_t r = 0; r < rows; ++r) {
            room.a_rows.push_back(room.a.get() + r * layer.width);
            room.delta_rows.push_back(room.delta.get() + r * layer.width);
        }
        rooms_.push_back(std::move(room));
    }
}

// job(first, last) for parts of `count` units, one part a member where the work is worth it
template <class T>
template <class Job>
void Pass<T>::share(size_t work, size_t count, const Job& job) {
    const size_t parts = work < least_shared_work ? 1 : std::min(team_.size(), count);
    if (parts <= 1) return job(0, count);
    team_.run([&](size_t member) {
        if (member < parts) job(count * member / parts, count * (member + 1) / parts);
    });
}

template <class T>
void Pass<T>::run_layer(size_t k, const T* const* x, size_t rows, bool activate) {
    const auto& layer = network_.layers[k];
    const auto& kernels = network_.kernels;
    const size_t lanes = kernels.lanes;
    const T* w = weights_ + layer.start;
    T* z = rooms_[k].a.get();
    const bool by_row = activate && layer.activation == kernels.row_wise;
    share(rows * layer.inputs * layer.width, layer.width / lanes, [&](size_t first, size_t last) {
        const size_t from = first * lanes, columns = (last - first) * lanes;
        kernels.product({rows, layer.inputs, columns, x, w + from, layer.width,
                         w + layer.inputs * layer.width + from, z + from, layer.width});
        if (activate && !by_row)
            kernels.activate(layer.activation, {rows, columns, layer.width, z + from});
    });
    if (by_row) kernels.activate(layer.activation, {rows, layer.outputs, layer.width, z});
}

template <class T>
const T* Pass<T>::forward(const T* const* x, size_t rows) {
    for (size_t k = 0; k < rooms_.size(); ++k)
        run_layer(k, k == 0 ? x : rooms_[k - 1].a_rows.data(), rows, true);
    return rooms_.back().a.get();
}

template <class T>
double Pass<T>::backpropagate(const T* const* x, const T* const* y, size_t rows, T scale,
                              const WeightGradient<T>& target) {
    const size_t top = rooms_.size() - 1;
    for (size_t k = 0; k <= top; ++k)
        run_layer(k, k == 0 ? x : rooms_[k - 1].a_rows.data(), rows, k < top);
    const auto& output = network_.layers[top];
    const T loss = network_.kernels.loss(
        network_.loss, output.activation, {rows, output.outputs, output.width, rooms_[top].a.get()}, y,
        scale, rooms_[top].delta.get());
    for (size_t k = rooms_.size(); k-- > 0;)
        backward_layer(k, k == 0 ? x : rooms_[k - 1].a_rows.data(), rows, target);
    return static_cast<double>(loss);
}

// First delta of the layer below, from the weights as they are; then this layer's gradient or update.
template <class T>
void Pass<T>::backward_layer(size_t k, const T* const* x, size_t rows,
                             const WeightGradient<T>& target) {
    const auto& layer = network_.layers[k];
    const auto& kernels = network_.kernels;
    const size_t lanes = kernels.lanes;
    if (k > 0) {
        const auto& below = network_.layers[k - 1];
        const T* w = weights_ + layer.start;
        T* delta = rooms_[k - 1].delta.get();
        const T* a = rooms_[k - 1].a.get();
        const bool by_row = below.activation == kernels.row_wise;
        share(rows * layer.inputs * layer.outputs, below.width / lanes,
              [&](size_t first, size_t last) {
                  const size_t from = first * lanes, columns = (last - first) * lanes;
                  const size_t inputs = std::min(columns, layer.inputs - from);
                  T* wt = transposed_.get() + from;
                  kernels.transpose(inputs, layer.outputs, w + from * layer.width, layer.width, wt,
                                    below.width);
                  kernels.product({rows, layer.outputs, columns, rooms_[k].delta_rows.data(), wt,
                                   below.width, nullptr, delta + from, below.width});
                  if (!by_row)
                      kernels.through_activation(
                          below.activation, {rows, columns, below.width, a + from},
                          delta + from);
              });
        if (by_row)
            kernels.through_activation(below.activation,
                                       {rows, below.outputs, below.width, a}, delta);
    }
    share(rows * layer.inputs * layer.width, layer.width / lanes, [&](size_t first, size_t last) {
        const size_t from = first * lanes;
        WeightGradient<T> g = target;
        g.rows = rows;
        g.inputs = layer.inputs;
        g.columns = (last - first) * lanes;
        g.first = 0;
        g.last = layer.inputs + layer.bias;
        g.x = x;
        g.delta = rooms_[k].delta.get() + from;
        g.delta_stride = layer.width;
        g.w_stride = layer.width;
        const size_t offset = layer.start + from;
        g.gradient = target.gradient ? target.gradient + offset : nullptr;
        g.p = target.p ? target.p + offset : nullptr;
        for (size_t s = 0; s < most_slots; ++s)
            g.state[s] = target.state[s] ? target.state[s] + offset : nullptr;
        kernels.weight_gradient(g);
    });
}

template struct Network<float>;
template struct Network<double>;
template class Buffer<float>;
template class Buffer<double>;
template class Pass<float>;
template class Pass<double>;

}  // namespace nnfast
