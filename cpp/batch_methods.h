// The batch methods by name; python/nnfast/formulas/batch_methods.py tells what each computes.
#pragma once

#include "gauss_newton.h"
#include "minimise.h"

namespace nnfast {

class Rprop : public BatchMethod {
    const char* iterate(Descent&) override;
    Vector move_;
    Point next_;
};

class Quickprop : public BatchMethod {
    const char* iterate(Descent&) override;
    Vector move_;
    Point next_;
};

class LBFGS : public BatchMethod {
    const char* iterate(Descent&) override;
    void find_direction(Descent&, size_t pairs);
    void remember(Descent&, size_t pairs, const Point& next);
    Vector direction_, alpha_, s_, y_;
    Point next_;
};

class SCG : public BatchMethod {
    const char* iterate(Descent&) override;
    Vector direction_, residual_;
    Point next_;
};

class LevenbergMarquardt : public BatchMethod {
    const char* iterate(Descent&) override;
    std::unique_ptr<GaussNewton> curvature_;
    Vector step_;
    Point next_;
};

}  // namespace nnfast
