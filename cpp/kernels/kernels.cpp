// The kernels of one instruction set, and the table that hands them out.
//
// This folder is compiled once per instruction set, and nothing else is. All of it lies in an
// unnamed namespace and uses no standard library code, so that no function compiled for one
// processor can be merged by the linker with the same function compiled for another.
#include "columns.h"
#include "dot_product.h"
#include "forward_product.h"
#include "registers.h"
#include "row.h"
#include "weight_gradient.h"

namespace nnfast::NNFAST_ISA {
namespace {

bool same(const char* a, const char* b) {
    for (; *a && *a == *b; ++a, ++b) {
    }
    return *a == *b;
}

int find_optimizer(const char* name, const double* hyperparameters, size_t count) {
    int found = -1;
    for (int i = 0; i < static_cast<int>(Optimizers::count); ++i)
        Optimizers::visit(i, [&](auto optimizer) {
            const bool fits = same(optimizer.name, name) && optimizer.hyperparameters == count;
            if (fits && optimizer.applies(hyperparameters)) found = i;
        });
    return found;
}

size_t slots(int optimizer) {
    size_t count = 0;
    Optimizers::visit(optimizer, [&](auto o) { count = decltype(o)::slots; });
    return count;
}

template <class T>
void prepare(const double* hyperparameters, uint64_t t, Update<T>& update) {
    double factors[most_factors] = {};
    Optimizers::visit(update.optimizer,
                      [&](auto optimizer) { optimizer.factors(hyperparameters, t, factors); });
    for (size_t i = 0; i < most_factors; ++i) update.factors[i] = static_cast<T>(factors[i]);
}

template <class T>
void step(const Update<T>& update, size_t n, const T* gradient, T* p, T* const* state) {
    WeightGradient<T> g{};
    g.update = &update;
    g.p = p;
    for (size_t s = 0; s < slots(update.optimizer); ++s) g.state[s] = state[s];
    update_block(g, 0, n, gradient, false);
}

constexpr const char* functions[] = {"exp", "log", "log1p", "sigmoid", "tanh", "expm1", "erf"};

template <class T>
void evaluate(int function, size_t n, const T* x, T* y) {
    for (size_t i = 0; i < n; i += lanes<T>) {
        const Vec<T> v = load_first(x + i, n - i);
        const Vec<T> f = function == 0   ? exp<T>(v)
                         : function == 1 ? log<T>(v)
                         : function == 2 ? log1p<T>(v)
                         : function == 3 ? sigmoid<T>(v)
                         : function == 4 ? tanh<T>(v)
                         : function == 5 ? expm1<T>(v)
                                         : erf<T>(v);
        store_first(y + i, f, n - i);
    }
}

template <class T>
constexpr Kernels<T> kernels = {
    lanes<T>,
    tile_vectors * lanes<T>,
    Activations::position<Softmax>,
    find_active<T>,
    product<T>,
    weight_gradient<T>,
    transpose<T>,
    dot_product<T>,
    needs_z,
    activate<T>,
    through_activation<T>,
    loss<T>,
    curvature<T>,
    find_optimizer,
    slots,
    prepare<T>,
    step<T>,
    tiny_train<T>,
    column_forward<T>,
    column_backpropagate<T>,
    forward_row<T>,
    evaluate<T>,
};

}  // namespace
}  // namespace nnfast::NNFAST_ISA

#define NNFAST_JOIN(a, b) a##b
#define NNFAST_NAME(a, b) NNFAST_JOIN(a, b)

namespace nnfast {

// kernels_baseline, kernels_avx2, ...
extern const KernelSet NNFAST_NAME(kernels_, NNFAST_ISA);
const KernelSet NNFAST_NAME(kernels_, NNFAST_ISA) = {
    {NNFAST_ISA::Activations::names, NNFAST_ISA::Activations::count},
    {NNFAST_ISA::Losses::names, NNFAST_ISA::Losses::count},
    {NNFAST_ISA::Optimizers::names, NNFAST_ISA::Optimizers::count},
    {NNFAST_ISA::functions, sizeof(NNFAST_ISA::functions) / sizeof(const char*)},
    NNFAST_ISA::kernels<float>,
    NNFAST_ISA::kernels<double>,
};

}  // namespace nnfast
