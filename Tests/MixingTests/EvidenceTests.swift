import Foundation
import Mixing
import Settings
import Testing

/// Weights that follow what successive updates agree on.
@Suite struct EvidenceTests {
  private static let rule = UpdateRule(step: .divergence(0.3), newWeight: 0.5, floor: 0.1, caution: .evidence)

  static func method(
    domains: Int, prior: Weights? = nil, rule: UpdateRule = rule
  ) -> DynamicGradientAlignment {
    DynamicGradientAlignment(rule, memory: 0.9, start: prior ?? .uniform(domains))
  }

  /// One update with scores of single sequences.
  static func update(
    _ method: inout DynamicGradientAlignment, _ rows: [(domain: Int, score: Double)], recurrence: Double? = 0,
    from present: inout Weights
  ) throws -> Move {
    var observations = Observations(.training, step: 1, domains: rows.map(\.domain))
    observations.scores = [Observations.Scores(values: rows.map(\.score))]
    observations.scores[0].recurrence = recurrence
    method.observe(observations)
    let move = try method.moved(from: present)
    present = move.weights
    return move
  }

  @Test func `Two updates of three domains give the numbers worked out by hand`() throws {
    var method = Self.method(domains: 3)
    var weights = Weights.uniform(3)
    let first: [(domain: Int, score: Double)] = [
      (0, 0.5), (0, 0.7), (0, 0.6), (1, 0.2), (1, 0.4), (2, 0.3), (2, 0.1), (2, 0.2),
    ]
    var move = try Self.update(&method, first, from: &weights)
    #expect(move.weights == .uniform(3))
    #expect(error(try #require(move.scores?.errors), [0.0615, 0.0825, 0.0615]) < 5e-5)

    let second: [(domain: Int, score: Double)] = [
      (0, 0.6), (0, 0.8), (0, 0.5), (1, 0.3), (1, 0.1), (1, 0.4), (2, 0.2), (2, 0.3),
    ]
    move = try Self.update(&method, second, from: &weights)
    let scores = try #require(move.scores)
    let finding = try #require(scores.finding)
    #expect(error([finding.signal, finding.significance], [0.0515, 4.53]) < 5e-3)
    #expect(error(scores.values, [0.6175, 0.2792, 0.2213]) < 5e-5)
    #expect(error(try #require(scores.errors), [0.0474, 0.0547, 0.0446]) < 5e-5)
    #expect(error(try #require(move.raw).values, [0.6735, 0.1801, 0.1463]) < 5e-4)
    #expect(error(move.weights.values, [0.5034, 0.2567, 0.2398]) < 5e-4)
  }

  /// Random scores around true ones; the direction's error is the same for all sequences of a domain in an update.
  struct Trial {
    var random: SplitMix
    let truth: [Double]
    let sequences: Int
    var sequenceNoise = 1.0, directionNoise = 0.3
    /// The errors of single target windows, (windows, domains), if there are few: each update reads a half of them, the
    /// two halves of an order in turn.
    var windows: [[Double]] = []

    mutating func normal() -> Double {
      (0..<12).reduce(-6) { sum, _ in sum + random.unit() }
    }

    private mutating func half(_ update: Int) -> [Double] {
      if update % 2 == 0 {
        for place in windows.indices.reversed() {
          windows.swapAt(place, Int(random.next() % UInt64(place + 1)))
        }
      }
      let read = update % 2 == 0 ? windows.prefix(windows.count / 2) : windows.suffix(windows.count / 2)
      return truth.indices.map { domain in read.reduce(0) { $0 + $1[domain] } / Double(read.count) }
    }

    mutating func rows(update: Int) -> [(domain: Int, score: Double)] {
      let shifts = windows.isEmpty ? truth.map { _ in directionNoise * normal() } : half(update)
      return (0..<sequences).map { _ in
        let domain = Int(random.next() % UInt64(truth.count))
        return (domain, truth[domain] + shifts[domain] + sequenceNoise * normal())
      }
    }
  }

  /// The largest weight times the number of domains after some updates of domains that are alike.
  private static func largest(_ trial: inout Trial, updates: Int, recurrence: Double? = 0) throws -> Double {
    var method = method(domains: trial.truth.count)
    var weights = Weights.uniform(trial.truth.count)
    for update in 0..<updates {
      _ = try Self.update(&method, trial.rows(update: update), recurrence: recurrence, from: &weights)
    }
    return weights.values.max()! * Double(weights.count)
  }

  /// The bars of null trials: mean at most 1.25, at most one in twenty above 2. With 200 trials of which 5 % exceed 2
  /// on average, more than 18 would be 2.6 standard errors.
  @Test(arguments: [3, 5, 19])
  func `Domains that are alike stay near the prior`(domains: Int) throws {
    var (sum, above) = (0.0, 0)
    for seed in 1...200 {
      var trial = Trial(
        random: SplitMix(seed: UInt64(seed)), truth: .init(repeating: 0.5, count: domains), sequences: 16)
      let largest = try Self.largest(&trial, updates: 20)
      sum += largest
      if largest > 2 { above += 1 }
    }
    #expect(sum / 200 < 1.25 && above <= 18, "\(sum / 200) on average, \(above) above 2")
  }

  @Test func `A domain like the target gets the largest weight, and loses it when it is like the others again`() throws
  {
    for seed in 1...5 {
      var truth = [Double](repeating: 0, count: 10)
      truth[7] = 1
      var trial = Trial(random: SplitMix(seed: UInt64(seed)), truth: truth, sequences: 64)
      var method = Self.method(domains: 10)
      var weights = Weights.uniform(10)
      for update in 0..<20 { _ = try Self.update(&method, trial.rows(update: update), from: &weights) }
      #expect(weights.values[7] > 0.6, "seed \(seed): \(weights.values)")
      var same = Trial(random: trial.random, truth: .init(repeating: 0, count: 10), sequences: 64)
      for update in 0..<80 { _ = try Self.update(&method, same.rows(update: update), from: &weights) }
      #expect(weights.values[7] < 0.2, "seed \(seed): \(weights.values)")
    }
  }

  /// Means of updates with a direction's error of 1 in all sequences' scores of 1: coverage of one standard error is
  /// 68 %, of two 95 %, each with a standard error of 1 % over 300 trials of 8 domains.
  @Test func `Errors hold the noise that sequences share through the direction`() throws {
    var (one, two, count) = (0, 0, 0)
    for seed in 1...300 {
      var trial = Trial(random: SplitMix(seed: UInt64(seed)), truth: (0..<8).map { Double($0) }, sequences: 64)
      trial.directionNoise = 1
      var method = Self.method(domains: 8)
      var weights = Weights.uniform(8)
      var scores: Scores?
      for update in 0..<12 { scores = try Self.update(&method, trial.rows(update: update), from: &weights).scores }
      let found = try #require(scores)
      let shift = zip(found.values, trial.truth).reduce(0) { $0 + $1.0 - $1.1 } / 8
      for domain in 0..<8 {
        // A difference from the mean of eight has 7 / 8 of the variance.
        let error = abs(found.values[domain] - trial.truth[domain] - shift) / (7.0 / 8).squareRoot()
        count += 1
        if error < found.lastingErrors![domain] { one += 1 }
        if error < 1.96 * found.lastingErrors![domain] { two += 1 }
      }
    }
    let shares = (Double(one) / Double(count), Double(two) / Double(count))
    #expect(abs(shares.0 - 0.68) < 0.06 && abs(shares.1 - 0.95) < 0.04, "\(shares)")
  }

  @Test func `Halves of a small steering part that are read in turn do not count as agreement`() throws {
    var sums = (0.0, 0.0)
    for seed in 1...60 {
      var trial = Trial(random: SplitMix(seed: UInt64(seed)), truth: .init(repeating: 0, count: 5), sequences: 64)
      trial.windows = (0..<16).map { _ in (0..<5).map { _ in 1.2 * trial.normal() } }
      var again = trial
      sums.0 += try Self.largest(&trial, updates: 30)
      sums.1 += try Self.largest(&again, updates: 30, recurrence: 1)
    }
    #expect(sums.1 / 60 < 1.25 && sums.0 > sums.1, "\(sums.0 / 60), corrected \(sums.1 / 60)")
  }

  @Test func `Nothing can be told where all directions read the same windows`() throws {
    var trial = Trial(random: SplitMix(seed: 1), truth: [0, 1, 2], sequences: 64)
    #expect(try Self.largest(&trial, updates: 10, recurrence: nil) == 1)
  }

  @Test func `Without evidence weights are the prior, to the bit, floor or not; a domain without weight stays so`()
    throws
  {
    let prior = try #require(Weights(proportionalTo: [1, 3, 0, 2]))
    var method = Self.method(domains: 4, prior: prior)
    var weights = prior
    let alike: [(domain: Int, score: Double)] = (0..<8).map { ($0 % 4, 0.5) }
    for _ in 0..<5 { #expect(try Self.update(&method, alike, from: &weights).weights == prior) }
    var different = alike
    for _ in 0..<8 {
      different = (0..<16).map { ($0 % 4, Double($0 % 4) + ($0 < 8 ? 0.1 : -0.1)) }
      _ = try Self.update(&method, different, from: &weights)
    }
    #expect(weights.values[2] == 0 && weights.values[3] > 0.8)
    // A step of no nats moves nothing, whatever is known.
    var still = Self.method(domains: 4, prior: prior, rule: UpdateRule(step: .divergence(0), caution: .evidence))
    weights = prior
    for _ in 0..<8 { _ = try Self.update(&still, different, from: &weights) }
    #expect(weights == prior)
  }

  @Test func `One domain, and scores that are not finite, leave the weights and the evidence alone`() throws {
    var single = Self.method(domains: 1)
    var weight = Weights.uniform(1)
    for _ in 0..<3 { #expect(try Self.update(&single, [(0, 1), (0, 2)], from: &weight).weights == .uniform(1)) }

    var method = Self.method(domains: 2)
    var weights = Weights.uniform(2)
    let rows: [(domain: Int, score: Double)] = [(0, 1), (0, 1.1), (1, 0), (1, 0.1)]
    for _ in 0..<3 { _ = try Self.update(&method, rows, from: &weights) }
    let before = method.state
    let move = try Self.update(&method, [(0, .nan), (1, 0)], from: &weights)
    #expect(move.refused == 0 && method.state.evidence?.significance == before.evidence?.significance)
    #expect(method.state.evidence?.updates == before.evidence?.updates)
  }

  @Test func `A domain that is not seen for long is forgotten, and known again when it is seen`() throws {
    var trial = Trial(random: SplitMix(seed: 5), truth: [0, 1, 2], sequences: 16)
    var method = DynamicGradientAlignment(Self.rule, memory: 0.1, start: .uniform(4))
    var weights = Weights.uniform(4)
    var move = try Self.update(&method, trial.rows(update: 0) + [(3, 5), (3, 5.5)], from: &weights)
    for update in 1..<400 { move = try Self.update(&method, trial.rows(update: update), from: &weights) }
    let finding = try #require(move.scores?.finding)
    #expect(finding.reliability.isFinite && finding.significance.isFinite && move.scores?.errors?[3] == .infinity)
    for update in 0..<5 {
      move = try Self.update(&method, trial.rows(update: update) + [(3, 5), (3, 5.5)], from: &weights)
    }
    #expect(move.scores?.errors?[3].isFinite == true && method.state.evidence!.directionNoise.isFinite)
  }

  @Test func `Domains that may not be drawn are no evidence that the others differ`() throws {
    let prior = try #require(Weights(proportionalTo: [1, 1, 0]))
    var trial = Trial(random: SplitMix(seed: 6), truth: [0, 0, 9], sequences: 48)
    var method = Self.method(domains: 3, prior: prior)
    var weights = prior
    var largest = 0.0
    for update in 0..<20 {
      _ = try Self.update(&method, trial.rows(update: update), from: &weights)
      largest = max(largest, weights.values.max()!)
    }
    #expect(largest < 0.7)
  }

  @Test(arguments: [[0.5, 0.5], [0.5, 0.5, 0.5], [0, 0, 0]])
  func `Equal scores are finite and move nothing`(scores: [Double]) throws {
    var method = Self.method(domains: scores.count)
    var weights = Weights.uniform(scores.count)
    for _ in 0..<4 {
      let rows = scores.enumerated().map { (domain: $0.offset, score: $0.element) }
      let finding = try Self.update(&method, rows, from: &weights).scores?.finding
      #expect(finding?.significance == 0 && finding?.reliability == 0 && weights == .uniform(scores.count))
    }
  }

  @Test func `A run that had another rule before collects evidence from now on`() throws {
    var trial = Trial(random: SplitMix(seed: 2), truth: [0, 1, 2], sequences: 64)
    var walk = Self.method(domains: 3, rule: UpdateRule(step: .divergence(0.1), newWeight: 0.3, caution: .shrink))
    var weights = Weights.uniform(3)
    for update in 0..<3 { _ = try Self.update(&walk, trial.rows(update: update), from: &weights) }
    var method = try Self.method(domains: 3).restored(from: walk)
    for update in 3..<9 { _ = try Self.update(&method, trial.rows(update: update), from: &weights) }
    #expect(weights.values[2] > 0.6 && method.state.evidence?.updates == 6)
  }

  @Test func `The evidence goes on from its encoded state with the same bits`() throws {
    var trial = Trial(random: SplitMix(seed: 9), truth: [0, 0.5, 1], sequences: 16)
    var method = Self.method(domains: 3)
    var weights = Weights.uniform(3)
    for update in 0..<6 { _ = try Self.update(&method, trial.rows(update: update), from: &weights) }
    var resumed = try Self.method(domains: 3).restored(from: method)
    var others = weights
    for update in 6..<12 {
      let rows = trial.rows(update: update)
      _ = try Self.update(&method, rows, from: &weights)
      _ = try Self.update(&resumed, rows, from: &others)
      #expect(weights == others && method.state == resumed.state)
    }
  }
}
