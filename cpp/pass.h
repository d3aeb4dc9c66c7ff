// Pass<T>: the memory and the steps of one pass forward and backward over a chunk of rows.
#pragma once

#include <cstdint>
#include <vector>

#include "network.h"
#include "noise.h"
#include "team.h"

namespace nnfast {

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

extern template class Pass<float>;
extern template class Pass<double>;

}  // namespace nnfast
