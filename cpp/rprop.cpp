// Rprop and Quickprop: every parameter steps by itself.
#include "batch_methods.h"

namespace nnfast {

// The settings: 0 for iRprop-, 1 for iRprop+; increase, decrease; first, smallest, largest step.
// The slots: step sizes, last gradient, last move. The scalar: the last loss.
const char* Rprop::iterate(Descent& d) {
    const bool backtracks = d.settings[0] != 0;
    const double increase = d.settings[1], decrease = d.settings[2];
    const double smallest = d.settings[4], most = d.settings[5];
    double *size = d.slot(0), *last = d.slot(1), *last_move = d.slot(2);
    const bool worse = backtracks && d.state.step > 0 && d.now.loss > d.state.scalars[0];
    if (d.state.step == 0) std::fill_n(size, d.size(), d.settings[3]);
    d.state.scalars[0] = d.now.loss;
    move_.resize(d.size());
    double longest = 0;
    for (size_t i = 0; i < d.size(); ++i) {
        const double product = last[i] * d.now.gradient[i];
        double g = d.now.gradient[i], back = 0;
        if (product > 0) size[i] = std::min(size[i] * increase, most);
        if (product < 0) {
            size[i] = std::max(size[i] * decrease, smallest);
            g = 0;
            if (worse) back = -last_move[i];
        }
        last[i] = g;
        last_move[i] = move_[i] = g > 0 ? -size[i] : g < 0 ? size[i] : back;
        longest = std::max(longest, size[i]);
    }
    d.move(1, move_, next_);
    std::swap(d.now.parameters, next_.parameters);
    d.evaluated = false;
    return d.is_small(longest) ? "step" : "";
}

// The settings: learning rate, mu, decay. The slots: last gradient, last move.
const char* Quickprop::iterate(Descent& d) {
    const double rate = d.settings[0], mu = d.settings[1], decay = d.settings[2];
    double *last = d.slot(0), *last_move = d.slot(1);
    move_.resize(d.size());
    for (size_t i = 0; i < d.size(); ++i) {
        const double g = d.now.gradient[i] + decay * d.now.parameters[i];
        const double m = last_move[i];
        double next = 0;
        if (m == 0 || g * m < 0) next = -rate * g;
        if (m != 0) {
            // beyond mu the parabola's minimum is too far, or it has none on this side
            const bool far = m > 0 ? g < mu / (1 + mu) * last[i] : g > mu / (1 + mu) * last[i];
            next += far ? mu * m : m * (g / (last[i] - g));
        }
        last[i] = g;
        last_move[i] = move_[i] = next;
    }
    d.move(1, move_, next_);
    const bool small = d.is_small(d.distance(next_));
    std::swap(d.now.parameters, next_.parameters);
    d.evaluated = false;
    return small ? "step" : "";
}

}  // namespace nnfast
