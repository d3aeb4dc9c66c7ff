// Derivatives of the outputs by the parameters.
#pragma once

#include "pass.h"

namespace nnfast {

template <class T>
class Jacobian {
public:
    // rows: the most of a block
    Jacobian(const Network<T>& network, size_t rows, Team& team);

    // The outputs of a block's rows, (rows, stride of the last layer).
    const T* forward(const T* parameters, const T* const* x, size_t rows);

    // After `forward` with the same rows: d output / d parameters, in the user's layout, of each
    // row at j, j + stride, ..., times the row's factor, or one where `factors` is null.
    void differentiate(size_t output, const T* const* x, size_t rows, const T* factors, T* j,
                       size_t stride);

private:
    const Network<T>& network_;
    Buffer<T> weights_;
    Pass<T> pass_;
};

// d outputs / d parameters of all rows of x, (rows, outputs, parameters)
template <class T>
void jacobian(const Network<T>& network, const T* parameters, const T* x, size_t rows,
              size_t threads, T* j);

extern template class Jacobian<float>;
extern template class Jacobian<double>;

}  // namespace nnfast
