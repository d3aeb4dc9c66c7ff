#include "objective.h"

#include <algorithm>

#include "control.h"

namespace nnfast {

template <class T>
Objective<T>::Objective(const Network<T>& network, const Data<T>& data, size_t threads,
                        Watch* watch)
    : network_(network),
      data_(data),
      threads_(threads),
      watch_(watch),
      most_(std::min(network.chunk_rows(), data.rows)),
      team_(team_size(threads, most_ * network.work())),
      weights_(network.padded_count),
      gradient_(network.padded_count),
      pass_(network, weights_.get(), most_, true, team_),
      rows_(network, data, most_) {
    if (ColumnPass<T>::suits(network, data.rows)) columns_.emplace(network, data.rows, threads);
}

template <class T>
void Objective<T>::look_for_interruption(size_t work) const {
    if (watch_ && watch_->stop(work)) throw Interrupted{};
}

// The sum of visit(first row, chunk), which is a chunk's summed loss, divided by the rows
template <class T>
template <class Visit>
double Objective<T>::mean_of_chunks(const T* parameters, const Visit& visit) {
    network_.pack(parameters, weights_.get());
    double loss = 0;
    for (size_t first = 0; first < data_.rows; first += most_) {
        const size_t count = std::min(most_, data_.rows - first);
        look_for_interruption(3 * count * network_.work());
        rows_.select(nullptr, first, count);
        loss += visit(first, rows_.chunk(count));
    }
    return loss / static_cast<double>(data_.rows);
}

template <class T>
double Objective<T>::loss(const T* parameters) {
    return mean_of_chunks(parameters,
                          [this](size_t, const Chunk<T>& chunk) { return pass_.loss(chunk); });
}

template <class T>
double Objective<T>::operator()(const T* parameters, T* gradient) {
    double loss = 0;
    if (columns_) {
        if (!columns_->backpropagate(data_, nullptr, 0, data_.rows, parameters, gradient, loss,
                                     watch_))
            throw Interrupted{};
        loss /= static_cast<double>(data_.rows);
    } else {
        const T scale = T(1) / static_cast<T>(data_.rows);
        WeightGradient<T> target{};
        target.gradient = gradient_.get();
        loss = mean_of_chunks(parameters, [&](size_t first, const Chunk<T>& chunk) {
            target.resume = first > 0;
            return pass_.backpropagate(chunk, scale, target);
        });
        network_.unpack(gradient_.get(), gradient);
    }
    add_penalty(network_, parameters, gradient);
    return loss + penalty(network_, parameters);
}

template class Objective<float>;
template class Objective<double>;

}  // namespace nnfast
