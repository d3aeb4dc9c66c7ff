// SCG: the scaled conjugate gradient algorithm, steps 1 to 9 of Møller (1993).
#include "batch_methods.h"

namespace nnfast {

// The settings: sigma, and the first lambda. The slot: the direction p. The scalars: lambda,
// lambda-bar, delta, and 1 after a step that was refused, 0 after one that was made.
const char* SCG::iterate(Descent& d) {
    const double sigma = d.settings[0];
    double *kept = d.slot(0), *scalars = d.state.scalars;
    const bool first = d.state.step == 0;
    double lambda = first ? d.settings[1] : scalars[0], lambda_bar = first ? 0 : scalars[1];
    double delta = scalars[2];
    residual_ = d.now.gradient;
    for (double& v : residual_) v = -v;
    direction_.assign(kept, kept + d.size());
    double mu = dot(direction_, residual_);
    const bool restarts = first || !(mu > 0);
    if (restarts) {
        direction_ = residual_;
        mu = dot(residual_, residual_);
    }
    const double square = dot(direction_, direction_);
    if (restarts || scalars[3] == 0) {  // curvature along the direction
        const double length = sigma / std::sqrt(square);
        d.move(length, direction_, next_);
        d.evaluate(next_);
        delta = (dot(direction_, next_.gradient) + mu) / length;
    }
    delta += (lambda - lambda_bar) * square;
    if (delta <= 0) {  // makes the Hessian positive
        lambda_bar = 2 * (lambda - delta / square);
        delta = -delta + lambda * square;
        lambda = lambda_bar;
    }
    d.move(mu / delta, direction_, next_);
    d.evaluate(next_);
    double comparison = 2 * delta * (d.now.loss - next_.loss) / (mu * mu);
    if (!std::isfinite(comparison)) comparison = -1;
    const bool lower = comparison >= 0, small = d.is_small(d.distance(next_));
    if (lower) {
        lambda_bar = 0;
        const double g_g = dot(next_.gradient, next_.gradient);
        const double g_last = dot(next_.gradient, d.now.gradient);
        const bool again = (d.state.step + 1) % d.size() == 0;
        const double beta = again ? 0 : (g_g - g_last) / mu;
        for (size_t i = 0; i < d.size(); ++i)
            direction_[i] = beta * direction_[i] - next_.gradient[i];
        if (comparison >= 0.75) lambda /= 4;
        std::swap(d.now, next_);
    } else {
        lambda_bar = lambda;
    }
    if (comparison < 0.25) lambda += delta * (1 - comparison) / square;
    std::copy(direction_.begin(), direction_.end(), kept);
    const double after[] = {lambda, lambda_bar, delta, lower ? 0.0 : 1.0};
    std::copy(std::begin(after), std::end(after), scalars);
    return small ? "step" : "";
}

}  // namespace nnfast
