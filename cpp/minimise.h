// Batch methods: minimisers that see all rows in every iteration (Rprop, Quickprop, L-BFGS, SCG,
// Levenberg-Marquardt). All is computed in double; the parameters of a float network are numbers
// that float can hold at every point where its loss is asked for.
//
// An iteration is a function of the parameters, the data and `MethodState`, and of nothing else:
// where a training is stopped between two of them, it goes on with the same bits.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "objective.h"
#include "vectors.h"

namespace nnfast {

struct Method {
    std::string name;
    Vector settings;  // gradient_tolerance, loss_goal, step_tolerance, then the method's own
};

struct MethodState {
    double* slots;    // vectors like the parameters, one after the other
    double* scalars;  // a few numbers
    uint64_t step;    // iterations made
};

// Parameters with their loss and its gradient
struct Point {
    Vector parameters, gradient;
    double loss = 0;
};

// What the methods share: the objective, and the point where the descent has come to.
class Descent {
public:
    // factors: 0 for parameters that stay; null for none
    Descent(Objective<double>& objective, const double* parameters, const Method& method,
            const MethodState& state, const double* factors, bool single);

    size_t size() const { return now.parameters.size(); }
    bool is_frozen(size_t i) const { return factors_ && factors_[i] == 0; }
    double* slot(size_t i) { return state.slots + i * size(); }

    void evaluate(Point& point);
    // to.parameters = now + length * direction, rounded where they are `single`, but for the frozen
    void move(double length, const Vector& direction, Point& to) const;
    // the largest difference of a parameter
    double distance(const Point& next) const;
    // step <= tolerance (tolerance + largest parameter)
    bool is_small(double step) const;

    Objective<double>& objective;
    const double* settings;  // the method's own
    MethodState state;
    Point now;
    bool evaluated = false;  // loss and gradient of `now`

private:
    const double step_tolerance_;
    const double* factors_;
    const bool single_;
};

class BatchMethod {
public:
    virtual ~BatchMethod() = default;
    // One iteration from the evaluated point `now`. Why it should be the last, "" if it should not:
    // "step" or "descent". The state is changed after the last evaluation only, for that may throw.
    virtual const char* iterate(Descent&) = 0;
};

// What a method needs: settings of its own, slots, scalars; null for an unknown name or a wrong
// number of settings.
struct MethodKind {
    size_t slots, scalars;
    std::unique_ptr<BatchMethod> (*make)();
};
std::unique_ptr<MethodKind> find_method(const Method& method);

struct Outcome {
    // "" where all iterations were made, "goal", "gradient", "step", "descent"; or "diverged",
    // where the last loss is not finite
    const char* reason;
    size_t iterations;
};

// Iterates from `parameters` and leaves them at the last point. losses[k] is the loss before step
// k; an iteration that finds nothing left to do counts, with the loss it found.
Outcome minimise(Objective<double>& objective, const Method& method, double* parameters,
                 MethodState& state, const double* factors, bool single, size_t iterations,
                 double* losses);

}  // namespace nnfast
