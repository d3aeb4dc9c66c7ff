#include "forward.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <memory>
#include <vector>

#include "column_pass.h"
#include "data.h"

namespace nnfast {
namespace {

// The outputs of chunks of rows, by kernels that take a lane per row, from the user's parameters
template <class T>
class ColumnForward {
public:
    ColumnForward(const Network<T>& network, const T* parameters)
        : network_(network), parameters_(parameters), room_(column_room<T>(network.flat())) {}

    void operator()(const T* x, size_t first, size_t last, T* outputs) const {
        network_.kernels.column_forward({network_.flat(), parameters_, x, nullptr, nullptr, nullptr,
                                         first, last, T(0), nullptr, room_.get()},
                                        outputs);
    }

private:
    const Network<T>& network_;
    const T* parameters_;
    Buffer<T> room_;
};

// The same by those of a pass, from packed parameters
template <class T>
class PassForward {
public:
    PassForward(const Network<T>& network, const T* weights, size_t rows)
        : network_(network), pass_(network, weights, rows, false, alone_), x_(rows) {}

    void operator()(const T* x, size_t first, size_t last, T* outputs) {
        const auto& top = network_.layers.back();
        point_at_rows(x, network_.layers.front().inputs, nullptr, first, last - first, x_.data());
        const T* a = pass_.forward(x_.data(), last - first);
        T* y = outputs + first * top.outputs;
        for (size_t r = first; r < last; ++r, a += top.stride, y += top.outputs)
            if (top.outputs == 1)
                *y = *a;
            else
                std::memcpy(y, a, top.outputs * sizeof(T));
    }

private:
    const Network<T>& network_;
    Team alone_{1};
    Pass<T> pass_;
    std::vector<const T*> x_;
};

// A thread starts for these rows alone: fewer multiplications cost more than it brings.
constexpr size_t least_own_work = 5'000'000;

// `make(most)` makes what computes a chunk of so many rows at the most, for each member of a team
template <class T, class Make>
void forward_in_chunks(const Network<T>& network, const T* x, size_t rows, T* outputs,
                       size_t threads, const Make& make) {
    const size_t members = team_size(threads, rows * network.work(), least_own_work);
    const size_t even = round_up((rows + members - 1) / members, 8);
    const size_t most = std::min(network.chunk_rows(), even), chunks = (rows + most - 1) / most;
    Team team(std::min(chunks, members));
    const size_t parts = team.parts();
    std::vector<decltype(make(most))> forwards;  // made here: a job must not throw
    for (size_t i = 0; i < parts; ++i) forwards.push_back(make(most));
    std::atomic<size_t> next{0};
    team.run(parts, [&](size_t member) {
        for (size_t chunk; (chunk = next.fetch_add(1)) < chunks;) {
            const size_t first = chunk * most;
            (*forwards[member])(x, first, std::min(first + most, rows), outputs);
        }
    });
}

}  // namespace

template <class T>
void forward(const Network<T>& network, const T* parameters, const T* x, size_t rows, T* outputs,
             size_t threads) {
    if (ColumnPass<T>::suits(network, rows))
        return forward_in_chunks(network, x, rows, outputs, threads, [&](size_t) {
            return std::make_unique<ColumnForward<T>>(network, parameters);
        });
    Buffer<T> weights(network.padded_count);
    network.pack(parameters, weights.get());
    forward_in_chunks(network, x, rows, outputs, threads, [&](size_t most) {
        return std::make_unique<PassForward<T>>(network, weights.get(), most);
    });
}

template void forward(const Network<float>&, const float*, const float*, size_t, float*, size_t);
template void forward(const Network<double>&, const double*, const double*, size_t, double*,
                      size_t);

}  // namespace nnfast
