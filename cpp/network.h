// Network<T>: a network as a pure function of one flat array of parameters; and Pass<T>, the memory
// and the steps of one pass forward and backward over a chunk of rows.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "kernels.h"
#include "noise.h"
#include "team.h"

namespace nnfast {

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

    // Narrow enough for the kernels that take a sample per lane.
    bool is_tiny() const;

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

// The rows of a chunk
template <class T>
struct Chunk {
    const T* const* x;
    const T* const* y;
    const T* const* next_x;  // as many rows, which are likely to follow; null where they are fewer
    const T* weights;        // of the rows' losses; null for all 1
    size_t rows;
    const Noise* noise;  // null for none
};

template <class T>
class Pass {
public:
    // weights: a padded array that outlives the pass; rows: the largest chunk
    Pass(const Network<T>& network, const T* weights, size_t rows, bool backward, Team& team);

    // The last layer's outputs, (rows, stride of the last layer).
    const T* forward(const T* const* x, size_t rows);

    // Summed loss of the rows.
    double loss(const Chunk<T>& chunk);

    // The same; the gradient of scale * loss goes where `target` says: its fields gradient, resume,
    // update, p and state are used, pointers at the start of padded arrays.
    double backpropagate(const Chunk<T>& chunk, T scale, const WeightGradient<T>& target);

    // For the derivative of something else than the loss: after `forward`, its slopes dF/dz of the
    // last layer go into `delta` of that layer, and `back` finds those of the layers below.
    void back(size_t rows);
    // outputs and deltas of layer k, (rows, stride of the layer)
    const T* a(size_t k) const { return rooms_[k].a.get(); }
    T* delta(size_t k) const { return rooms_[k].delta.get(); }
    // what the slope of layer k's activation is found from: z or a
    const T* known(size_t k) const {
        return rooms_[k].z.size() > 0 ? rooms_[k].z.get() : rooms_[k].a.get();
    }

private:
    double run_to_loss(const Chunk<T>& chunk, T scale);
    const T* const* add_input_noise(const Chunk<T>& chunk);
    void drop_outputs(size_t k, const Chunk<T>& chunk);
    // what layer k reads
    const T* const* inputs_of(size_t k) const {
        if (k == 0) return inputs_;
        const Room& below = rooms_[k - 1];
        return below.dropped ? below.thinned_rows.data() : below.a_rows.data();
    }
    void run_layer(size_t k, const T* const* x, size_t rows, bool activate);
    void find_active(const T* const* x, size_t rows);
    void transposed_product(Product<T> p, size_t first, size_t inputs, size_t member);
    void run_layer_back(size_t k, size_t rows);
    void find_gradient(size_t k, const Chunk<T>& chunk, const WeightGradient<T>& target);
    template <class Job>
    void share(size_t work, size_t width, const Job& job);

    // z: only where the slope is found from it, else it is overwritten by a; thinned: a without
    // what dropout drops
    struct Room {
        Buffer<T> a, z, delta, kept, thinned;
        std::vector<const T*> a_rows, delta_rows, thinned_rows;
        bool dropped = false;  // in the present chunk
    };

    const Network<T>& network_;
    const T* weights_;
    Team& team_;
    std::vector<Room> rooms_;
    Room input_room_;  // for noise
    const T* const* inputs_ = nullptr;
    Buffer<T> transposed_;
    // for the weight gradient of each member
    Buffer<T> packed_x_, packed_delta_;
    std::vector<uint32_t> packed_rows_;
    std::vector<T> any_;           // room for finding the active inputs
    std::vector<uint32_t> lists_;  // of them, as in Active
    std::vector<size_t> counts_;
    Active active_{};          // those of the present chunk
    size_t dense_chunks_ = 0;  // left to pass without looking for zeros
};

extern template struct Network<float>;
extern template struct Network<double>;
extern template class Pass<float>;
extern template class Pass<double>;

}  // namespace nnfast
