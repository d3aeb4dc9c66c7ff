#include "network.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <limits>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace nnfast {

template <class T>
Network<T>::Network(const Kernels<T>& kernels_, const Kernels<T>* narrower_,
                    const std::vector<size_t>& sizes, const std::vector<int>& activations,
                    const std::vector<bool>& biases, int loss_)
    : kernels(kernels_), narrower(narrower_), loss(loss_) {
    size_t place = sizes[0], below = 0;
    for (size_t k = 0; k + 1 < sizes.size(); ++k) {
        Layer<T> layer{};
        layer.inputs = sizes[k];
        layer.outputs = sizes[k + 1];
        layer.activation = activations[k];
        layer.bias = biases[k];
        layer.flat = parameter_count;
        layer.width = round_up(layer.outputs, kernels.lanes);
        layer.stride = layer.width;
        // rows a multiple of 1 KiB apart would fall into few sets of the cache
        if (layer.width * sizeof(T) % 1024 == 0) layer.stride += 64 / sizeof(T);
        layer.start = padded_count;
        parameter_count += (layer.inputs + layer.bias) * layer.outputs;
        padded_count += (layer.inputs + 1) * layer.width;
        layers.push_back(layer);
        flat_layers.push_back(
            {layer.inputs, layer.outputs, layer.activation, layer.bias, layer.flat, below, place});
        below = place;
        place += layer.outputs;
    }
    // beyond, the sums of the gradient, 64 bytes a parameter, leave the first-level cache
    const size_t widest = *std::max_element(sizes.begin(), sizes.end());
    is_tiny = widest <= 16 && parameter_count <= 512;
    // measured: wider inputs cost more on their way into columns than the lanes bring, and the sums
    // of more parameters than they save
    is_narrow = sizes[0] < 32 && widest < 64 && parameter_count < 2048;
}

template <class T>
template <class F>
void Network<T>::for_runs(F f) const {
    for (const auto& layer : layers)
        for (size_t column = 0; column < layer.outputs; column += kernels.panel) {
            const size_t stride = std::min(kernels.panel, layer.width - column);
            const size_t count = std::min(kernels.panel, layer.outputs - column);
            for (size_t i = 0; i < layer.inputs + layer.bias; ++i)
                f(layer.flat + i * layer.outputs + column,
                  layer.start + column * (layer.inputs + 1) + i * stride, count);
        }
}

template <class T>
void Network<T>::pack(const T* flat, T* padded) const {
    for_runs([&](size_t from, size_t to, size_t count) {
        std::memcpy(padded + to, flat + from, count * sizeof(T));
    });
}

template <class T>
void Network<T>::unpack(const T* padded, T* flat) const {
    for_runs([&](size_t to, size_t from, size_t count) {
        std::memcpy(flat + to, padded + from, count * sizeof(T));
    });
}

template <class T>
FlatNetwork Network<T>::flat() const {
    const auto& last = flat_layers.back();
    return {flat_layers.data(),
            flat_layers.size(),
            flat_layers.front().inputs,
            last.outputs,
            last.place + last.outputs,
            parameter_count,
            loss};
}

template <class T>
bool Network<T>::forward_rows(const T* parameters, const T* x, size_t rows, T* room, T* y) const {
    const FlatNetwork net = flat();
    const Kernels<T>& chosen = is_tiny && narrower ? *narrower : kernels;
    for (size_t r = 0; r < rows; ++r)
        if (!chosen.forward_row(net, parameters, x + r * net.inputs, room, y + r * net.outputs))
            return false;
    return true;
}

template <class T>
size_t Network<T>::flat_room() const {
    size_t units = 0;
    for (const auto& layer : layers) units += layer.width;
    return units;
}

template <class T>
bool Network<T>::drops(size_t k) const {
    return !regularization.empty() && regularization[k].dropout > 0;
}

template <class T>
bool Network<T>::limits_norms() const {
    const auto any = [](const Regularization& rule) {
        return rule.max_norm < std::numeric_limits<double>::infinity();
    };
    return std::any_of(regularization.begin(), regularization.end(), any);
}

template <class T>
bool Network<T>::is_noisy() const {
    const auto any = [](const Regularization& rule) { return rule.dropout > 0; };
    return input_noise.sigma > 0 || input_noise.dropout > 0 ||
           std::any_of(regularization.begin(), regularization.end(), any);
}

// Activations and deltas of a chunk fill about 64 KiB; wide layers need enough rows to pay
// for reading their weights. The same for every instruction set, because the loss is summed by
// chunk.
template <class T>
size_t Network<T>::chunk_rows() const {
    size_t units = 0;
    for (const auto& layer : layers) units += 2 * layer.outputs;
    return std::clamp<size_t>((size_t{1} << 16) / (units * sizeof(T)), 128, 1024) / 8 * 8;
}

template <class T>
size_t Network<T>::work() const {
    size_t sum = 0;
    for (const auto& layer : layers) sum += layer.inputs * layer.outputs;
    return sum;
}

// Large buffers lie in huge pages where the system has them, for looking up the addresses of small
// ones takes a third of the bandwidth.
template <class T>
Buffer<T>::Buffer(size_t count) : size_(count) {
    constexpr size_t huge_page = size_t{2} << 20;
    const size_t bytes = count * sizeof(T), unit = bytes < 2 * huge_page ? 64 : huge_page;
    memory_.reset(new unsigned char[bytes + unit]);
    const auto address = reinterpret_cast<uintptr_t>(memory_.get());
    data_ = reinterpret_cast<T*>(round_up(address, unit));
#if defined(__linux__)
    if (unit == huge_page) madvise(data_, bytes, MADV_HUGEPAGE);
#endif
    std::memset(static_cast<void*>(data_), 0, bytes);
}

template struct Network<float>;
template struct Network<double>;
template class Buffer<float>;
template class Buffer<double>;

}  // namespace nnfast
