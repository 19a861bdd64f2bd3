import CIntrinsics

/// Sums in fixed point: integers in units of 2^-30, whose sum is the same in whatever order they are added.
///
/// Sums of up to 2^32 numbers of magnitude 1 do not overflow 64 bits.
public enum FixedPoint {
  /// Units in 1.
  public static let one: Int64 = 1 << 30

  /// Adds a row (1, C), or takes it away, to as many sums from `first` on.
  ///
  /// - Precondition: No element's magnitude exceeds 1.9; the sums have room for the row.
  public static func add(_ row: Matrix, negated: Bool = false, to sums: inout MutableSpan<Int64>, at first: Int) {
    precondition(row.rows == 1 && first >= 0 && first + row.columns <= sums.count, "the sums of a row")
    sums.withUnsafeMutableBufferPointer { sums in
      guard let base = sums.baseAddress, row.columns > 0 else { return }
      dga_add_fixed(row.base, row.columns, negated ? -1 : 1, base + first)
    }
  }

  /// The nearest number of units below or at a value's magnitude.
  public static func units(_ value: Float) -> Int64 { Int64(value * Float(one)) }
}
