// The Gauss-Newton matrix of an objective. The Jacobian it is made of exists a block of rows at a
// time only.
#pragma once

#include "cholesky.h"
#include "jacobian.h"
#include "objective.h"

namespace nnfast {

// H (parameters, parameters) = mean over the rows of J^T C J, where J (outputs, parameters) is the
// Jacobian of a row's outputs and C the diagonal of the loss's expected second derivatives, times
// the row's weight; and l2 is added to the diagonal. For a cross-entropy H is the Fisher matrix.
class GaussNewton {
public:
    // frozen: parameters that stay; their rows and columns are zero
    GaussNewton(Objective<double>& objective, std::vector<size_t> frozen);

    void evaluate(const double* parameters);
    double diagonal(size_t i) const { return h_.at(i, i) + ridge_[i]; }
    // Solves (H + damping I) x = b in place; false where that is not positive definite.
    bool solve(double damping, Vector& x);

private:
    void differentiate(size_t output, size_t first, size_t rows, const double* a);
    void add_block(size_t rows, bool resume);

    Objective<double>& objective_;
    const Network<double>& network_;
    size_t most_, stride_;  // rows of a block; from row to row of it
    Team team_;
    Jacobian<double> jacobian_;
    Symmetric h_, factor_;
    Buffer<double> j_;
    std::vector<const double*> j_rows_, x_;
    Vector factors_, ridge_;
    const std::vector<size_t> frozen_;
};

}  // namespace nnfast
