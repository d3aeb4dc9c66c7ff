// Threads that live only inside one call: nothing is left behind for a fork to break.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <vector>

#include "thread.h"

namespace nnfast {

class Team {
public:
    // The calling thread is a member; the other threads start with the first job for them.
    explicit Team(size_t members);
    ~Team();
    Team(const Team&) = delete;
    Team& operator=(const Team&) = delete;

    // The most members that there will be
    size_t size() const { return size_; }

    // Into how many parts the next job should go: one while the members are not worth waiting for,
    // because others need their processors.
    size_t parts();

    // job(i) for i = 0, ..., parts - 1, each by a member, at the same time; returns when all have
    // ended. job must not throw.
    void run(size_t parts, const std::function<void(size_t)>& job);

private:
    using Clock = std::chrono::steady_clock;

    void start();
    void work(size_t member);
    uint64_t await(uint64_t seen);
    void account(size_t parts, Clock::time_point start, Clock::time_point done);

    size_t size_;
    std::vector<Thread> threads_;
    const std::function<void(size_t)>* job_ = nullptr;
    size_t parts_ = 0;
    alignas(64) std::atomic<uint64_t> round_{0};  // counts the jobs
    alignas(64) std::atomic<size_t> busy_{0};     // members still at the present job
    alignas(64) std::atomic<bool> closing_{false};
    std::mutex mutex_;  // for sleeping members only
    std::condition_variable wake_;
    size_t sleeping_ = 0;
    Clock::duration credit_;  // the time that members may still lose
};

// Below this many multiplications a second thread costs more than it brings.
constexpr size_t least_shared_work = 1'000'000;

// job(member, i) for i = first, ..., last - 1, in turns by the members where the work is worth it
template <class Job>
void deal(Team& team, size_t work, size_t first, size_t last, const Job& job) {
    const size_t parts = work < least_shared_work ? 1 : team.parts();
    const auto part = [&](size_t member) {
        for (size_t i = first + member; i < last; i += parts) job(member, i);
    };
    parts == 1 ? part(0) : team.run(parts, part);
}

// Threads for a job of this many multiplications in one piece: one for each `least` at the most,
// for fewer cost more than a thread brings.
size_t team_size(size_t threads, size_t work, size_t least = 2'000'000);

}  // namespace nnfast
