#include "minimise.h"

#include "batch_methods.h"

namespace nnfast {
namespace {

constexpr size_t common = 3;  // settings of all methods

template <class M>
std::unique_ptr<BatchMethod> make() {
    return std::make_unique<M>();
}

}  // namespace

Descent::Descent(Objective<double>& objective_, const double* parameters, const Method& method,
                 const MethodState& state_, const double* factors, bool single)
    : objective(objective_),
      settings(method.settings.data() + common),
      state(state_),
      step_tolerance_(method.settings[2]),
      factors_(factors),
      single_(single) {
    const size_t n = objective.network().parameter_count;
    now.parameters.assign(parameters, parameters + n);
    now.gradient.resize(n);
}

void Descent::evaluate(Point& point) {
    point.gradient.resize(size());
    point.loss = objective(point.parameters.data(), point.gradient.data());
    for (size_t i = 0; factors_ && i < size(); ++i)
        if (is_frozen(i)) point.gradient[i] = 0;
}

void Descent::move(double length, const Vector& direction, Point& to) const {
    to.parameters.resize(size());
    for (size_t i = 0; i < size(); ++i) {
        const double p = now.parameters[i] + length * direction[i];
        to.parameters[i] = is_frozen(i) ? now.parameters[i]
                           : single_    ? static_cast<double>(static_cast<float>(p))
                                        : p;
    }
}

bool Descent::is_small(double step) const {
    return step <= step_tolerance_ * (step_tolerance_ + largest(now.parameters));
}

double Descent::distance(const Point& next) const {
    double most = 0;
    for (size_t i = 0; i < size(); ++i)
        most = std::max(most, std::fabs(next.parameters[i] - now.parameters[i]));
    return most;
}

std::unique_ptr<MethodKind> find_method(const Method& method) {
    if (method.settings.size() < common) return nullptr;
    const size_t own = method.settings.size() - common;
    const auto kind = [own](size_t settings, MethodKind found) {
        return own == settings ? std::make_unique<MethodKind>(found) : nullptr;
    };
    if (method.name == "rprop") return kind(6, {3, 1, make<Rprop>});
    if (method.name == "quickprop") return kind(3, {2, 0, make<Quickprop>});
    if (method.name == "lbfgs") {
        const auto memory = own == 1 ? static_cast<size_t>(method.settings[common]) : 0;
        return kind(1, {2 * memory, 1 + memory, make<LBFGS>});
    }
    if (method.name == "scg") return kind(2, {1, 4, make<SCG>});
    if (method.name == "levenberg_marquardt") return kind(1, {0, 2, make<LevenbergMarquardt>});
    return nullptr;
}

Outcome minimise(Objective<double>& objective, const Method& method, double* parameters,
                 MethodState& state, const double* factors, bool single, size_t iterations,
                 double* losses) {
    const double gradient_tolerance = method.settings[0], loss_goal = method.settings[1];
    Descent descent(objective, parameters, method, state, factors, single);
    const auto iteration = find_method(method)->make();
    Outcome outcome{"", 0};
    try {
        while (outcome.iterations < iterations && !*outcome.reason) {
            if (!descent.evaluated) descent.evaluate(descent.now);
            descent.evaluated = true;
            losses[outcome.iterations] = descent.now.loss;
            if (!std::isfinite(descent.now.loss)) {
                outcome.reason = "diverged";
            } else if (descent.now.loss <= loss_goal) {
                outcome.reason = "goal";
            } else if (largest(descent.now.gradient) <= gradient_tolerance) {
                outcome.reason = "gradient";
            } else {
                outcome.reason = iteration->iterate(descent);
                ++descent.state.step;
            }
            ++outcome.iterations;
        }
    } catch (const Interrupted&) {
        // the iteration that was given up has changed nothing
    }
    std::copy(descent.now.parameters.begin(), descent.now.parameters.end(), parameters);
    state.step = descent.state.step;
    return outcome;
}

}  // namespace nnfast
