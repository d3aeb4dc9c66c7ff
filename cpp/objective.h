// The mean loss of some data, and with the penalties the objective, as functions of the parameters,
// for callers that ask again and again: nothing is allocated between two questions.
#pragma once

#include <optional>

#include "column_pass.h"

namespace nnfast {

// Thrown by an evaluation that was given up.
struct Interrupted {};

template <class T>
class Objective {
public:
    // watch: asked after every chunk; null where nothing interrupts
    Objective(const Network<T>& network, const Data<T>& data, size_t threads,
              Watch* watch = nullptr);

    // The mean loss of all rows; parameters in the user's layout.
    double loss(const T* parameters);

    // The same with the penalties added, and the gradient of that.
    double operator()(const T* parameters, T* gradient);

    const Network<T>& network() const { return network_; }
    const Data<T>& data() const { return data_; }
    size_t threads() const { return threads_; }

    // after this many more multiplications
    void look_for_interruption(size_t work) const;

private:
    template <class Visit>
    double mean_of_chunks(const T* parameters, const Visit& visit);

    const Network<T>& network_;
    const Data<T> data_;
    const size_t threads_;  // at the most
    Watch* watch_;
    size_t most_;  // rows in a chunk
    Team team_;
    Buffer<T> weights_, gradient_;
    Pass<T> pass_;
    Rows<T> rows_;
    std::optional<ColumnPass<T>> columns_;  // for the gradient, where it suits
};

extern template class Objective<float>;
extern template class Objective<double>;

}  // namespace nnfast
