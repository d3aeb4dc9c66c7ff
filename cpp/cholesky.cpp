#include "cholesky.h"

namespace nnfast {
namespace {

// Rows that are eliminated together: whole panels of every instruction set, so that all of them
// round in the same places.
constexpr size_t block = 24;

using Square = double[block][block];

// U with U^T U = A, of which the upper triangle is read, in place
bool factor(Square& a, size_t n) {
    for (size_t k = 0; k < n; ++k) {
        if (!(a[k][k] > 0)) return false;
        const double root = std::sqrt(a[k][k]);
        for (size_t j = k; j < n; ++j) a[k][j] /= root;
        for (size_t i = k + 1; i < n; ++i)
            for (size_t j = i; j < n; ++j) a[i][j] -= a[k][i] * a[k][j];
    }
    return true;
}

// -U^-1 of an upper triangle, zero below
void negative_inverse(const Square& u, size_t n, Square& inverse) {
    for (size_t j = 0; j < n; ++j) {
        for (size_t i = 0; i < block; ++i) inverse[i][j] = 0;
        inverse[j][j] = -1 / u[j][j];
        for (size_t i = j; i-- > 0;) {
            double sum = 0;
            for (size_t k = i + 1; k <= j; ++k) sum += u[i][k] * inverse[k][j];
            inverse[i][j] = -sum / u[i][i];
        }
    }
}

class Elimination {
public:
    Elimination(const Kernels<double>& kernels, Symmetric& matrix, Team& team)
        : kernels_(kernels),
          m_(matrix),
          team_(team),
          scratch_(block * kernels.panel * team.size()) {}

    // rows [first, first + block): minus what the rows above eliminate, then U
    bool run(size_t first) {
        first_ = first;
        count_ = std::min(block, m_.size() - first);
        const size_t own = m_.panel_of(first);
        if (first > 0) {
            above_.clear();
            for (size_t s = own; s < m_.panels() && m_.first(s) < first + count_; ++s)
                for (size_t k = 0; k < first; ++k) above_.push_back(m_.data(s) + k * m_.width(s));
            deal(team_, first * block * (m_.size() - first), own, m_.panels(),
                 [this](size_t, size_t t) { eliminate(t); });
        }
        if (!factor_diagonal()) return false;
        const size_t right = m_.panel_of(first + block);
        if (right < m_.panels())
            deal(team_, block * block * (m_.size() - first), right, m_.panels(),
                 [this](size_t member, size_t t) { divide(member, t); });
        return true;
    }

private:
    void eliminate(size_t t) {
        for (size_t s = m_.panel_of(first_), k = 0; k < above_.size(); ++s, k += first_) {
            if (s > t) break;
            WeightGradient<double> g{};
            g.rows = first_;
            g.inputs = m_.rows(s) - m_.first(s);
            g.columns = g.delta_stride = m_.width(t);
            g.x = above_.data() + k;
            g.delta = m_.data(t);
            g.gradient = m_.data(t) + m_.first(s) * m_.width(t);
            g.resume = true;
            kernels_.weight_gradient(g);
        }
    }

    bool factor_diagonal() {
        Square u;
        for (size_t i = 0; i < count_; ++i)
            for (size_t j = i; j < count_; ++j) u[i][j] = -m_.at(first_ + i, first_ + j);
        if (!factor(u, count_)) return false;
        for (size_t i = 0; i < count_; ++i)
            for (size_t j = i; j < count_; ++j) m_.at(first_ + i, first_ + j) = u[i][j];
        negative_inverse(u, count_, inverse_);
        for (size_t i = 0; i < block; ++i) inverse_rows_[i] = inverse_[i];
        return true;
    }

    // rows of U = U_diagonal^-T A
    void divide(size_t member, size_t t) {
        double* rows = m_.data(t) + first_ * m_.width(t);
        double* copy = scratch_.get() + member * block * kernels_.panel;
        std::copy_n(rows, count_ * m_.width(t), copy);
        WeightGradient<double> g{};
        g.rows = g.inputs = count_;
        g.columns = g.delta_stride = m_.width(t);
        g.x = inverse_rows_;
        g.delta = copy;
        g.gradient = rows;
        kernels_.weight_gradient(g);
    }

    const Kernels<double>& kernels_;
    Symmetric& m_;
    Team& team_;
    Buffer<double> scratch_;
    std::vector<const double*> above_;
    size_t first_ = 0, count_ = 0;
    Square inverse_;
    const double* inverse_rows_[block];
};

}  // namespace

Symmetric::Symmetric(size_t n, const Kernels<double>& kernels)
    : n_(n),
      padded_((n + kernels.lanes - 1) / kernels.lanes * kernels.lanes),
      panel_(kernels.panel) {
    size_t place = 0;
    for (size_t column = 0; column < n; column += panel_) {
        start_.push_back(place);
        place += std::min(column + panel_, n) * std::min(panel_, padded_ - column);
    }
    memory_ = Buffer<double>(place);
}

void Symmetric::copy_negative(const Symmetric& other) {
    for (size_t i = 0; i < memory_.size(); ++i) memory_.get()[i] = -other.memory_.get()[i];
}

bool cholesky(const Kernels<double>& kernels, Symmetric& matrix, Team& team) {
    Elimination elimination(kernels, matrix, team);
    for (size_t first = 0; first < matrix.size(); first += block)
        if (!elimination.run(first)) return false;
    return true;
}

void solve(const Symmetric& u, Vector& x) {
    for (size_t t = 0; t < u.panels(); ++t) {  // U^T y = b
        const size_t first = u.first(t), last = u.rows(t), width = u.width(t);
        const double* row = u.data(t);
        for (size_t i = 0; i < first; ++i, row += width)
            for (size_t j = first; j < last; ++j) x[j] -= row[j - first] * x[i];
        for (size_t i = first; i < last; ++i, row += width) {
            x[i] /= row[i - first];
            for (size_t j = i + 1; j < last; ++j) x[j] -= row[j - first] * x[i];
        }
    }
    for (size_t t = u.panels(); t-- > 0;) {  // U x = y
        const size_t first = u.first(t), last = u.rows(t), width = u.width(t);
        for (size_t i = last; i-- > 0;) {
            const double* row = u.data(t) + i * width;
            // from the last column to the first, however they are cut into panels
            for (size_t j = last; j-- > std::max(i + 1, first);) x[i] -= row[j - first] * x[j];
            if (i >= first) x[i] /= row[i - first];
        }
    }
}

}  // namespace nnfast
