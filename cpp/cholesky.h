// Symmetric matrices and their Cholesky factors, at the speed of the weight gradient's kernel.
#pragma once

#include "network.h"
#include "team.h"
#include "vectors.h"

namespace nnfast {

// The upper triangle of a matrix (n, n), cut into panels of columns as wide as the kernels' panels;
// each is row-major, and its rows end with its last column. Columns are padded with zeros.
class Symmetric {
public:
    Symmetric(size_t n, const Kernels<double>& kernels);

    size_t size() const { return n_; }
    size_t panels() const { return start_.size(); }
    size_t first(size_t t) const { return t * panel_; }  // column
    size_t rows(size_t t) const { return std::min(first(t) + panel_, n_); }
    size_t width(size_t t) const { return std::min(panel_, padded_ - first(t)); }
    double* data(size_t t) const { return memory_.get() + start_[t]; }
    size_t panel_of(size_t column) const { return column / panel_; }
    // row i, column j >= i
    double& at(size_t i, size_t j) const {
        const size_t t = panel_of(j);
        return data(t)[i * width(t) + j - first(t)];
    }

    void copy_negative(const Symmetric& other);

private:
    size_t n_, padded_, panel_;
    std::vector<size_t> start_;
    Buffer<double> memory_;
};

// Turns -A into U with U^T U = A; false where A is not positive definite.
bool cholesky(const Kernels<double>& kernels, Symmetric& matrix, Team& team);

// Solves U^T U x = b in place.
void solve(const Symmetric& u, Vector& x);

}  // namespace nnfast
