// Random numbers by their place: dropout and input noise, the same for any number of threads.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels.h"

namespace nnfast {

// SplitMix64 (Steele, Lea & Flood, 2014): the step from state to state, and the mixing of one
constexpr uint64_t gamma = 0x9E3779B97F4A7C15;

inline uint64_t mix(uint64_t u) {
    u = (u ^ (u >> 30)) * 0xBF58476D1CE4E5B9;
    u = (u ^ (u >> 27)) * 0x94D049BB133111EB;
    return u ^ (u >> 31);
}

// The numbers of one stream in one update, as levels/contract.py defines them; `first` is the place
// in its batch of a chunk's first row.
struct Stream {
    uint64_t key;
    size_t first;

    uint64_t operator()(size_t row, size_t columns, size_t column) const {
        return mix(key + gamma * ((first + row) * columns + column + 1));
    }
};

// All streams of one update
struct Noise {
    uint64_t seed, step;
    size_t streams, first;

    Stream stream(size_t number) const {
        return {mix(seed + gamma * (step * streams + number + 1)), first};
    }
};

// kept (like a) = 0 where a number is dropped, with probability `rate`, else 1 / (1 - rate), and
// thinned (like a) = a kept
template <class T>
void drop(const Stream& stream, double rate, Block<const T> a, T* kept, T* thinned);

// a += sigma n with normal numbers n (Box & Muller, 1958)
template <class T>
void add_noise(const Stream& stream, double sigma, Block<T> a);

}  // namespace nnfast
