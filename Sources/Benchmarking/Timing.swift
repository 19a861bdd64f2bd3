import Kernels

/// How long something takes, in seconds: the best of several rounds, and the median.
///
/// The best is what the machine can do, the median what it did: the two differ by what else runs on it.
public struct Timing: Sendable {
  /// The shortest round.
  public let best: Double
  /// The middle one, the longer of two.
  public let median: Double

  /// Summarises rounds.
  ///
  /// - Precondition: There is at least one.
  public init(_ rounds: [Double]) {
    precondition(!rounds.isEmpty, "a timing of no rounds")
    let sorted = rounds.sorted()
    best = sorted[0]
    median = sorted[sorted.count / 2]
  }

  /// The least that a round takes. Something of microseconds, timed alone, would fit between two interruptions by other
  /// programs and look better than a product of 20 ms, which never does.
  private static let shortestRound = 0.01

  /// Runs `body` once without counting it, then in rounds of at least 10 ms for about `seconds`; there is at least one
  /// round.
  public static func measure(seconds: Double, _ body: () throws -> Void) rethrows -> Timing {
    let clock = ContinuousClock()
    let first = try clock.measure(body) / .seconds(1)
    // The first time is slow, so a second one says how often a round repeats what is short.
    let once = first < shortestRound ? try clock.measure(body) / .seconds(1) : first
    let repetitions = max(1, Int(min(1e6, shortestRound / max(once, 1e-9)).rounded(.up)))
    let start = clock.now
    var rounds: [Double] = []
    repeat {
      let took = try clock.measure { for _ in 0..<repetitions { try body() } }
      rounds.append(took / .seconds(1) / Double(repetitions))
    } while start.duration(to: clock.now) < .seconds(seconds)
    return Timing(rounds)
  }
}

/// A rate in units of 10^9 per second, such as GFLOP/s or GB/s, of one rank: the mean over ranks.
public struct Rate: Sendable {
  /// Of the best round.
  public let best: Double
  /// Of the median round.
  public let median: Double

  /// The rate at which `amount` operations or bytes a round were done.
  public init(_ amount: Double, in timing: Timing) {
    self.init(best: amount / timing.best / 1e9, median: amount / timing.median / 1e9)
  }

  init(best: Double, median: Double) {
    self.best = best
    self.median = median
  }

  /// The best of several rates, and the middle one of their medians, the higher of two.
  ///
  /// - Precondition: There is at least one.
  init(ofAll rates: [Rate]) {
    let medians = rates.map(\.median).sorted()
    self.init(best: rates.map(\.best).max()!, median: medians[medians.count / 2])
  }

  /// This rate as a share of a ceiling's best.
  public func share(of ceiling: Rate) -> Double { best / ceiling.best }
}

extension Arena {
  /// An arena of small numbers around zero, to multiply: zeros would be no test, and large numbers overflow.
  public static func noise(count: Int) -> Arena {
    var arena = Arena(count: count)
    var values = arena.mutableSpan
    var state: UInt32 = 1
    for i in 0..<count {
      // The generator of Numerical Recipes; its upper bits are good enough here.
      state = state &* 1_664_525 &+ 1_013_904_223
      values[i] = Float(Int32(bitPattern: state) >> 16) * 0x1p-17
    }
    return arena
  }
}
