// The outputs of many rows, by a team of threads.
#pragma once

#include <cstddef>

#include "network.h"

namespace nnfast {

// The last layer's outputs (rows, outputs), in chunks. A row's result does not depend on the
// others.
template <class T>
void forward(const Network<T>& network, const T* parameters, const T* x, size_t rows, T* outputs,
             size_t threads);

}  // namespace nnfast
