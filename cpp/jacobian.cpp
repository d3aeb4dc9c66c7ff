#include "jacobian.h"

#include <algorithm>

#include "data.h"

namespace nnfast {

template <class T>
Jacobian<T>::Jacobian(const Network<T>& network, size_t rows, Team& team)
    : network_(network),
      weights_(network.padded_count),
      pass_(network, weights_.get(), rows, true, team) {}

template <class T>
const T* Jacobian<T>::forward(const T* parameters, const T* const* x, size_t rows) {
    network_.pack(parameters, weights_.get());
    return pass_.forward(x, rows);
}

template <class T>
void Jacobian<T>::differentiate(size_t output, const T* const* x, size_t rows, const T* factors,
                                T* j, size_t stride) {
    const size_t top = network_.layers.size() - 1;
    const auto& last = network_.layers[top];
    std::fill_n(pass_.delta(top), rows * last.stride, T(0));
    for (size_t r = 0; r < rows; ++r)
        pass_.delta(top)[r * last.stride + output] = factors ? factors[r] : T(1);
    network_.kernels.through_activation(
        last.activation, {rows, last.outputs, last.stride, pass_.known(top)}, pass_.delta(top));
    pass_.back(rows);
    for (size_t k = 0; k <= top; ++k) {
        const auto& layer = network_.layers[k];
        for (size_t r = 0; r < rows; ++r) {
            const T* below = k == 0 ? x[r] : pass_.a(k - 1) + r * network_.layers[k - 1].stride;
            const T* delta = pass_.delta(k) + r * layer.stride;
            T* to = j + r * stride + layer.flat;
            for (size_t i = 0; i < layer.inputs; ++i, to += layer.outputs)
                for (size_t o = 0; o < layer.outputs; ++o) to[o] = below[i] * delta[o];
            if (layer.bias) std::copy_n(delta, layer.outputs, to);
        }
    }
}

template <class T>
void jacobian(const Network<T>& network, const T* parameters, const T* x, size_t rows,
              size_t threads, T* j) {
    const size_t inputs = network.layers.front().inputs, outputs = network.layers.back().outputs;
    const size_t most = std::min(network.chunk_rows(), rows);
    Team team(team_size(threads, most * network.work()));
    Jacobian<T> block(network, most, team);
    std::vector<const T*> pointers(most);
    const size_t stride = outputs * network.parameter_count;
    for (size_t first = 0; first < rows; first += most) {
        const size_t count = std::min(most, rows - first);
        point_at_rows(x, inputs, nullptr, first, count, pointers.data());
        block.forward(parameters, pointers.data(), count);
        for (size_t o = 0; o < outputs; ++o)
            block.differentiate(o, pointers.data(), count, nullptr,
                                j + first * stride + o * network.parameter_count, stride);
    }
}

template class Jacobian<float>;
template class Jacobian<double>;
template void jacobian(const Network<float>&, const float*, const float*, size_t, size_t, float*);
template void jacobian(const Network<double>&, const double*, const double*, size_t, size_t,
                       double*);

}  // namespace nnfast
