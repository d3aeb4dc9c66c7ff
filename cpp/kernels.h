// The border: what the kernels of one instruction set offer to the rest of the core. Plain structs
// and function pointers only, for the objects on the two sides are compiled with different flags.
//
// Inside the core, columns are padded with zeros to whole vectors; all columns below are counted
// so, unless they are called outputs. Activations and deltas are row-major. A matrix of weights is
// cut into panels of `panel` columns (the last may be narrower), each stored row-major on its own,
// so that a tile reads memory in one stream; W of a layer has inputs + 1 rows, the last of them the
// bias. A row of x is a pointer, so that a shuffled batch is never copied.
#pragma once

#include <cstddef>
#include <cstdint>

namespace nnfast {

struct Names {
    const char* const* list;
    size_t count;
};

// The inputs that are not zero in all rows of a batch, in increasing order, and those of each group
// of rows. Leaving the others out of a sum changes no bit of it, as long as the weights are finite.
// List 0 is the batch's, list 1 + g that of group g; lists is null to take all inputs.
struct Active {
    const uint32_t* lists;
    const size_t* counts;
    size_t inputs;  // room for each list

    const uint32_t* list(size_t i) const { return lists + i * inputs; }
};

constexpr size_t group_rows = 24;  // whole tiles of every instruction set

// z (rows, columns) = start + x (rows, inputs) W (w_rows, columns), where start is row number
// `inputs` of W if `biased`, else zero. `columns` may be 1 for the only output of a layer; x is
// then read in whole vectors, and no other column of z is written.
template <class T>
struct Product {
    size_t rows, inputs, columns;
    const T* const* x;
    const T* w;
    size_t w_rows;
    bool biased;
    T* z;
    size_t z_stride;
    Active active;
};

constexpr size_t most_factors = 11, most_slots = 3;

// An optimizer's update number t, ready to apply: which one, and its factors
template <class T>
struct Update {
    int optimizer;
    T factors[most_factors];
};

// Room for x, delta and the rows that count, as the weight gradient packs them: rows + 2 numbers
// for each input, inputs rounded up to 16; rows times a panel; rows + 1 for every third input.
template <class T>
struct Packed {
    T* x;
    T* delta;
    uint32_t* rows;
};

// dW (inputs + 1, columns) = x^T (inputs, rows) delta (rows, columns), and the sum of delta as the
// bias's row if `biased`. The sums go on from `gradient` where `resume` is set; they are left there
// where `update` is null, else they are applied at once to the parameters p and their state.
template <class T>
struct WeightGradient {
    size_t rows, inputs, columns;
    bool biased;
    const T* const* x;
    const T* const* next_x;  // the rows of x that are read after these; null for none
    const T* delta;
    size_t delta_stride;
    T* gradient;  // like p and state: laid out as W
    bool resume;
    const Update<T>* update;
    T* p;
    T* state[most_slots];
    T l1, l2;          // an update adds l1 sign(w) + l2 w to the gradient of W
    Active active;     // the other rows of p stay: only for an update without state or penalties
    Packed<T> packed;  // null where packing does not pay
};

// A block of z, a or delta with `outputs` real columns
template <class T>
struct Block {
    size_t rows, outputs, stride;
    T* data;
};

// A network whose parameters lie as in the user's array, without padding, and whose `units`
// activations are the inputs, then those of each layer from `place`; `below` is the place of a
// layer's inputs.
struct FlatLayer {
    size_t inputs, outputs;
    int activation;
    bool bias;
    size_t flat, below, place;
};

struct FlatNetwork {
    const FlatLayer* layers;
    size_t layer_count, inputs, outputs, units, parameters;
    int loss;
};

constexpr size_t tiny_padding = 16;

// Memory of a training. With lanes that are samples: 64 bytes for each parameter and output and
// three for each unit. With lanes that are units: 8 rows of 16 three times a layer, a square and a
// gradient.
inline size_t tiny_room(const FlatNetwork& net, size_t numbers_in_64_bytes) {
    const size_t samples = net.parameters + 64 + 3 * net.units + net.outputs;
    const size_t units = 384 * (net.layer_count + 1) + net.parameters + tiny_padding;
    return samples * numbers_in_64_bytes + units;
}

// `epochs` times the updates of the batches that rows [first, last) are cut into, in the order
// given, or as they lie (null). losses[epoch] grows by the loss summed over the rows. step: updates
// before. p and state are followed by tiny_padding zeros. room: 64-byte aligned, zero at first,
// tiny_room numbers.
template <class T>
struct TinyTask {
    FlatNetwork net;
    int optimizer;
    const double* hyperparameters;
    const double* rates;  // of each update; null for that of the hyperparameters, their first
    uint64_t step;
    T* p;
    T* state[most_slots];
    T* room;
    const T* x;
    const T* y;
    const uint32_t* order;
    size_t first, last, batch_size, epochs;
    double* losses;
};

// Many rows of a narrow network, with lanes that are rows: so many of them, 1 KiB of each unit, go
// through all layers together, filled up to whole units of 256 bytes, which every instruction set
// takes in whole tiles. The numbers of the next unit lie a cache line further, in other sets of the
// cache.
constexpr size_t column_rows(size_t number_bytes) {
    return 1024 / number_bytes;
}
constexpr size_t column_unit(size_t number_bytes) {
    return 256 / number_bytes;
}
constexpr size_t column_stride(size_t number_bytes) {
    return 1088 / number_bytes;
}

// Numbers of memory: two columns for each unit and each layer's bias, 64 bytes for each parameter,
// and three times that for each output, or unit of a softmax, of which there are less than 64.
template <class T>
size_t column_room(const FlatNetwork& net) {
    return 2 * (net.units + net.layer_count) * column_stride(sizeof(T)) +
           (net.parameters + tiny_padding + 3 * 64) * (64 / sizeof(T));
}

// Rows [first, last) in the order given, or as they lie (null). weights: of the rows' losses, or
// null. gradient: of scale times the summed loss, as the parameters p lie; null for outputs only.
// room: 64-byte aligned, zero at first, column_room numbers.
template <class T>
struct ColumnTask {
    FlatNetwork net;
    const T* p;
    const T *x, *y, *weights;
    const uint32_t* order;
    size_t first, last;
    T scale;
    T* gradient;
    T* room;
};

template <class T>
struct Kernels {
    size_t lanes;  // numbers in a vector
    size_t panel;  // columns of a panel of weights
    int row_wise;  // the activation that needs a whole row at a time

    // Fills the lists and counts of Active. any: room for twice the inputs, rounded up to whole
    // vectors
    void (*find_active)(size_t rows, size_t inputs, const T* const* x, T* any, uint32_t* lists,
                        size_t* counts);
    void (*product)(const Product<T>&);
    void (*weight_gradient)(const WeightGradient<T>&);
    // W^T (outputs, rows), in panels, for `rows` rows of W (w_rows, outputs) from row `first`,
    // which is a multiple of `panel`
    void (*transpose)(size_t first, size_t rows, size_t outputs, const T* w, size_t w_rows, T* wt);
    // The product delta W^T, columns (padded) of it from number `offset`, of which `count` are
    // real, without W^T; p.inputs are the outputs of W, p.w starts at its first row.
    void (*dot_product)(const Product<T>& p, size_t offset, size_t count);
    // whether the slope of this activation is found from z, not from a
    bool (*needs_z)(int activation);
    // a = f(z), laid out as z, or in place; a softmax leaves z normalised
    void (*activate)(int activation, Block<T> z, T* a);
    // delta = dLoss/dz from dLoss/da, in place; known: z or a, as `needs_z` tells
    void (*through_activation)(int activation, Block<const T> known, T* delta);
    // The summed loss of z against the targets y, each row's times its weight; delta = scale
    // dLoss/dz. z is lost. weights: null for all 1
    T (*loss)(int loss, int activation, Block<T> z, const T* const* y, const T* weights, T scale,
              T* delta);
    // The expected second derivative of the loss of one output by a; negative for a loss that has
    // none
    T (*curvature)(int loss, size_t outputs, T a);
    // its position; -1 where no optimizer has this name and number of hyperparameters
    int (*find_optimizer)(const char* name, const double* hyperparameters, size_t count);
    size_t (*slots)(int optimizer);
    void (*prepare)(const double* hyperparameters, uint64_t t, Update<T>& update);
    // An update of n parameters whose gradient is known. All arrays reach to a whole vector.
    void (*step)(const Update<T>& update, size_t n, const T* gradient, T* p, T* const* state);
    void (*tiny_train)(const TinyTask<T>&);
    // The outputs of the rows, at their places in the user's array
    void (*column_forward)(const ColumnTask<T>&, T* outputs);
    // Their summed loss, and the gradient
    T (*column_backpropagate)(const ColumnTask<T>&);
    // The outputs y of one row x, as `product` and `activate` would give them; false, and nothing
    // done, where a number in x is not finite. room: for the padded units of all layers
    bool (*forward_row)(const FlatNetwork&, const T* p, const T* x, T* room, T* y);
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
    // the same bits from narrower registers, whose latencies are shorter; null where there is none
    const KernelSet* narrower;
    bool supported;  // by this processor and operating system
};

// Slowest first.
const InstructionSet* instruction_sets(size_t& count);

}  // namespace nnfast
