// What Swift needs of the processor: its vectors, requests for cache lines, subnormal numbers.
#pragma once
#include <stdint.h>

/// A vector register of floats, and half of one: of 512 bits where the code is compiled for a processor that has such,
/// else of 256.
#if defined(__AVX512F__)
typedef float dga_lanes __attribute__((ext_vector_type(16)));
typedef float dga_half_lanes __attribute__((ext_vector_type(8)));
#else
typedef float dga_lanes __attribute__((ext_vector_type(8)));
typedef float dga_half_lanes __attribute__((ext_vector_type(4)));
#endif

/// Asks for the cache line at an address, to write to it soon.
static inline void dga_prefetch(const float *_Nonnull address) { __builtin_prefetch(address, 1, 3); }

/// Asks for the cache line at an address to come into the second-level cache, to read it later.
static inline void dga_prefetch_later(const float *_Nonnull address) { __builtin_prefetch(address, 0, 2); }

/// Adds `sign` times each value to a sum in units of 2^-30, a value rounded to a unit; values are within [-1.9, 1.9].
///
/// The loop is in C, where a conversion does not trap and so becomes a vector instruction.
static inline void dga_add_fixed(const float *_Nonnull values, long count, int64_t sign, int64_t *_Nonnull sums) {
  for (long i = 0; i < count; i++) sums[i] += sign * (int64_t)(int32_t)(values[i] * 0x1p30f);
}

#if defined(__x86_64__)
#include <xmmintrin.h>
#include <pmmintrin.h>
/// Subnormal results and inputs become zero on this thread: they slow vector code by an order of magnitude.
static inline void dga_flush_subnormals(void) {
  _MM_SET_FLUSH_ZERO_MODE(_MM_FLUSH_ZERO_ON);
  _MM_SET_DENORMALS_ZERO_MODE(_MM_DENORMALS_ZERO_ON);
}
#else
static inline void dga_flush_subnormals(void) {}
#endif
