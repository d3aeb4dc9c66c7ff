#include "thread.h"

#include <utility>

#if defined(__GLIBC__)
#include <sched.h>

#include <memory>
#include <system_error>
#endif

namespace nnfast {

#if defined(__GLIBC__)
namespace {

struct Beginning {
    std::function<void()> job;
    cpu_set_t processors;
    bool elsewhere;  // not on all of them at first
};

void* begin(void* given) {
    const std::unique_ptr<Beginning> beginning(static_cast<Beginning*>(given));
    const auto& processors = beginning->processors;
    if (beginning->elsewhere)
        pthread_setaffinity_np(pthread_self(), sizeof(processors), &processors);
    beginning->job();
    return nullptr;
}

// Leaves this thread's processor out; false where there is no other, or that cannot be said.
bool place_elsewhere(pthread_attr_t& attributes, cpu_set_t& processors) {
    const int here = sched_getcpu();
    if (here < 0 || here >= CPU_SETSIZE ||
        pthread_getaffinity_np(pthread_self(), sizeof(processors), &processors) != 0)
        return false;
    cpu_set_t others = processors;
    CPU_CLR(here, &others);
    return CPU_COUNT(&others) > 0 &&
           pthread_attr_setaffinity_np(&attributes, sizeof(others), &others) == 0;
}

}  // namespace

Thread::Thread(std::function<void()> job) {
    auto beginning = std::make_unique<Beginning>(Beginning{std::move(job), {}, false});
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    beginning->elsewhere = place_elsewhere(attributes, beginning->processors);
    int error = pthread_create(&thread_, &attributes, begin, beginning.get());
    if (error == EINVAL)  // the processors have been taken away meanwhile
        error = pthread_create(&thread_, nullptr, begin, beginning.get());
    pthread_attr_destroy(&attributes);
    if (error != 0) throw std::system_error(error, std::generic_category());
    static_cast<void>(beginning.release());  // the thread has it
}

void Thread::join() {
    pthread_join(thread_, nullptr);
}
#else
Thread::Thread(std::function<void()> job) : thread_(std::move(job)) {}

void Thread::join() {
    thread_.join();
}
#endif

}  // namespace nnfast
