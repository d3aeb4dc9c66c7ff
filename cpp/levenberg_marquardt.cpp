// The Levenberg-Marquardt method with Nielsen's (1999) damping. It is Levenberg's (1944) multiple
// of the identity: Marquardt's (1963) of the diagonal lets the weights of saturated units, whose
// entries are small, run away.
#include "batch_methods.h"

namespace nnfast {

// The setting: the first damping, relative to the largest curvature. The scalars: damping mu, and
// nu, by which it grows next.
const char* LevenbergMarquardt::iterate(Descent& d) {
    if (!curvature_) {
        std::vector<size_t> frozen;
        for (size_t i = 0; i < d.size(); ++i)
            if (d.is_frozen(i)) frozen.push_back(i);
        curvature_ = std::make_unique<GaussNewton>(d.objective, std::move(frozen));
    }
    curvature_->evaluate(d.now.parameters.data());
    double mu = d.state.scalars[0], nu = d.state.scalars[1];
    if (d.state.step == 0) {
        double most = 0;
        for (size_t i = 0; i < d.size(); ++i) most = std::max(most, curvature_->diagonal(i));
        mu = d.settings[0] * (most > 0 ? most : 1);
        nu = 2;
    }
    step_.resize(d.size());
    for (; std::isfinite(mu); mu *= nu, nu *= 2) {
        for (size_t i = 0; i < d.size(); ++i) step_[i] = -d.now.gradient[i];
        if (!curvature_->solve(mu, step_)) continue;
        d.move(1, step_, next_);
        if (d.is_small(d.distance(next_))) return "step";
        d.evaluate(next_);
        double predicted = 0;  // decrease
        for (size_t i = 0; i < d.size(); ++i)
            predicted += step_[i] * (mu * step_[i] - d.now.gradient[i]) / 2;
        const double gain = (d.now.loss - next_.loss) / predicted;
        if (!(gain > 0)) continue;
        const double miss = 2 * gain - 1;
        d.state.scalars[0] = std::max(mu * std::max(1.0 / 3, 1 - miss * miss * miss), 1e-20);
        d.state.scalars[1] = 2;
        std::swap(d.now, next_);
        return "";
    }
    return "descent";
}

}  // namespace nnfast
