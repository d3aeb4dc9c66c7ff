// A thread that begins on another processor than the one that makes it.
#pragma once

#include <functional>
#include <thread>

#if defined(__GLIBC__)
#include <pthread.h>
#endif

namespace nnfast {

// Linux may put a new thread behind its maker, who goes on computing, and move it to a free
// processor only milliseconds later. So it begins on one of the others that the maker may use, and
// may then use all of them. It has to be joined.
class Thread {
public:
    // Throws std::system_error where the system gives no thread. job must not throw.
    explicit Thread(std::function<void()> job);

    void join();

private:
#if defined(__GLIBC__)
    pthread_t thread_;
#else
    std::thread thread_;
#endif
};

}  // namespace nnfast
