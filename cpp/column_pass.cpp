#include "column_pass.h"

#include <algorithm>

namespace nnfast {

template <class T>
bool ColumnPass<T>::suits(const Network<T>& network, size_t rows) {
    return network.is_narrow && rows >= column_rows(sizeof(T));
}

template <class T>
ColumnPass<T>::ColumnPass(const Network<T>& network, size_t rows, size_t threads)
    : network_(network),
      flat_(network.flat()),
      shards_(std::min((rows + shard_rows - 1) / shard_rows, most_shards)),
      team_(std::min(shards_, team_size(threads, rows * network.work()))),
      gradients_(shards_ * network.parameter_count),
      losses_(shards_) {
    for (size_t i = 0; i < team_.size(); ++i) rooms_.emplace_back(column_room<T>(flat_));
}

template <class T>
bool ColumnPass<T>::backpropagate(const Data<T>& data, const uint32_t* order, size_t first,
                                  size_t last, const T* p, T* gradient, double& loss,
                                  Watch* watch) {
    const size_t count = network_.parameter_count;
    const T scale = T(1) / static_cast<T>(last - first);
    std::fill_n(gradient, count, T(0));
    for (; first < last; first += shards_ * shard_rows) {
        const size_t rows = std::min(last - first, shards_ * shard_rows);
        const size_t work = 3 * rows * network_.work();
        const size_t shards = (rows + shard_rows - 1) / shard_rows;
        if (watch && watch->stop(work)) return false;
        deal(team_, work, 0, shards, [&](size_t member, size_t shard) {
            const size_t start = first + shard * shard_rows;
            losses_[shard] = network_.kernels.column_backpropagate(
                {flat_, p, data.x, data.y, data.weights, order, start,
                 std::min(start + shard_rows, last), scale, gradients_.get() + shard * count,
                 rooms_[member].get()});
        });
        for (size_t shard = 0; shard < shards; ++shard) {
            const T* part = gradients_.get() + shard * count;
            for (size_t i = 0; i < count; ++i) gradient[i] += part[i];
            loss += static_cast<double>(losses_[shard]);
        }
    }
    return true;
}

template class ColumnPass<float>;
template class ColumnPass<double>;

}  // namespace nnfast
