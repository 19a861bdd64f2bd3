/// A table to draw indices from given weights in constant time (Walker 1977, Vose 1991).
///
/// The unit of probability is cut into `count` equal columns; each is shared by its own index, up to a threshold, and
/// one alias above it. Twelve bytes per index. Indices of weight zero are never drawn.
package struct AliasTable: Sendable {
  private var thresholds: [Double]  // (count), in 0...1
  private var aliases: [Int32]  // (count)

  /// Builds the table.
  ///
  /// - Precondition: weights are finite and not negative, their sum is positive and finite, and there are at most
  ///   2^31 - 1 of them.
  /// - Complexity: O(count).
  package init(weights: [Double]) {
    let total = weights.reduce(0, +)
    precondition(weights.allSatisfy { $0 >= 0 } && total > 0 && total.isFinite, "weights are shares, not all zero")
    let scale = Double(weights.count) / total
    thresholds = weights.map { $0 * scale }
    aliases = [Int32](repeating: 0, count: weights.count)

    // Columns that still need an alias, from the front, and columns with more than their share, from the back.
    var lists = [Int32](repeating: 0, count: weights.count)
    var (small, large) = (0, weights.count)
    for i in weights.indices {
      if thresholds[i] < 1 {
        lists[small] = Int32(i)
        small += 1
      } else {
        large -= 1
        lists[large] = Int32(i)
      }
    }
    var giver = large < weights.count ? lists[large] : Int32(weights.indices.max { weights[$0] < weights[$1] }!)
    while small > 0 {
      small -= 1
      let column = Int(lists[small])
      if large < weights.count { giver = lists[large] }
      // After the last column with more than its share, what remains are columns that rounding left a hair below a full
      // one. They too give that hair to the last giver: it has weight, as an index of weight zero must never have.
      aliases[column] = giver
      guard large < weights.count else { continue }
      let left = thresholds[Int(giver)] - (1 - thresholds[column])
      thresholds[Int(giver)] = left
      if left < 1 {
        large += 1
        lists[small] = giver
        small += 1
      }
    }
    while large < weights.count {
      thresholds[Int(lists[large])] = 1
      large += 1
    }
  }

  /// The number of indices.
  package var count: Int { thresholds.count }

  /// Turns 128 random bits into an index: 64 choose the column, 53 choose within it.
  package func draw(_ bits: (UInt64, UInt64)) -> Int {
    let column = Int(bits.0.multipliedFullWidth(by: UInt64(count)).high)
    return Double(bits.1 >> 11) * 0x1p-53 < thresholds[column] ? column : Int(aliases[column])
  }
}
