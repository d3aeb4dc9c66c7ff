// Arithmetic on vectors of parameters. Sums are taken in one order, in eight parts, so that they
// are the same with every compiler and instruction set.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

namespace nnfast {

using Vector = std::vector<double>;

// term(i) summed over i < n
template <class F>
double sum_of(size_t n, F term) {
    double part[8] = {};
    size_t i = 0;
    for (; i + 8 <= n; i += 8)
        for (size_t j = 0; j < 8; ++j) part[j] += term(i + j);
    for (size_t j = 0; i + j < n; ++j) part[j] += term(i + j);
    return ((part[0] + part[4]) + (part[2] + part[6])) +
           ((part[1] + part[5]) + (part[3] + part[7]));
}

inline double dot(const double* a, const double* b, size_t n) {
    return sum_of(n, [=](size_t i) { return a[i] * b[i]; });
}

inline double dot(const Vector& a, const Vector& b) {
    return dot(a.data(), b.data(), a.size());
}

// y += factor x
inline void add(double factor, const double* x, Vector& y) {
    for (size_t i = 0; i < y.size(); ++i) y[i] += factor * x[i];
}

// the largest absolute value; not a number where one of them is not
inline double largest(const Vector& x) {
    double most = 0;
    for (const double v : x) most = std::fabs(v) <= most ? most : std::fabs(v);
    return most;
}

}  // namespace nnfast
