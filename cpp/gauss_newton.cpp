#include "gauss_newton.h"

namespace nnfast {
namespace {

// A block of the Jacobian fills about 1 MiB, the second-level cache.
size_t block_rows(const Objective<double>& objective) {
    const size_t rows = (size_t{1} << 17) / objective.network().parameter_count;
    return std::min(std::clamp<size_t>(rows / 8 * 8, 32, 128), objective.data().rows);
}

// whole vectors, and not a multiple of 1 KiB, which would fall into few sets of the cache
size_t row_stride(size_t parameters) {
    const size_t stride = (parameters + 7) / 8 * 8;
    return stride % 128 == 0 ? stride + 8 : stride;
}

}  // namespace

GaussNewton::GaussNewton(Objective<double>& objective, std::vector<size_t> frozen)
    : objective_(objective),
      network_(objective.network()),
      most_(block_rows(objective)),
      stride_(row_stride(network_.parameter_count)),
      team_(team_size(objective.threads(),
                      most_ * network_.parameter_count * network_.parameter_count / 2)),
      jacobian_(network_, most_, team_),
      h_(network_.parameter_count, network_.kernels),
      factor_(network_.parameter_count, network_.kernels),
      j_(most_ * stride_),
      x_(most_),
      factors_(most_),
      ridge_(network_.parameter_count),
      frozen_(std::move(frozen)) {
    for (size_t r = 0; r < most_; ++r) j_rows_.push_back(j_.get() + r * stride_);
    for (size_t k = 0; k < network_.regularization.size(); ++k) {
        const auto& layer = network_.layers[k];
        std::fill_n(ridge_.begin() + static_cast<std::ptrdiff_t>(layer.flat),
                    layer.inputs * layer.outputs, network_.regularization[k].l2);
    }
}

void GaussNewton::evaluate(const double* parameters) {
    const auto& data = objective_.data();
    const size_t inputs = network_.layers.front().inputs, outputs = network_.layers.back().outputs;
    const size_t n = network_.parameter_count;
    for (size_t first = 0; first < data.rows; first += most_) {
        const size_t rows = std::min(most_, data.rows - first);
        point_at_rows(data.x, inputs, nullptr, first, rows, x_.data());
        const double* a = jacobian_.forward(parameters, x_.data(), rows);
        for (size_t o = 0; o < outputs; ++o) {
            objective_.look_for_interruption(rows * n * n / 2);
            differentiate(o, first, rows, a);
            add_block(rows, first > 0 || o > 0);
        }
    }
}

// J of one output, times the root of its curvature, into the block
void GaussNewton::differentiate(size_t output, size_t first, size_t rows, const double* a) {
    const auto& last = network_.layers.back();
    const auto& data = objective_.data();
    for (size_t r = 0; r < rows; ++r) {
        const double weight = data.weights ? data.weights[first + r] : 1;
        const double curvature = weight * network_.kernels.curvature(network_.loss, last.outputs,
                                                                     a[r * last.stride + output]);
        // where a saturated output has an infinite one, its derivatives are zero
        factors_[r] =
            std::isfinite(curvature) ? std::sqrt(curvature / static_cast<double>(data.rows)) : 0;
    }
    jacobian_.differentiate(output, x_.data(), rows, factors_.data(), j_.get(), stride_);
    for (size_t r = 0; r < rows; ++r)
        for (const size_t i : frozen_) j_.get()[r * stride_ + i] = 0;
}

// H += J^T J
void GaussNewton::add_block(size_t rows, bool resume) {
    const size_t n = network_.parameter_count;
    deal(team_, rows * n * n / 2, 0, h_.panels(), [&](size_t, size_t t) {
        WeightGradient<double> g{};
        g.rows = rows;
        g.inputs = h_.rows(t);
        g.columns = h_.width(t);
        g.x = j_rows_.data();
        g.delta = j_.get() + h_.first(t);
        g.delta_stride = stride_;
        g.gradient = h_.data(t);
        g.resume = resume;
        network_.kernels.weight_gradient(g);
    });
}

bool GaussNewton::solve(double damping, Vector& x) {
    factor_.copy_negative(h_);
    for (size_t i = 0; i < x.size(); ++i) factor_.at(i, i) -= damping + ridge_[i];
    if (!cholesky(network_.kernels, factor_, team_)) return false;
    nnfast::solve(factor_, x);
    return true;
}

}  // namespace nnfast
