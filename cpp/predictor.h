// Predictor: the base class of nnfast.Network, whose `predict` answers for a row or a few before
// any Python code runs. Such a call is so short that an interpreted function or a conversion by
// pybind11 would take several times as long as the network itself.
#pragma once

#include <pybind11/numpy.h>

#include <cstddef>

namespace nnfast {

// A network of some dtype that computes small numbers of rows while Python waits
class RowForward {
public:
    virtual ~RowForward() = default;
    // false where a number in x is not finite
    virtual bool forward_rows(const void* parameters, const void* x, size_t rows, void* y) = 0;

    size_t inputs = 0, outputs = 0, most_rows = 0;
    pybind11::dtype dtype;
};

// The type object; `add_to` also adds the function that binds a Predictor to its network.
void add_predictor(pybind11::module_& m, RowForward* (*find)(pybind11::handle network));

}  // namespace nnfast
