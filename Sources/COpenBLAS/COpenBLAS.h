// What Swift needs of OpenBLAS, and the one processor flag that element-wise code depends on.
#pragma once
#include <cblas.h>

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
