#include "team.h"

#include <algorithm>
#include <chrono>

#include "floating_point.h"

#if defined(__x86_64__) || defined(_M_X64)
#include <immintrin.h>
#endif

namespace nnfast {
namespace {

void pause() {
#if defined(__x86_64__) || defined(_M_X64)
    _mm_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
}

// Jobs of one training follow each other within microseconds; a member that has spun for this long
// without one sleeps, which costs the next job about 10 microseconds.
constexpr auto spin_time = std::chrono::microseconds(50);

// A member that is this late, and later than the caller needed for its own part, has lost its
// processor: the next jobs, twice as many each time, do without.
constexpr auto late = std::chrono::microseconds(200);
constexpr size_t fewest_alone = 64, most_alone = 8192;
// however long jobs are, 1/32 of the time at the most is waited in vain
constexpr int most_lost = 32;

}  // namespace

Team::Team(size_t members) {
    try {
        const ArithmeticMode mode = arithmetic_mode();
        for (size_t i = 1; i < members; ++i)
            threads_.emplace_back([this, i, mode] {
                set_arithmetic_mode(mode);
                work(i);
            });
    } catch (const std::system_error&) {
        // the system gives no more threads: the team is the ones there are
    }
}

Team::~Team() {
    {
        std::lock_guard lock(mutex_);
        closing_ = true;
    }
    wake_.notify_all();
    for (auto& thread : threads_) thread.join();
}

void Team::run(const std::function<void(size_t)>& job) {
    if (threads_.empty()) return job(0);
    job_ = &job;
    busy_ = threads_.size();
    bool wake;
    {
        std::lock_guard lock(mutex_);
        round_.fetch_add(1);
        wake = sleeping_ > 0;
    }
    if (wake) wake_.notify_all();
    const auto start = std::chrono::steady_clock::now();
    job(0);
    const auto done = std::chrono::steady_clock::now();
    // a member that lost its processor must not be kept from it by this wait
    for (size_t spins = 0; busy_.load(std::memory_order_acquire) > 0; ++spins)
        spins < 10'000 ? pause() : std::this_thread::yield();
    const auto waited = std::chrono::steady_clock::now() - done;
    if (waited > late && waited > done - start) {
        next_alone_ = std::clamp(2 * next_alone_, fewest_alone, most_alone);
        alone_ = next_alone_;
        alone_until_ = done + most_lost * waited;
    } else if (next_alone_ > 0) {
        --next_alone_;
    }
}

size_t Team::parts() {
    if (alone_ > 0)
        --alone_;
    else if (std::chrono::steady_clock::now() >= alone_until_)
        return size();
    return 1;
}

void Team::work(size_t member) {
    uint64_t seen = 0;
    while ((seen = await(seen)) != 0) {
        (*job_)(member);
        busy_.fetch_sub(1, std::memory_order_release);
    }
}

// The number of the next job after `seen`; 0 when the team closes.
uint64_t Team::await(uint64_t seen) {
    const auto deadline = std::chrono::steady_clock::now() + spin_time;
    do {
        for (int i = 0; i < 100; ++i) {
            if (round_.load(std::memory_order_acquire) != seen)
                return round_.load(std::memory_order_acquire);
            if (closing_.load(std::memory_order_relaxed)) return 0;
            pause();
        }
    } while (std::chrono::steady_clock::now() < deadline);
    std::unique_lock lock(mutex_);
    ++sleeping_;
    wake_.wait(lock, [&] { return round_ != seen || closing_; });
    --sleeping_;
    return round_ != seen ? round_.load() : 0;
}

size_t team_size(size_t threads, size_t work) {
    return std::clamp<size_t>(work / 2'000'000, 1, threads);
}

}  // namespace nnfast
