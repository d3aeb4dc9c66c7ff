// The rows that a network computes on.
#pragma once

#include <algorithm>
#include <vector>

#include "pass.h"

namespace nnfast {

template <class T>
struct Data {
    const T* x;        // (rows, inputs)
    const T* y;        // (rows, outputs)
    const T* weights;  // (rows), of the rows' losses; null for all 1
    size_t rows;
};

// Row pointers of a chunk: rows order[first], order[first + 1], ... or first, first + 1, ...
template <class T>
void point_at_rows(const T* data, size_t columns, const uint32_t* order, size_t first, size_t rows,
                   const T** pointers) {
    for (size_t r = 0; r < rows; ++r)
        pointers[r] = data + (order ? order[first + r] : first + r) * columns;
}

// A chunk's rows of x and y
template <class T>
class Rows {
public:
    Rows(const Network<T>& network, const Data<T>& data, size_t most)
        : inputs_(network.layers.front().inputs),
          outputs_(network.layers.back().outputs),
          data_(data),
          x(2 * most),
          y(most),
          weights_(data.weights ? most : 0) {}

    void select(const uint32_t* order, size_t first, size_t rows) {
        const size_t ahead = std::min(rows, data_.rows - first - rows);
        point_at_rows(data_.x, inputs_, order, first, rows + ahead, x.data());
        next_x_ = ahead == rows ? x.data() + rows : nullptr;
        point_at_rows(data_.y, outputs_, order, first, rows, y.data());
        for (size_t r = 0; data_.weights && r < rows; ++r)
            weights_[r] = data_.weights[order ? order[first + r] : first + r];
    }

    Chunk<T> chunk(size_t rows, const Noise* noise = nullptr) const {
        return {x.data(), y.data(), next_x_, data_.weights ? weights_.data() : nullptr,
                rows,     noise};
    }

private:
    size_t inputs_, outputs_;
    Data<T> data_;
    std::vector<const T*> x, y;
    const T* const* next_x_ = nullptr;  // as Chunk has it
    std::vector<T> weights_;
};

}  // namespace nnfast
