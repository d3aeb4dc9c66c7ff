#include "noise.h"

#include <cmath>

namespace nnfast {

template <class T>
void drop(const Stream& stream, double rate, Block<const T> a, T* kept, T* thinned) {
    const auto limit = static_cast<uint64_t>(rate * 4294967296.0);
    const T factor = static_cast<T>(1 / (1 - rate));
    for (size_t r = 0; r < a.rows; ++r)
        for (size_t c = 0; c < a.outputs; ++c) {
            const size_t place = r * a.stride + c;
            // no branch: it could not be predicted
            kept[place] = factor * static_cast<T>(stream(r, a.outputs, c) >> 32 >= limit);
            thinned[place] = a.data[place] * kept[place];
        }
}

template <class T>
void add_noise(const Stream& stream, double sigma, Block<T> a) {
    constexpr double unit = 1 / 4294967296.0, two_pi = 6.283185307179586;
    for (size_t r = 0; r < a.rows; ++r)
        for (size_t c = 0; c < a.outputs; ++c) {
            const uint64_t number = stream(r, a.outputs, c);
            const double u = (static_cast<double>(number >> 32) + 0.5) * unit;
            const double v = (static_cast<double>(number & 0xFFFFFFFF) + 0.5) * unit;
            const double normal = std::sqrt(-2 * std::log(u)) * std::cos(two_pi * v);
            a.data[r * a.stride + c] += static_cast<T>(sigma * normal);
        }
}

#define NNFAST_INSTANTIATE(T)                                          \
    template void drop(const Stream&, double, Block<const T>, T*, T*); \
    template void add_noise(const Stream&, double, Block<T>);
NNFAST_INSTANTIATE(float)
NNFAST_INSTANTIATE(double)

}  // namespace nnfast
