// How this thread's arithmetic treats subnormal numbers, each of which costs a hundred cycles.
#pragma once

#include <cstdint>

#if defined(__x86_64__) || defined(_M_X64)
#include <immintrin.h>
#endif

namespace nnfast {

#if defined(__x86_64__) || defined(_M_X64)
using ArithmeticMode = unsigned;
constexpr ArithmeticMode subnormals_are_zero = 0x8040;  // as results and as operands
inline ArithmeticMode arithmetic_mode() {
    return _mm_getcsr();
}
inline void set_arithmetic_mode(ArithmeticMode mode) {
    _mm_setcsr(mode);
}
#elif defined(__aarch64__)
using ArithmeticMode = uint64_t;
constexpr ArithmeticMode subnormals_are_zero = 1 << 24;
inline ArithmeticMode arithmetic_mode() {
    ArithmeticMode mode;
    asm volatile("mrs %0, fpcr" : "=r"(mode));
    return mode;
}
inline void set_arithmetic_mode(ArithmeticMode mode) {
    asm volatile("msr fpcr, %0" : : "r"(mode));
}
#else
using ArithmeticMode = unsigned;
constexpr ArithmeticMode subnormals_are_zero = 0;
inline ArithmeticMode arithmetic_mode() {
    return 0;
}
inline void set_arithmetic_mode(ArithmeticMode) {}
#endif

// This mode while it lives, in this thread, and then the one before.
class ArithmeticScope {
public:
    explicit ArithmeticScope(ArithmeticMode mode) : before_(arithmetic_mode()) {
        set_arithmetic_mode(mode);
    }
    ~ArithmeticScope() { set_arithmetic_mode(before_); }
    ArithmeticScope(const ArithmeticScope&) = delete;
    ArithmeticScope& operator=(const ArithmeticScope&) = delete;

private:
    ArithmeticMode before_;
};

}  // namespace nnfast
