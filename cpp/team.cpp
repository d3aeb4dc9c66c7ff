#include "team.h"

#include <algorithm>
#include <chrono>
#include <system_error>

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

using Clock = std::chrono::steady_clock;

// A job shared by n members takes the caller a time t, and then it waits for the others for w. What
// members save, counted as (n - 1) t / 2 - w because they slow each other down, is credit for time
// that they lose when others need their processors. Once it is used up, jobs are done without
// members for a multiple of what the try has cost: 16 times first, and twice as often after every
// try until one has gone well, so that in the long run tries cost 1/128; but not for long, for it
// may have been the process that was stopped. The processors are the same for all teams, and so are
// these two numbers.
constexpr Clock::duration first_credit = std::chrono::milliseconds(3);
constexpr Clock::duration most_credit = std::chrono::milliseconds(10);
constexpr Clock::duration longest_alone = std::chrono::seconds(2);
constexpr int least_patience = 16, most_patience = 128;
std::atomic<int> patience{least_patience};
std::atomic<Clock::rep> alone_until{0};  // in ticks of the clock

}  // namespace

Team::Team(size_t members) : size_(members), credit_(first_credit) {}

void Team::start() {
    threads_.reserve(size_ - 1);
    const ArithmeticMode mode = arithmetic_mode();
    try {
        for (size_t i = 1; i < size_; ++i)
            threads_.emplace_back([this, i, mode] {
                set_arithmetic_mode(mode);
                work(i);
            });
    } catch (const std::system_error&) {
        size_ = threads_.size() + 1;  // the system gives no more
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

void Team::run(size_t parts, const std::function<void(size_t)>& job) {
    if (parts == 1) return job(0);
    job_ = &job;
    parts_ = parts;
    busy_ = threads_.size();
    bool wake;
    {
        std::lock_guard lock(mutex_);
        round_.fetch_add(1);
        wake = sleeping_ > 0;
    }
    if (wake) wake_.notify_all();
    const auto start = Clock::now();
    job(0);
    const auto done = Clock::now();
    // a member that lost its processor must not be kept from it by this wait
    for (size_t spins = 0; busy_.load(std::memory_order_acquire) > 0; ++spins)
        spins < 10'000 ? pause() : std::this_thread::yield();
    account(parts, start, done);
}

void Team::account(size_t parts, Clock::time_point start, Clock::time_point done) {
    const auto end = Clock::now();
    const auto saved = static_cast<Clock::rep>(parts - 1) * (done - start) / 2 - (end - done);
    credit_ = std::min(credit_ + saved, most_credit);
    if (credit_ == most_credit) patience = least_patience;
    if (credit_ >= Clock::duration(0)) return;
    const auto alone = std::min(patience.load() * (first_credit - credit_), longest_alone);
    alone_until = (end + alone).time_since_epoch().count();
    patience = std::min(2 * patience.load(), most_patience);
    credit_ = first_credit;
}

size_t Team::parts() {
    if (size_ == 1 || Clock::now().time_since_epoch().count() < alone_until) return 1;
    if (threads_.empty()) start();
    return size_;
}

void Team::work(size_t member) {
    uint64_t seen = 0;
    while ((seen = await(seen)) != 0) {
        if (member < parts_) (*job_)(member);
        busy_.fetch_sub(1, std::memory_order_release);
    }
}

// The number of the next job after `seen`; 0 when the team closes.
uint64_t Team::await(uint64_t seen) {
    const auto deadline = Clock::now() + spin_time;
    do {
        for (int i = 0; i < 100; ++i) {
            if (round_.load(std::memory_order_acquire) != seen)
                return round_.load(std::memory_order_acquire);
            if (closing_.load(std::memory_order_relaxed)) return 0;
            pause();
        }
    } while (Clock::now() < deadline);
    std::unique_lock lock(mutex_);
    ++sleeping_;
    wake_.wait(lock, [&] { return round_ != seen || closing_; });
    --sleeping_;
    return round_ != seen ? round_.load() : 0;
}

size_t team_size(size_t threads, size_t work, size_t least) {
    return std::clamp<size_t>(work / least, 1, threads);
}

}  // namespace nnfast
