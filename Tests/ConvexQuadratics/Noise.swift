import Foundation

/// What makes gradients stochastic: drawn domains, and single sequences whose gradients differ.
package struct Noise: Sendable {
  /// The standard deviation of every coordinate of a sequence's gradient.
  package var deviation: Double
  /// Sequences of a training batch, of each domain in a probe, and of the target in a probe.
  package var batch, probes, targets: Int
  private var state: UInt64
  private var spare: Double?

  /// Makes a source that a seed decides.
  package init(deviation: Double = 0.2, batch: Int = 16, probes: Int = 4, targets: Int = 16, seed: Int) {
    (self.deviation, self.batch, self.probes, self.targets) = (deviation, batch, probes, targets)
    state = UInt64(seed)
  }

  /// Adds the error of the mean gradient of some sequences.
  mutating func disturb(_ gradient: inout [Double], sequences: Int) {
    for j in gradient.indices { gradient[j] += deviation / Double(sequences).squareRoot() * normal() }
  }

  /// Draws from [0, 1), by SplitMix64.
  mutating func unit() -> Double {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return Double((z ^ (z >> 31)) >> 11) * 0x1p-53
  }

  /// Draws from the normal distribution, by Box and Muller.
  private mutating func normal() -> Double {
    if let value = spare {
      spare = nil
      return value
    }
    let (radius, angle) = ((-2 * log(1 - unit())).squareRoot(), 2 * Double.pi * unit())
    spare = radius * sin(angle)
    return radius * cos(angle)
  }
}
