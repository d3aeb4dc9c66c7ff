// ColumnPass<T>: passes over many rows of a narrow network, whose kernels take a row per lane.
#pragma once

#include <vector>

#include "data.h"
#include "watch.h"

namespace nnfast {

template <class T>
class ColumnPass {
public:
    // Whether these kernels are made for the network, and faster for so many rows. The same answer
    // for every instruction set, for a gradient is added up in another order here.
    static bool suits(const Network<T>& network, size_t rows);

    // rows: the most at a time
    ColumnPass(const Network<T>& network, size_t rows, size_t threads);

    // The gradient of the mean loss of rows [first, last) of the order, or as they lie (null), in
    // the user's layout, and their summed loss added to `loss`. false, and neither is of use, where
    // the watch says so.
    bool backpropagate(const Data<T>& data, const uint32_t* order, size_t first, size_t last,
                       const T* p, T* gradient, double& loss, Watch* watch);

private:
    // Rows whose gradient one thread adds up, and how many times that between two looks at the
    // watch: fixed numbers, so that threads do not show in the result.
    static constexpr size_t shard_rows = 1024, most_shards = 16;

    const Network<T>& network_;
    const FlatNetwork flat_;
    size_t shards_;
    Team team_;
    std::vector<Buffer<T>> rooms_;  // of the members
    Buffer<T> gradients_;           // of the shards
    std::vector<T> losses_;
};

extern template class ColumnPass<float>;
extern template class ColumnPass<double>;

}  // namespace nnfast
