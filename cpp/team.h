// Threads that live only inside one call: nothing is left behind for a fork to break.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace nnfast {

class Team {
public:
    // The calling thread is a member: Team(1) starts no thread.
    explicit Team(size_t members);
    ~Team();
    Team(const Team&) = delete;
    Team& operator=(const Team&) = delete;

    size_t size() const { return threads_.size() + 1; }

    // Into how many parts the next job should go: one while others need the processors, which
    // would keep every job waiting for a member that is not running.
    size_t parts();

    // job(i) for every member i, at the same time; returns when all have ended. job must not throw.
    void run(const std::function<void(size_t)>& job);

private:
    void work(size_t member);
    uint64_t await(uint64_t seen);

    std::vector<std::thread> threads_;
    const std::function<void(size_t)>* job_ = nullptr;
    alignas(64) std::atomic<uint64_t> round_{0};  // counts the jobs
    alignas(64) std::atomic<size_t> busy_{0};     // members still at the present job
    alignas(64) std::atomic<bool> closing_{false};
    std::mutex mutex_;  // for sleeping members only
    std::condition_variable wake_;
    size_t sleeping_ = 0;
    size_t alone_ = 0;       // jobs left that the caller does by itself
    size_t next_alone_ = 0;  // how many after the next time it has waited in vain
    std::chrono::steady_clock::time_point alone_until_{};  // and not before this
};

// Below this many multiplications a second thread costs more than it brings.
constexpr size_t least_shared_work = 1'000'000;

// job(member, i) for i = first, ..., last - 1, in turns by the members where the work is worth it
template <class Job>
void deal(Team& team, size_t work, size_t first, size_t last, const Job& job) {
    const size_t parts = work < least_shared_work ? 1 : team.parts();
    const auto part = [&](size_t member) {
        for (size_t i = first + member; member < parts && i < last; i += parts) job(member, i);
    };
    parts == 1 ? part(0) : team.run(part);
}

// Threads for a job of this many multiplications in one piece: one for each 2,000,000 at the most,
// for fewer cost more than a thread brings.
size_t team_size(size_t threads, size_t work);

}  // namespace nnfast
