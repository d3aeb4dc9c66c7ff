// The border: what the kernels of one instruction set offer to the rest of the core. Plain structs
// and function pointers only, for the objects on the two sides are compiled with different flags.
//
// Inside the core a matrix of weights or activations has rows of `width` numbers: its real columns,
// then zeros up to a whole number of vectors. All columns below are counted so, unless they are
// called outputs. A row of x is a pointer, so that a shuffled batch is never copied.
#pragma once

#include <cstddef>
#include <cstdint>

namespace nnfast {

struct Names {
    const char* const* list;
    size_t count;
};

// z (rows, columns) = start + x (rows, inputs) W (inputs, columns); start may be null: zero
template <class T>
struct Product {
    size_t rows, inputs, columns;
    const T* const* x;
    const T* w;
    size_t w_stride;
    const T* start;
    T* z;
    size_t z_stride;
};

constexpr size_t most_factors = 7, most_slots = 2;

// An optimizer's update number t, ready to apply: which one, and its factors
template <class T>
struct Update {
    int optimizer;
    T factors[most_factors];
};

// Rows [first, last) of dW (inputs, columns) = x^T (inputs, rows) delta (rows, columns).
// The sums go on from `gradient` where `resume` is set; they are left in `gradient` where `update` is
// null, else they are applied at once to the parameters p and their state.
// Row number `inputs` is the bias, whose input is always 1; `last` is inputs + 1 to include it.
template <class T>
struct WeightGradient {
    size_t rows, inputs, columns, first, last;
    const T* const* x;
    const T* delta;
    size_t delta_stride;
    T* gradient;
    bool resume;
    const Update<T>* update;
    T* p;
    T* state[most_slots];
    size_t w_stride;  // of gradient, p and state
};

// A block of z, a or delta with `outputs` real columns
template <class T>
struct Block {
    size_t rows, outputs, stride;
    T* data;
};

template <class T>
struct Kernels {
    size_t lanes;   // numbers in a vector
    int row_wise;   // the activation that needs a whole row at a time

    void (*product)(const Product<T>&);
    void (*weight_gradient)(const WeightGradient<T>&);
    // destination (columns, rows rounded up to whole vectors) = source^T (rows, columns)
    void (*transpose)(size_t rows, size_t columns, const T* source, size_t source_stride,
                      T* destination, size_t destination_stride);
    // a = f(z), in place
    void (*activate)(int activation, Block<T> z);
    // delta = dLoss/dz from dLoss/da, in place
    void (*through_activation)(int activation, Block<const T> a, T* delta);
    // The summed loss of z against the targets y; delta = scale dLoss/dz. z is left normalised.
    T (*loss)(int loss, int activation, Block<T> z, const T* const* y, T scale, T* delta);
    int (*find_optimizer)(const char* name, const double* hyperparameters);
    size_t (*slots)(int optimizer);
    void (*prepare)(const double* hyperparameters, uint64_t t, Update<T>& update);
    // y = f(x) for a function of math.h by its position in `functions`
    void (*evaluate)(int function, size_t n, const T* x, T* y);
};

// Everything that was compiled for one instruction set; the names give the positions used above.
struct KernelSet {
    Names activations, losses, optimizers, functions;
    Kernels<float> f32;
    Kernels<double> f64;
};

struct InstructionSet {
    const char* name;
    const KernelSet* kernels;
    bool supported;  // by this processor and operating system
};

// Slowest first.
const InstructionSet* instruction_sets(size_t& count);

}  // namespace nnfast
