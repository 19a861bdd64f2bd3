/// A permutation of `0..<count` that is chosen by a key and computed one element at a time, without memory.
///
/// A Feistel network of eight rounds permutes `0..<4^h`, the smallest such range that holds `count`; results outside
/// `0..<count` are fed through again until they fall inside (cycle walking), fewer than four times on average. Each
/// round can be undone and a walk along a cycle cannot meet two starts, so the result is a bijection for every count
/// and key.
package struct KeyedPermutation: Sendable {
  private let count: UInt64
  private let halfBits: UInt64
  private let key: (UInt64, UInt64)

  /// Creates the permutation.
  ///
  /// - Precondition: `count` is in `1...2^62`.
  package init(count: Int, key: (UInt64, UInt64)) {
    precondition(count > 0 && count <= 1 << 62, "a permutation has at least one element")
    self.count = UInt64(count)
    let bits = UInt64.bitWidth - (self.count - 1).leadingZeroBitCount
    halfBits = UInt64(max(1, (bits + 1) / 2))
    self.key = key
  }

  /// The element at a position.
  ///
  /// - Precondition: `position` is in `0..<count`.
  package subscript(position: Int) -> Int {
    precondition(position >= 0 && position < count, "the position is within the permutation")
    var x = UInt64(position)
    repeat { x = encrypted(x) } while x >= count
    return Int(x)
  }

  private func encrypted(_ x: UInt64) -> UInt64 {
    let mask = (1 as UInt64) << halfBits - 1
    var (left, right) = (x >> halfBits, x & mask)
    for round in 0..<8 as Range<UInt64> {
      (left, right) = (right, left ^ (mixed(right &+ key.0 &+ round &* (key.1 | 1)) & mask))
    }
    return left << halfBits | right
  }

  /// Mixes all bits into all bits (the finalizer of SplitMix64: Steele, Lea, Flood 2014).
  private func mixed(_ value: UInt64) -> UInt64 {
    var z = value
    z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
    return z ^ z >> 31
  }
}
