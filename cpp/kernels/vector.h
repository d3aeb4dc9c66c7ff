// Vec<T>: as many numbers as one register of this instruction set holds.
//
// + - * / and comparisons are the compiler's own; what it has no operator for is here. Every level
// but "baseline" multiplies and adds with one rounding (fma), and only where fma is written.
#pragma once

#include <cstddef>
#include <cstdint>

#if defined(__AVX512F__) || defined(__AVX2__) || defined(__SSE2__)
#include <immintrin.h>
#elif defined(__ARM_NEON)
#include <arm_neon.h>
#endif

#define NNFAST_UNROLL _Pragma("GCC unroll 16")
// fewer additions and branches beside the fma, which share its ports
#define NNFAST_UNROLL_LOOP _Pragma("GCC unroll 4")
#define NNFAST_INLINE_LAMBDA __attribute__((always_inline))
#define NNFAST_INLINE inline NNFAST_INLINE_LAMBDA

namespace nnfast::NNFAST_ISA {
namespace {

// p, for which the compiler is not to compute addresses in advance: it would need more registers
// than there are.
template <class P>
NNFAST_INLINE P* opaque(P* p) {
    asm("" : "+r"(p));
    return p;
}

#if defined(__AVX512F__)
constexpr size_t vector_bytes = 64;
#elif defined(__AVX2__)
constexpr size_t vector_bytes = 32;
#else
constexpr size_t vector_bytes = 16;
#endif

template <class T>
struct Types;

template <>
struct Types<float> {
    typedef float Vector __attribute__((vector_size(vector_bytes)));
    typedef float Unaligned __attribute__((vector_size(vector_bytes), aligned(4), may_alias));
    typedef int32_t Int;
    typedef int32_t IntVector __attribute__((vector_size(vector_bytes)));
    typedef uint32_t UIntVector __attribute__((vector_size(vector_bytes)));
};

template <>
struct Types<double> {
    typedef double Vector __attribute__((vector_size(vector_bytes)));
    typedef double Unaligned __attribute__((vector_size(vector_bytes), aligned(8), may_alias));
    typedef int64_t Int;
    typedef int64_t IntVector __attribute__((vector_size(vector_bytes)));
    typedef uint64_t UIntVector __attribute__((vector_size(vector_bytes)));
};

template <class T>
using Vec = typename Types<T>::Vector;
template <class T>
using IntVec = typename Types<T>::IntVector;  // also the type of a comparison: 0 or -1 in each lane
template <class T>
using UIntVec = typename Types<T>::UIntVector;

template <class T>
constexpr size_t lanes = vector_bytes / sizeof(T);

template <class T>
NNFAST_INLINE Vec<T> fill(T x) {
    return x - Vec<T>{};
}

template <class T>
NNFAST_INLINE Vec<T> load(const T* p) {
    return (Vec<T>)*reinterpret_cast<const typename Types<T>::Unaligned*>(p);
}

// v, which is read from memory once, though it is used often
template <class V>
NNFAST_INLINE V in_register(V v) {
#if defined(__x86_64__)
    asm("" : "+v"(v));
#endif
    return v;
}

template <class T>
NNFAST_INLINE void store(T* p, Vec<T> v) {
    *reinterpret_cast<typename Types<T>::Unaligned*>(p) = v;
}

// mask ? a : b, lane by lane
template <class T>
NNFAST_INLINE Vec<T> select(IntVec<T> mask, Vec<T> a, Vec<T> b) {
    return mask ? a : b;
}

// -1 in the first n lanes, 0 in the others
template <class T>
NNFAST_INLINE IntVec<T> first_lanes(size_t n) {
    IntVec<T> lane{};
    for (size_t i = 0; i < lanes<T>; ++i) lane[i] = static_cast<typename Types<T>::Int>(i);
    const size_t count = n < lanes<T> ? n : lanes<T>;
    return lane < (static_cast<typename Types<T>::Int>(count) - IntVec<T>{});
}

// The first n lanes of v, the others zero.
template <class T>
NNFAST_INLINE Vec<T> keep_first(Vec<T> v, size_t n) {
    return select<T>(first_lanes<T>(n), v, Vec<T>{});
}

// The first n lanes from memory, the others zero; no other memory is read.
template <class T>
NNFAST_INLINE Vec<T> load_first(const T* p, size_t n) {
    if (n >= lanes<T>) return load(p);
#if defined(__AVX512F__)
    const auto mask = (1u << n) - 1;
    if constexpr (sizeof(T) == 4)
        return (Vec<T>)_mm512_maskz_loadu_ps(static_cast<__mmask16>(mask), p);
    else
        return (Vec<T>)_mm512_maskz_loadu_pd(static_cast<__mmask8>(mask), p);
#elif defined(__AVX2__)
    if constexpr (sizeof(T) == 4)
        return (Vec<T>)_mm256_maskload_ps(p, (__m256i)first_lanes<T>(n));
    else
        return (Vec<T>)_mm256_maskload_pd(p, (__m256i)first_lanes<T>(n));
#else
    T numbers[lanes<T>] = {};
    for (size_t i = 0; i < n; ++i) numbers[i] = p[i];
    return load(numbers);
#endif
}

// The first n lanes to memory; no other memory is written.
template <class T>
NNFAST_INLINE void store_first(T* p, Vec<T> v, size_t n) {
    if (n >= lanes<T>) return store(p, v);
#if defined(__AVX512F__)
    const auto mask = (1u << n) - 1;
    if constexpr (sizeof(T) == 4)
        _mm512_mask_storeu_ps(p, static_cast<__mmask16>(mask), (__m512)v);
    else
        _mm512_mask_storeu_pd(p, static_cast<__mmask8>(mask), (__m512d)v);
#else
    for (size_t i = 0; i < n; ++i) p[i] = v[i];
#endif
}

// A lane is +0 where both are.
template <class T>
NNFAST_INLINE Vec<T> either(Vec<T> a, Vec<T> b) {
    return (Vec<T>)((IntVec<T>)a | (IntVec<T>)b);
}

// list[count], list[count + 1] ... = first + the lanes of v that are not zero; the new count. A
// vector's worth of the list is written.
template <class T>
NNFAST_INLINE size_t list_nonzero(Vec<T> v, uint32_t first, uint32_t* list, size_t count) {
#if defined(__AVX512F__)
    const __m512i lane = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    const __m512i place = _mm512_add_epi32(lane, _mm512_set1_epi32(static_cast<int>(first)));
    if constexpr (sizeof(T) == 4) {
        const __mmask16 chosen = _mm512_cmp_ps_mask((__m512)v, __m512{}, _CMP_NEQ_UQ);
        _mm512_storeu_si512(list + count, _mm512_maskz_compress_epi32(chosen, place));
        return count + static_cast<size_t>(__builtin_popcount(chosen));
    } else {
        const __mmask8 chosen = _mm512_cmp_pd_mask((__m512d)v, __m512d{}, _CMP_NEQ_UQ);
        const __m512i packed = _mm512_maskz_compress_epi32(chosen, place);
        __builtin_memcpy(list + count, &packed, lanes<T> * sizeof(uint32_t));
        return count + static_cast<size_t>(__builtin_popcount(chosen));
    }
#else
    NNFAST_UNROLL
    for (size_t i = 0; i < lanes<T>; ++i) {
        list[count] = first + static_cast<uint32_t>(i);
        count += v[i] != 0;
    }
    return count;
#endif
}

template <class T>
NNFAST_INLINE Vec<T> abs(Vec<T> v) {
    return (Vec<T>)((IntVec<T>)v & ~(IntVec<T>)fill<T>(T(-0.0)));
}

// fma, sqrt, the larger number, which is b where either is NaN, and whether a <= b in all lanes,
// which no NaN is
#if defined(__AVX512F__)
NNFAST_INLINE Vec<float> fma(Vec<float> a, Vec<float> b, Vec<float> c) {
    return (Vec<float>)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
}
NNFAST_INLINE Vec<double> fma(Vec<double> a, Vec<double> b, Vec<double> c) {
    return (Vec<double>)_mm512_fmadd_pd((__m512d)a, (__m512d)b, (__m512d)c);
}
NNFAST_INLINE Vec<float> sqrt(Vec<float> v) {
    return (Vec<float>)_mm512_mask_sqrt_ps((__m512)v, 0xffff, (__m512)v);
}
NNFAST_INLINE Vec<double> sqrt(Vec<double> v) {
    return (Vec<double>)_mm512_mask_sqrt_pd((__m512d)v, 0xff, (__m512d)v);
}
NNFAST_INLINE Vec<float> larger(Vec<float> a, Vec<float> b) {
    return (Vec<float>)_mm512_maskz_max_ps(0xffff, (__m512)a, (__m512)b);
}
NNFAST_INLINE Vec<double> larger(Vec<double> a, Vec<double> b) {
    return (Vec<double>)_mm512_maskz_max_pd(0xff, (__m512d)a, (__m512d)b);
}
NNFAST_INLINE bool all_at_most(Vec<float> a, Vec<float> b) {
    return _mm512_cmp_ps_mask((__m512)a, (__m512)b, _CMP_NLE_UQ) == 0;
}
NNFAST_INLINE bool all_at_most(Vec<double> a, Vec<double> b) {
    return _mm512_cmp_pd_mask((__m512d)a, (__m512d)b, _CMP_NLE_UQ) == 0;
}
#elif defined(__AVX2__)
NNFAST_INLINE Vec<float> fma(Vec<float> a, Vec<float> b, Vec<float> c) {
    return (Vec<float>)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
}
NNFAST_INLINE Vec<double> fma(Vec<double> a, Vec<double> b, Vec<double> c) {
    return (Vec<double>)_mm256_fmadd_pd((__m256d)a, (__m256d)b, (__m256d)c);
}
NNFAST_INLINE Vec<float> sqrt(Vec<float> v) {
    return (Vec<float>)_mm256_sqrt_ps((__m256)v);
}
NNFAST_INLINE Vec<double> sqrt(Vec<double> v) {
    return (Vec<double>)_mm256_sqrt_pd((__m256d)v);
}
NNFAST_INLINE Vec<float> larger(Vec<float> a, Vec<float> b) {
    return (Vec<float>)_mm256_max_ps((__m256)a, (__m256)b);
}
NNFAST_INLINE Vec<double> larger(Vec<double> a, Vec<double> b) {
    return (Vec<double>)_mm256_max_pd((__m256d)a, (__m256d)b);
}
NNFAST_INLINE bool all_at_most(Vec<float> a, Vec<float> b) {
    return _mm256_movemask_ps(_mm256_cmp_ps((__m256)a, (__m256)b, _CMP_NLE_UQ)) == 0;
}
NNFAST_INLINE bool all_at_most(Vec<double> a, Vec<double> b) {
    return _mm256_movemask_pd(_mm256_cmp_pd((__m256d)a, (__m256d)b, _CMP_NLE_UQ)) == 0;
}
#elif defined(__ARM_NEON) && defined(__aarch64__)
NNFAST_INLINE Vec<float> fma(Vec<float> a, Vec<float> b, Vec<float> c) {
    return (Vec<float>)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
}
NNFAST_INLINE Vec<double> fma(Vec<double> a, Vec<double> b, Vec<double> c) {
    return (Vec<double>)vfmaq_f64((float64x2_t)c, (float64x2_t)a, (float64x2_t)b);
}
NNFAST_INLINE Vec<float> sqrt(Vec<float> v) {
    return (Vec<float>)vsqrtq_f32((float32x4_t)v);
}
NNFAST_INLINE Vec<double> sqrt(Vec<double> v) {
    return (Vec<double>)vsqrtq_f64((float64x2_t)v);
}
NNFAST_INLINE bool all_at_most(Vec<float> a, Vec<float> b) {
    return vminvq_u32((uint32x4_t)(a <= b)) != 0;
}
NNFAST_INLINE bool all_at_most(Vec<double> a, Vec<double> b) {
    return vminvq_u32((uint32x4_t)(a <= b)) != 0;
}
#else
// The class of its own: no fma, two roundings.
template <class V>
NNFAST_INLINE V fma(V a, V b, V c) {
    return a * b + c;
}
NNFAST_INLINE Vec<float> sqrt(Vec<float> v) {
    for (size_t i = 0; i < lanes<float>; ++i) v[i] = __builtin_sqrtf(v[i]);
    return v;
}
NNFAST_INLINE Vec<double> sqrt(Vec<double> v) {
    for (size_t i = 0; i < lanes<double>; ++i) v[i] = __builtin_sqrt(v[i]);
    return v;
}
NNFAST_INLINE bool all_at_most(Vec<float> a, Vec<float> b) {
    const IntVec<float> yes = a <= b;
    return (yes[0] & yes[1] & yes[2] & yes[3]) != 0;
}
NNFAST_INLINE bool all_at_most(Vec<double> a, Vec<double> b) {
    const IntVec<double> yes = a <= b;
    return (yes[0] & yes[1]) != 0;
}
#endif
#if !defined(__AVX2__)
template <class V>
NNFAST_INLINE V larger(V a, V b) {
    return a > b ? a : b;
}
#endif

template <size_t... i>
struct Indices {};
template <size_t n, size_t... i>
struct Counted : Counted<n - 1, n - 1, i...> {};
template <size_t... i>
struct Counted<0, i...> {
    using Type = Indices<i...>;
};

// Lane i of the result is lane Choice::at(i) of a and b, those of b counted on from those of a.
template <class T, class Choice, size_t... i>
NNFAST_INLINE Vec<T> shuffle(Vec<T> a, Vec<T> b, Indices<i...>) {
    return __builtin_shufflevector(a, b, Choice::at(i)...);
}

// Of the blocks of `size` lanes in a, then in b: the lower (part 0) or the upper half (part 1)
template <size_t size, size_t part>
struct HalfBlocks {
    static constexpr size_t at(size_t i) {
        return i / (size / 2) * size + i % (size / 2) + part * (size / 2);
    }
};

// The lanes of a and b in turn, a0 b0 a1 b1 ...: the first half of them (part 0) or the second
template <class T, size_t part>
struct Interleaved {
    static constexpr size_t at(size_t i) {
        return i / 2 + i % 2 * lanes<T> + part * (lanes<T> / 2);
    }
};

template <class T, size_t part>
NNFAST_INLINE Vec<T> interleaved(Vec<T> a, Vec<T> b) {
    return shuffle<T, Interleaved<T, part>>(a, b, typename Counted<lanes<T>>::Type{});
}

// The sum over the lanes of each of `lanes` groups of 64 bytes, group by group: folded in halves,
// as in Sum. After a fold a register holds `blocks` groups side by side.
template <class T, size_t blocks = 1>
NNFAST_INLINE Vec<T> fold(const Vec<T>* v) {
    if constexpr (blocks == lanes<T>) {
        return v[0];
    } else {
        constexpr size_t size = lanes<T> / blocks, count = lanes<T> / (2 * blocks);
        using Order = typename Counted<lanes<T>>::Type;
        Vec<T> half[count];
        NNFAST_UNROLL
        for (size_t i = 0; i < count; ++i)
            half[i] = shuffle<T, HalfBlocks<size, 0>>(v[2 * i], v[2 * i + 1], Order{}) +
                      shuffle<T, HalfBlocks<size, 1>>(v[2 * i], v[2 * i + 1], Order{});
        return fold<T, 2 * blocks>(half);
    }
}

// Of each group the first `parts` registers, the others being zero
template <class T, size_t parts>
NNFAST_INLINE Vec<T> sums_of_groups(const T* groups) {
    Vec<T> v[lanes<T>];
    NNFAST_UNROLL
    for (size_t i = 0; i < lanes<T>; ++i) {
        Vec<T> part[parts];
        NNFAST_UNROLL
        for (size_t j = 0; j < parts; ++j)
            part[j] = load(groups + i * (64 / sizeof(T)) + j * lanes<T>);
        NNFAST_UNROLL
        for (size_t half = parts / 2; half > 0; half /= 2)
            for (size_t j = 0; j < half; ++j) part[j] = part[j] + part[j + half];
        v[i] = part[0];
    }
    return fold<T>(v);
}

// Lanes added up in one order for every instruction set: the sum is held in 64 bytes, however many
// registers those are, and folded in halves at the end. Vector j of a row goes to register j mod
// parts.
template <class T>
struct Sum {
    static constexpr size_t parts = 64 / vector_bytes;
    Vec<T> part[parts] = {};

    NNFAST_INLINE void add(size_t j, Vec<T> v) { part[j % parts] = part[j % parts] + v; }

    NNFAST_INLINE T total() const {
        T t[64 / sizeof(T)];
        NNFAST_UNROLL
        for (size_t i = 0; i < parts; ++i) store(t + i * lanes<T>, part[i]);
        NNFAST_UNROLL
        for (size_t half = 32 / sizeof(T); half > 0; half /= 2)
            for (size_t i = 0; i < half; ++i) t[i] = t[i] + t[i + half];
        return t[0];
    }
};

}  // namespace
}  // namespace nnfast::NNFAST_ISA
