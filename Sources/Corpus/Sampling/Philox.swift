/// The counter-based random generator Philox4x32-10.
///
/// A pure function of key and counter: any draw of any step can be had without those before it, on any rank. Ten rounds
/// of two 32 x 32 -> 64 bit products (Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3", 2011).
package struct Philox: Sendable {
  private let key: SIMD2<UInt32>

  /// Creates the generator of a seed.
  package init(seed: UInt64) { key = SIMD2(UInt32(truncatingIfNeeded: seed), UInt32(truncatingIfNeeded: seed >> 32)) }

  /// Computes the 128 random bits of a counter.
  package func callAsFunction(_ counter: SIMD4<UInt32>) -> SIMD4<UInt32> {
    var x = counter
    var k = key
    for _ in 0..<10 {
      let a = UInt64(x.x) * 0xD251_1F53
      let b = UInt64(x.z) * 0xCD9E_8D57
      x = SIMD4(
        UInt32(truncatingIfNeeded: b >> 32) ^ x.y ^ k.x, UInt32(truncatingIfNeeded: b),
        UInt32(truncatingIfNeeded: a >> 32) ^ x.w ^ k.y, UInt32(truncatingIfNeeded: a))
      k &+= SIMD2(0x9E37_79B9, 0xBB67_AE85)
    }
    return x
  }

  /// Computes the 128 random bits of a counter as two numbers.
  ///
  /// The counter is (`low`, `high` as two words, `stream`), so distinct arguments give unrelated numbers.
  ///
  /// - Precondition: `low` is in `0..<2^32` and `high` is not negative.
  package func pair(_ low: Int, _ high: Int, stream: UInt32) -> (UInt64, UInt64) {
    let high = UInt64(high)
    let bits = self(
      SIMD4(UInt32(low), UInt32(truncatingIfNeeded: high), UInt32(truncatingIfNeeded: high >> 32), stream))
    return (UInt64(bits.y) << 32 | UInt64(bits.x), UInt64(bits.w) << 32 | UInt64(bits.z))
  }
}

/// The independent sequences of draws of one seed.
public enum SampleStream: UInt32, Sendable {
  /// Batches to train on.
  case training
  /// Sequences of each domain to probe its gradient with.
  case probing
  /// Sequences of the target to steer by.
  case steering
  /// Sequences of all domains to keep the generic loss low with.
  case retention
  /// Tokens of text that a model writes.
  case generation

  /// The generator's stream for which domain a slot draws.
  package var domains: UInt32 { rawValue }
  /// The generator's stream for the order of windows within an epoch; apart from those above.
  var permutations: UInt32 { rawValue | 1 << 31 }
}
