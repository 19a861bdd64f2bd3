import Kernels
import Testing

struct BLASTests {
  @Test func `The BLAS library says which kernels it chose`() {
    #expect(!BLAS.coreName.isEmpty)
  }

  /// Slower than a clock of 1 GHz with one addition a cycle, or faster than 10^14, it would be no measurement.
  @Test func `The ceiling of matrix products is a rate that a processor can have`() {
    #expect((1e9...1e14).contains(BLAS.measureCeiling(seconds: 0)))
    #expect(Threads.count >= 1)
  }
}
