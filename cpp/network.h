// Network<T>: a network as a pure function of one flat array of parameters.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "kernels.h"

namespace nnfast {

inline size_t round_up(size_t n, size_t unit) {
    return (n + unit - 1) / unit * unit;
}

template <class T>
struct Layer {
    size_t inputs, outputs;
    int activation;
    bool bias;
    size_t flat;    // where W (inputs, outputs), then b (outputs), start in the user's array
    size_t width;   // outputs, padded to whole vectors
    size_t stride;  // from row to row of activations and deltas
    size_t start;   // where W (inputs + 1, width), in panels, starts in a padded array
};

// What keeps a layer from fitting noise, as in levels/contract.py
struct Regularization {
    double l1, l2, dropout, max_norm;
};

struct InputNoise {
    double dropout, sigma;
};

template <class T>
struct Network {
    Network(const Kernels<T>& kernels, const Kernels<T>* narrower, const std::vector<size_t>& sizes,
            const std::vector<int>& activations, const std::vector<bool>& biases, int loss);

    // user's array <-> padded array; what is padding stays as it is
    void pack(const T* flat, T* padded) const;
    void unpack(const T* padded, T* flat) const;

    // f(place in the user's array, place in a padded array, how many) for all runs of parameters
    template <class F>
    void for_runs(F f) const;

    // The same network as the kernels take it that do without padding; valid as long as this one.
    FlatNetwork flat() const;
    // Outputs (rows, outputs) of a few rows, straight from the user's parameters; false where a
    // number in x is not finite. room: flat_room() numbers, 64-byte aligned.
    bool forward_rows(const T* parameters, const T* x, size_t rows, T* room, T* y) const;
    size_t flat_room() const;

    // Whether an update drops outputs of layer k, limits norms, or uses random numbers
    bool drops(size_t k) const;
    bool limits_norms() const;
    bool is_noisy() const;

    // Rows that go through all layers together, so that they stay in cache.
    size_t chunk_rows() const;
    // multiplications per row, forward
    size_t work() const;

    const Kernels<T>& kernels;
    const Kernels<T>* narrower;  // see InstructionSet
    std::vector<Layer<T>> layers;
    std::vector<FlatLayer> flat_layers;
    int loss;
    size_t parameter_count = 0;
    size_t padded_count = 0;
    // small enough for the kernels that take a row per lane: of a whole training, and of many rows
    bool is_tiny, is_narrow;
    std::vector<Regularization> regularization;  // of each layer; none where it is empty
    InputNoise input_noise{};
};

// Zeroed memory that starts on a cache line.
template <class T>
class Buffer {
public:
    explicit Buffer(size_t count = 0);
    T* get() const { return data_; }
    size_t size() const { return size_; }

private:
    size_t size_;
    std::unique_ptr<unsigned char[]> memory_;
    T* data_;
};

extern template struct Network<float>;
extern template struct Network<double>;

}  // namespace nnfast
