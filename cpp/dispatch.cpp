// Which instruction sets were compiled, and which of them this processor can run.
#include "kernels.h"

namespace nnfast {

#if defined(__x86_64__) || defined(_M_X64)

extern const KernelSet kernels_baseline, kernels_avx2, kernels_avx512;

const InstructionSet* instruction_sets(size_t& count) {
    // The operating system's consent, without which the wide registers are lost, is part of the
    // answers. All processors with these have the rest of x86-64-v3 and x86-64-v4.
    const bool has_avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
                          __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2");
    const bool has_avx512 =
        has_avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl");
    static const InstructionSet sets[] = {
        {"baseline", &kernels_baseline, nullptr, true},
        {"avx2", &kernels_avx2, nullptr, has_avx2},
        {"avx512", &kernels_avx512, &kernels_avx2, has_avx512},
    };
    count = sizeof(sets) / sizeof(sets[0]);
    return sets;
}

#else

#if defined(__aarch64__)
#define NNFAST_ONLY_SET neon  // part of every 64-bit Arm
#else
#define NNFAST_ONLY_SET baseline
#endif
#define NNFAST_TEXT(name) #name
#define NNFAST_QUOTED(name) NNFAST_TEXT(name)
#define NNFAST_JOIN(a, b) a##b
#define NNFAST_KERNELS(name) NNFAST_JOIN(kernels_, name)

extern const KernelSet NNFAST_KERNELS(NNFAST_ONLY_SET);

const InstructionSet* instruction_sets(size_t& count) {
    static const InstructionSet sets[] = {
        {NNFAST_QUOTED(NNFAST_ONLY_SET), &NNFAST_KERNELS(NNFAST_ONLY_SET), nullptr, true}};
    count = 1;
    return sets;
}

#endif

}  // namespace nnfast
