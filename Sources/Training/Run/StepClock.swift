import Failures
import Settings

/// The conversion of amounts to steps.
struct StepClock {
  /// Sequences of a step, all ranks together, and tokens of a sequence.
  let sequences, context: Int
  /// Windows of all domains together that may be read.
  let windows: Int

  /// The most steps of a run, and the most tokens.
  static let mostSteps = 100_000_000
  private static let mostTokens = 0x1p53

  var tokensPerStep: Int { sequences * context }

  /// The steps of a run; an epoch is rounded down, so that no more windows are drawn than there are.
  ///
  /// - Throws: `Failure(.badConfiguration)` if they are too many.
  func steps(ofRun duration: Quantity) throws -> Int {
    let exact = exactly(duration)
    let steps = duration.unit == .epochs ? exact.rounded(.down) : exact.rounded(.up)
    let most = min(Double(Self.mostSteps), (Self.mostTokens / Double(tokensPerStep)).rounded(.down))
    guard steps <= most else {
      throw Failure(
        .badConfiguration,
        "duration: \(duration) are more steps than a run can have, which is at most \(Int(most)) with this batch")
    }
    return max(1, Int(steps))
  }

  /// The steps of an interval, rounded up; one that no run is long enough for is cut.
  func steps(_ quantity: Quantity) -> Int { Int(min(exactly(quantity).rounded(.up), Double(Self.mostSteps))) }

  private func exactly(_ quantity: Quantity) -> Double {
    switch quantity.unit {
    case .tokens: quantity.value / Double(tokensPerStep)
    case .epochs: quantity.value * Double(windows) / Double(sequences)
    default: quantity.value
    }
  }
}
