// Looking for an interruption, such as Ctrl-C, during long work.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>

namespace nnfast {

// Says when it is time to look for an interruption: the clock is read once in a while only.
class Watch {
public:
    explicit Watch(const std::function<bool()>& interrupted) : interrupted_(interrupted) {}

    // after `work` more multiplications
    bool stop(size_t work) {
        done_ += work + 64;
        if (done_ < 200'000) return false;
        done_ = 0;
        const auto now = std::chrono::steady_clock::now();
        if (now - last_ < std::chrono::milliseconds(50)) return false;
        last_ = now;
        return interrupted_();
    }

private:
    const std::function<bool()>& interrupted_;
    std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
    size_t done_ = 0;
};

}  // namespace nnfast
