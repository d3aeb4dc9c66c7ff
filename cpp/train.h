// The training loop: epochs, shuffled batches, updates; many epochs per call.
#pragma once

#include <cstdint>
#include <functional>

#include "network.h"

namespace nnfast {

struct Optimizer {
    const char* name;
    const double* hyperparameters;
    size_t count;  // of hyperparameters
};

template <class T>
struct Data {
    const T* x;  // (rows, inputs)
    const T* y;  // (rows, outputs)
    size_t rows;
};

// The whole of `data`, in chunks: its mean loss; the gradient, in the user's layout, of that mean.
template <class T>
double loss_and_gradient(const Network<T>& network, const T* parameters, const Data<T>& data,
                         T* gradient, size_t threads);

// The last layer's outputs (rows, outputs), in chunks. A row's result does not depend on the
// others.
template <class T>
void forward(const Network<T>& network, const T* parameters, const T* x, size_t rows, T* outputs,
             size_t threads);

template <class T>
class Trainer {
public:
    // Copies parameters and the optimizer's state (slots, parameters) from the user's arrays.
    Trainer(const Network<T>& network, const Optimizer& optimizer, const T* parameters,
            const T* slots);

    // Trains on; losses[epoch] is the mean over its rows, each batch measured before its update.
    // `interrupted` is asked about every 50 ms; true ends the training between two updates.
    void run(const Data<T>& data, size_t epochs, size_t batch_size, bool shuffle, size_t threads,
             double* losses, const std::function<bool()>& interrupted);

    // Copies the results back.
    void finish(T* parameters, T* slots) const;

    uint64_t step = 0;           // updates made
    uint64_t shuffle_state = 0;  // of the generator below

private:
    struct Plan;
    void run_tiny(const Plan& plan);
    void run_chunks(const Plan& plan, size_t threads);

    const Network<T>& network_;
    const Optimizer optimizer_;
    Update<T> update_{};
    const bool tiny_;
    size_t slots_;
    Buffer<T> weights_;  // padded as network_.pack does, or as they are for tiny networks
    std::vector<Buffer<T>> state_;
};

// SplitMix64 (Steele, Lea & Flood, 2014)
class Generator {
public:
    explicit Generator(uint64_t& state) : state_(state) {}

    // a number below n, from the upper half of the next output
    uint32_t below(uint32_t n) {
        uint64_t u = state_ += 0x9E3779B97F4A7C15;
        u = (u ^ (u >> 30)) * 0xBF58476D1CE4E5B9;
        u = (u ^ (u >> 27)) * 0x94D049BB133111EB;
        u = (u ^ (u >> 31)) >> 32;
        return static_cast<uint32_t>((u * n) >> 32);
    }

private:
    uint64_t& state_;
};

}  // namespace nnfast
