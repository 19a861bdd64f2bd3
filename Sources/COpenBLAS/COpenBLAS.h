// What Swift needs of OpenBLAS, and the one processor flag that element-wise code depends on.
#pragma once
#include <cblas.h>
#include <stdbool.h>

/// Whether the code is compiled for a processor with vector registers of 512 bits.
static inline bool dga_has_wide_vectors(void) {
#if defined(__AVX512F__)
  return true;
#else
  return false;
#endif
}

/// Asks for the cache line at an address, to write to it soon.
static inline void dga_prefetch(const float *_Nonnull address) { __builtin_prefetch(address, 1, 3); }

/// Asks for the cache line at an address to come into the second-level cache, to read it later.
static inline void dga_prefetch_later(const float *_Nonnull address) { __builtin_prefetch(address, 0, 2); }

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
