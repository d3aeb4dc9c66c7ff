// L-BFGS: algorithms 7.4 and 7.5 of Nocedal & Wright (2006), with the line search of 3.5 and 3.6.
#include <limits>

#include "batch_methods.h"

namespace nnfast {
namespace {

constexpr double sufficient = 1e-4, curvature = 0.9;  // c1 and c2 of the strong Wolfe conditions
constexpr double noise = 1e-15;                       // of a loss, relative
constexpr int most_evaluations = 30;

struct Trial {
    double length, loss, slope;
};

// The minimum of the cubic through two trials (3.59), or else their middle.
double cubic_minimum(const Trial& a, const Trial& b) {
    const double d1 = a.slope + b.slope - 3 * (a.loss - b.loss) / (a.length - b.length);
    const double square = d1 * d1 - a.slope * b.slope;
    const double d2 = std::copysign(std::sqrt(std::max(square, 0.0)), b.length - a.length);
    const double length =
        b.length - (b.length - a.length) * (b.slope + d2 - d1) / (b.slope - a.slope + 2 * d2);
    return square >= 0 && std::isfinite(length) ? length : (a.length + b.length) / 2;
}

class LineSearch {
public:
    LineSearch(Descent& descent, const Vector& direction, Point& next)
        : descent_(descent),
          direction_(direction),
          next_(next),
          start_{0, descent.now.loss, dot(descent.now.gradient, direction)} {}

    // Whether `next` is a point that fulfils the conditions, or at least is lower.
    bool run(double length) {
        Trial last = start_;
        while (evaluations_ < most_evaluations) {
            const Trial trial = evaluate(length);
            if (accepts(trial)) return true;
            if (!decreases(trial) || (last.length > 0 && trial.loss >= last.loss))
                return zoom(last, trial);
            if (trial.slope >= 0) return zoom(trial, last);
            length = std::clamp(cubic_minimum(last, trial), 2 * length, 10 * length);
            last = trial;
        }
        return take(last);
    }

private:
    Trial evaluate(double length) {
        ++evaluations_;
        descent_.move(length, direction_, next_);
        descent_.evaluate(next_);
        const double loss =
            std::isfinite(next_.loss) ? next_.loss : std::numeric_limits<double>::infinity();
        return {length, loss, dot(next_.gradient, direction_)};
    }

    bool decreases(const Trial& t) const {
        return t.loss <= start_.loss + sufficient * t.length * start_.slope;
    }

    // The strong Wolfe conditions; where the decrease is below the loss's rounding, those that
    // slopes can tell (Hager & Zhang 2005).
    bool accepts(const Trial& t) const {
        if (decreases(t)) return std::fabs(t.slope) <= -curvature * start_.slope;
        return t.loss <= start_.loss + noise * std::fabs(start_.loss) &&
               t.slope >= curvature * start_.slope &&
               t.slope <= (2 * sufficient - 1) * start_.slope;
    }

    // low is the lower of two trials with acceptable lengths between them
    bool zoom(Trial low, Trial high) {
        while (evaluations_ < most_evaluations) {
            const double left = std::min(low.length, high.length);
            const double width = std::max(low.length, high.length) - left;
            const Trial trial = evaluate(
                std::clamp(cubic_minimum(low, high), left + 0.1 * width, left + 0.9 * width));
            if (accepts(trial)) return true;
            if (!decreases(trial) || trial.loss >= low.loss) {
                high = trial;
            } else {
                if (trial.slope * (high.length - low.length) >= 0) high = low;
                low = trial;
            }
        }
        return take(low);
    }

    bool take(const Trial& t) {
        if (!(t.loss < start_.loss)) return false;
        evaluate(t.length);
        return true;
    }

    Descent& descent_;
    const Vector& direction_;
    Point& next_;
    const Trial start_;
    int evaluations_ = 0;
};

}  // namespace

// direction = -H g, where H is made of the pairs s, y that are remembered (7.4)
void LBFGS::find_direction(Descent& d, size_t pairs) {
    const auto memory = static_cast<size_t>(d.settings[0]);
    const double* rho = d.state.scalars + 1;
    const size_t n = d.size(), oldest = pairs - std::min(pairs, memory);
    direction_ = d.now.gradient;
    alpha_.resize(memory);
    for (size_t k = pairs; k-- > oldest;) {
        const size_t i = k % memory;
        alpha_[i] = rho[i] * dot(d.slot(i), direction_.data(), n);
        add(-alpha_[i], d.slot(memory + i), direction_);
    }
    double scale = -1;
    if (pairs > 0) {
        const size_t newest = (pairs - 1) % memory;
        const double* y = d.slot(memory + newest);
        scale = -1 / (rho[newest] * dot(y, y, n));
    }
    for (double& v : direction_) v *= scale;
    for (size_t k = oldest; k < pairs; ++k) {
        const size_t i = k % memory;
        const double beta = rho[i] * dot(d.slot(memory + i), direction_.data(), n);
        add(-alpha_[i] - beta, d.slot(i), direction_);
    }
}

// Takes the pair s = next - now, y = its gradient - ours, unless it has no positive curvature.
void LBFGS::remember(Descent& d, size_t pairs, const Point& next) {
    const auto memory = static_cast<size_t>(d.settings[0]);
    const size_t place = pairs % memory;
    d.state.scalars[0] = static_cast<double>(pairs);
    s_.resize(d.size());
    y_.resize(d.size());
    for (size_t i = 0; i < d.size(); ++i) {
        s_[i] = next.parameters[i] - d.now.parameters[i];
        y_[i] = next.gradient[i] - d.now.gradient[i];
    }
    const double sy = dot(s_, y_);
    if (!(sy > std::numeric_limits<double>::epsilon() * dot(y_, y_))) return;
    std::copy(s_.begin(), s_.end(), d.slot(place));
    std::copy(y_.begin(), y_.end(), d.slot(memory + place));
    d.state.scalars[1 + place] = 1 / sy;
    ++d.state.scalars[0];
}

// The setting: memory. The slots: s, then y, of `memory` pairs in turn. The scalars: pairs seen,
// and 1 / (s y) of each.
const char* LBFGS::iterate(Descent& d) {
    auto pairs = static_cast<size_t>(d.state.scalars[0]);
    for (;;) {
        find_direction(d, pairs);
        double length = 1;
        if (pairs == 0) {  // the gradient says nothing about the length
            double sum = 0;
            for (const double g : d.now.gradient) sum += std::fabs(g);
            length = std::min(1.0, 1 / sum);
        }
        const bool descends = dot(d.now.gradient, direction_) < 0;
        if (descends && LineSearch(d, direction_, next_).run(length)) break;
        if (pairs == 0) return "descent";
        pairs = 0;  // once more, along the gradient
    }
    // both within rounding: nothing is gained any more
    if (next_.loss >= d.now.loss && largest(next_.gradient) >= largest(d.now.gradient))
        return "descent";
    remember(d, pairs, next_);
    const bool small = d.is_small(d.distance(next_));
    std::swap(d.now, next_);
    return small ? "step" : "";
}

}  // namespace nnfast
