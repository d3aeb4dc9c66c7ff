// The training loop: epochs, shuffled batches, updates; many epochs per call.
#pragma once

#include <cstdint>
#include <functional>

#include "control.h"
#include "data.h"

namespace nnfast {

struct Optimizer {
    const char* name;
    const double* hyperparameters;
    size_t count;  // of hyperparameters
};

template <class T>
class Trainer {
public:
    // Copies parameters and the optimizer's state (slots, parameters) from the user's arrays.
    Trainer(const Network<T>& network, const Optimizer& optimizer, const Control<T>& control,
            const Data<T>& data, size_t batch_size, const T* parameters, const T* slots);

    // Trains on; losses[epoch] is the mean over its rows, each batch measured before its update.
    // `interrupted` is asked about every 50 ms; true ends the training between two updates.
    // Subnormal numbers count as zero.
    void run(size_t epochs, bool shuffle, size_t threads, double* losses,
             const std::function<bool()>& interrupted);

    // Copies the results back, unless a number in them is not finite: false.
    bool finish(T* parameters, T* slots) const;

    uint64_t step = 0;           // updates made
    uint64_t shuffle_state = 0;  // of the generator below
    uint64_t noise_seed = 0;

private:
    // where the weights lie and who changes them
    enum class Way {
        tiny,        // as they are; the kernels that take a whole training
        fused,       // padded; the weight gradient's tiles
        controlled,  // as they are, and padded for the passes; by steps over all parameters
        columns,     // as they are; by steps over all parameters
    };
    struct Plan;
    // batch_size: as it was asked for; a last, smaller batch goes the way of the others, also where
    // it comes alone
    Way choose_way(size_t batch_size) const;
    void run_tiny(const Plan& plan);
    void run_columns(const Plan& plan);
    void run_chunks(const Plan& plan);
    template <class F>
    void run_epochs(const Plan& plan, const F& update);
    void prepare_update(size_t number);
    double present_penalty() const;
    void update_all();

    const Network<T>& network_;
    const Optimizer optimizer_;
    const Control<T> control_;
    const Data<T> data_;
    const size_t batch_size_;
    Update<T> update_{};
    const Way way_;
    size_t slots_;
    Buffer<T> weights_;  // padded as network_.pack does, or as they are
    std::vector<Buffer<T>> state_;
    Buffer<T> gradient_, old_;  // where all parameters step
    Buffer<T> padded_;          // for the controlled way
};

// SplitMix64
class Generator {
public:
    explicit Generator(uint64_t& state) : state_(state) {}

    // a number below n, from the upper half of the next output
    uint32_t below(uint32_t n) {
        return static_cast<uint32_t>(((mix(state_ += gamma) >> 32) * n) >> 32);
    }

private:
    uint64_t& state_;
};

}  // namespace nnfast
