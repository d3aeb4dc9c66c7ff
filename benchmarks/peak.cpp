// Multiply-adds per second of one core: twelve independent chains of a = a x + y, in vectors of
// BYTES bytes. Twelve cover a latency of four cycles with two units, and five with two nearly.
#include <chrono>

namespace {

template <class T> double peak(double seconds) {
    typedef T Vector __attribute__((vector_size(BYTES)));
    constexpr int chains = 12;
    constexpr long block = 20000;
    volatile T one = 1, zero = 0;
    const Vector x = Vector{} + one, y = Vector{} + zero;
    Vector a[chains];
    for (auto &v : a) v = x;
    const auto start = std::chrono::steady_clock::now();
    double elapsed = 0, count = 0;
    while (elapsed < seconds) {
        for (long i = 0; i < block; ++i) {
#pragma GCC unroll 12
            for (int k = 0; k < chains; ++k) a[k] = a[k] * x + y;
        }
        count += double(block) * chains * (BYTES / sizeof(T));
        elapsed = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    }
    volatile T sink = 0;
    for (const auto &v : a) sink = sink + v[0];
    return count / elapsed;
}

}  // namespace

extern "C" double peak_float32(double seconds) { return peak<float>(seconds); }
extern "C" double peak_float64(double seconds) { return peak<double>(seconds); }
