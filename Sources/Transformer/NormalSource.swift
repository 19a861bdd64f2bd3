import Glibc

/// Normal numbers from a counter: SplitMix64 (Steele, Lea, Flood, 2014) under the polar form of Box and Muller.
struct NormalSource {
  private var state: UInt64
  private var spare: Double?

  /// Starts the sequence of one (seed, stream).
  init(seed: UInt64, stream: UInt64) {
    state = seed
    let mixed = bits()
    state = mixed ^ (stream &* 0xD134_2543_DE82_EF95)
    _ = bits()
  }

  /// The next number of the standard normal distribution.
  mutating func next() -> Double {
    if let value = spare {
      spare = nil
      return value
    }
    while true {
      let (x, y) = (uniform(), uniform())
      let radius = x * x + y * y
      guard radius > 0, radius < 1 else { continue }
      let factor = (-2 * log(radius) / radius).squareRoot()
      spare = y * factor
      return x * factor
    }
  }

  /// A number in [-1, 1).
  private mutating func uniform() -> Double { Double(bits() >> 11) * 0x1p-52 - 1 }

  private mutating func bits() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}
