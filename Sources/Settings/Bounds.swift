extension ClosedRange<Int> {
  /// The bounds in words, such as ` from 1 to 10`; the largest number there is counts as a bound, too.
  public var bounds: String {
    lowerBound == Int.min ? words(within: Int.min...Int.max) : " from \(lowerBound) to \(upperBound)"
  }
}

extension ClosedRange<Double> {
  /// The bounds in words, such as ` from 0 to 1` or ` of at least 0`; empty if there are none.
  public var bounds: String { words(within: -Double.infinity...Double.infinity) }
}

extension ClosedRange {
  fileprivate func words(within all: Self) -> String {
    switch (lowerBound == all.lowerBound, upperBound == all.upperBound) {
    case (true, true): ""
    case (false, true): " of at least \(Self.plain(lowerBound))"
    case (true, false): " of at most \(Self.plain(upperBound))"
    case (false, false): " from \(Self.plain(lowerBound)) to \(Self.plain(upperBound))"
    }
  }

  /// A number as people write it: 1 instead of 1.0.
  private static func plain(_ bound: Bound) -> String {
    let text = "\(bound)"
    return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
  }
}
