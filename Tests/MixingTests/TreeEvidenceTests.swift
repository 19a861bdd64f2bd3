import Foundation
import Mixing
import Settings
import Testing

/// A run without a model: domains in a tree with true scores, of which sequences drawn by the weights tell with noise.
private struct Simulation {
  let tree: DomainTree
  let truth: [Double]
  let sequences: Int
  /// The deviation of a sequence's score, and of the error that one update's direction makes in a domain's.
  var noise = 3.0, directionNoise = 0.0
  /// The share of the variance of a direction's error that the domains of a group have in common.
  var related = 1.0
  var random: SplitMix
  var method: DynamicGradientAlignment
  var weights: Weights
  private(set) var values: [Double] = [], guesses: [Double] = []
  private(set) var finding: Finding?

  /// - Parameters:
  ///   - groups: Nodes of the first level, with as many domains each.
  ///   - between: The share of the variance of true scores that is between groups; the variance is 1, or 0 if nil.
  init(
    groups: Int, domains: Int, sequences: Int, between: Double?, seed: UInt64, shrinking: Shrinking,
    rule: UpdateRule? = nil, memory: Double = 0.9, prior: Weights? = nil
  ) {
    tree = DomainTree(top: groups, parents: [(0..<domains).map { Int32($0 % groups) }])!
    var random = SplitMix(seed: seed)
    let shares = between.map { ($0.squareRoot(), (1 - $0).squareRoot()) } ?? (0, 0)
    let tops = (0..<groups).map { _ in shares.0 * random.normal() }
    truth = (0..<domains).map { tops[$0 % groups] + shares.1 * random.normal() }
    (self.sequences, self.random) = (sequences, random)
    weights = prior ?? .uniform(domains)
    let rule = rule ?? UpdateRule(step: .divergence(0.3), newWeight: 0.5, floor: 0.1, caution: .evidence)
    method = DynamicGradientAlignment(rule, memory: memory, start: weights)
    method.shrink(as: shrinking, along: tree)
  }

  mutating func update() throws {
    var sums = weights.values
    for domain in sums.indices.dropFirst() { sums[domain] += sums[domain - 1] }
    let common = (0..<tree.top).map { _ in directionNoise * related.squareRoot() * random.normal() }
    let own = truth.map { _ in related == 1 ? 0 : directionNoise * (1 - related).squareRoot() * random.normal() }
    var observations = Observations(.training, step: 1, domains: [])
    var scores: [Double] = []
    for _ in 0..<sequences {
      let place = random.unit()
      var (low, high) = (0, sums.count - 1)
      while low < high {
        let middle = (low + high) / 2
        if sums[middle] > place { high = middle } else { low = middle + 1 }
      }
      observations.domains.append(low)
      scores.append(truth[low] + common[low % tree.top] + own[low] + noise * random.normal())
    }
    observations.scores = [Observations.Scores(values: scores)]
    method.observe(observations)
    let move = try method.moved(from: weights)
    weights = move.weights
    let found = try #require(move.scores)
    (finding, values) = (found.finding, found.values)
    guesses = finding.map { $0.signal > 0 ? guessed(found, $0) : [] } ?? found.guesses?.means ?? []
  }

  private func guessed(_ scores: Scores, _ finding: Finding) -> [Double] {
    if let guesses = scores.guesses { return guesses.means }
    let shares = scores.lastingErrors!.map { finding.signal / (finding.signal + $0 * $0) }
    let mean = zip(shares, scores.values).reduce(0) { $0 + $1.0 * $1.1 } / shares.reduce(0, +)
    return zip(shares, scores.values).map { $0 * ($1 - mean) }
  }

  /// The divergence of the weights from uniform, and the mean true score of what they draw.
  var reached: (divergence: Double, gain: Double) {
    (weights.divergence(from: .uniform(weights.count)), zip(weights.values, truth).reduce(0) { $0 + $1.0 * $1.1 })
  }

  /// The correlation of the guesses with the truth; 0 if there are none.
  var correlation: Double {
    guard !guesses.isEmpty else { return 0 }
    let count = Double(truth.count)
    let (a, b) = (guesses.reduce(0, +) / count, truth.reduce(0, +) / count)
    var (ab, aa, bb) = (0.0, 0.0, 0.0)
    for domain in truth.indices {
      let (x, y) = (guesses[domain] - a, truth[domain] - b)
      (ab, aa, bb) = (ab + x * y, aa + x * x, bb + y * y)
    }
    return aa > 0 && bb > 0 ? ab / (aa * bb).squareRoot() : 0
  }
}

extension SplitMix {
  fileprivate mutating func normal() -> Double {
    (-2 * log(1 - unit())).squareRoot() * cos(2 * .pi * unit())
  }
}

/// Evidence along a tree: see `docs/mixing.md`.
@Suite struct TreeEvidenceTests {
  @Test func `With few sequences per domain, weights along a tree gain several times what flat ones do`() throws {
    var (gains, correlations) = ([0.0, 0.0], [0.0, 0.0])
    for seed in 1...8 as ClosedRange<UInt64> {
      for (place, shrinking) in [Shrinking.flat, .tree].enumerated() {
        var run = Simulation(
          groups: 32, domains: 1024, sequences: 32, between: 0.5, seed: seed, shrinking: shrinking)
        for _ in 0..<40 { try run.update() }
        gains[place] += run.reached.gain / 8
        correlations[place] += run.correlation / 8
      }
    }
    #expect(gains[1] > gains[0] + 0.4 && correlations[1] > 1.5 * correlations[0], "\(gains) \(correlations)")
  }

  /// As for domains without a tree, the mean over trials is at most 1.25, and few are above 2, with two groups and all
  /// of a direction's error in common, too.
  @Test(arguments: Null.all)
  func `Domains of a tree that are alike stay near the prior, whatever the noise of the direction`(
    null: Null
  ) throws {
    let found = try null.trials(400)
    let (sum, above) = (found.reduce(0) { $0 + $1.largest }, found.count { $0.largest > 2 })
    #expect(sum / 400 < 1.25 && above <= 20, "\(sum / 400) on average, \(above) above 2")
  }

  /// The expectation of the agreement per unit of tau^2 is exact for a known tree. So tau^2 is right on average,
  /// however sequences are spread over groups.
  @Test(arguments: [2, 4, 8], [false, true])
  func `What domains differ by is found without bias, whatever part of the text the largest group has`(
    groups: Int, isConcentrated: Bool
  ) throws {
    let still = UpdateRule(step: .divergence(0), newWeight: 0.5, caution: .evidence)
    let prior = Weights(proportionalTo: (0..<16).map { isConcentrated ? pow(0.7, Double($0)) : 1 })!
    let found = try (1...300 as ClosedRange<UInt64>).map { seed in
      var run = Simulation(
        groups: groups, domains: 16, sequences: 128, between: 0.5, seed: seed, shrinking: .tree, rule: still,
        prior: prior)
      run.noise = 1
      for _ in 0..<30 { try run.update() }
      return try #require(run.finding).signal
    }
    let mean = found.reduce(0, +) / 300
    let deviation = (found.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / 300 / 300).squareRoot()
    #expect(abs(mean - 1) < 3 * deviation && deviation < 0.1, "\(mean) +- \(deviation)")
  }

  @Test(arguments: [UpdateRule.Caution.evidence, .shrink, .hold])
  func `Flat scores do not see a tree, and move weights with the same bits as without one`(
    caution: UpdateRule.Caution
  ) throws {
    let rule = UpdateRule(step: .divergence(0.3), newWeight: 0.5, floor: 0.1, caution: caution)
    var flat = Simulation(
      groups: 4, domains: 16, sequences: 64, between: 0.5, seed: 3, shrinking: .flat, rule: rule)
    var other = flat
    other.method = DynamicGradientAlignment(rule, memory: 0.9, start: .uniform(16))
    var along = Simulation(
      groups: 4, domains: 16, sequences: 64, between: 0.5, seed: 3, shrinking: .tree, rule: rule)
    for _ in 0..<8 {
      try flat.update()
      try other.update()
      try along.update()
      #expect(flat.weights == other.weights)
    }
    #expect(flat.weights != .uniform(16) && along.weights != .uniform(16))
    // Scores that are held move weights as they were measured, or not at all.
    #expect((along.weights != flat.weights) == (caution != .hold))
  }

  @Test func `The finding along a tree says how much of the true differences the guesses tell`() throws {
    var run = Simulation(groups: 4, domains: 16, sequences: 64, between: 0.8, seed: 3, shrinking: .tree)
    run.noise = 1
    for _ in 0..<12 { try run.update() }
    let finding = try #require(run.finding)
    let share = Int((100 * finding.reliability).rounded())
    #expect(finding.explained == finding.reliability && share > 50 && share <= 100)
    let end = "and \(share) % of the true variance between domains is explained by the guesses along the tree."
    #expect(finding.sentence.hasSuffix(end), "\(finding.sentence)")
  }

  @Test func `Scores as measured are not shrunk towards anything`() throws {
    var run = Simulation(groups: 4, domains: 16, sequences: 64, between: 0.5, seed: 3, shrinking: .none)
    for _ in 0..<8 { try run.update() }
    let mean = run.values.reduce(0, +) / 16
    #expect(error(run.guesses, run.values.map { $0 - mean }) < 1e-12 && run.weights != .uniform(16))
  }

  @Test(arguments: [UpdateRule.Caution.evidence, .shrink])
  func `A run along a tree goes on from its encoded state with the same bits`(caution: UpdateRule.Caution) throws {
    let rule = UpdateRule(step: .divergence(0.3), newWeight: 0.5, floor: 0.1, caution: caution)
    var run = Simulation(groups: 4, domains: 16, sequences: 32, between: 0.5, seed: 7, shrinking: .tree, rule: rule)
    for _ in 0..<5 { try run.update() }
    var resumed = run
    resumed.method = try Simulation(
      groups: 4, domains: 16, sequences: 32, between: 0.5, seed: 7, shrinking: .tree, rule: rule
    ).method.restored(from: run.method)
    for _ in 0..<5 {
      try run.update()
      try resumed.update()
    }
    #expect(run.weights == resumed.weights && run.weights != .uniform(16))
    // A run that has had no tree before learns of it from now on.
    var flat = Simulation(groups: 4, domains: 16, sequences: 32, between: 0.5, seed: 7, shrinking: .flat, rule: rule)
    for _ in 0..<5 { try flat.update() }
    run.method = try resumed.method.restored(from: flat.method)
    try run.update()
    #expect(run.method.state.moments?.variances != nil)
  }

  @Test func `What scores are shrunk towards is a key, and a tree has to be there`() throws {
    var run = RunFacts(domains: ["a", "b"], tokens: [1, 1])
    func method(_ keys: [String: Any]) throws -> DynamicGradientAlignment {
      try DynamicGradientAlignment(.init(given: keys), for: run)
    }
    func problem(_ keys: [String: Any]) -> String {
      do {
        _ = try method(keys)
        return ""
      } catch {
        return "\(error)"
      }
    }
    #expect(try method([:]).state.moments == nil && method(["shrink": "flat"]).state.moments == nil)
    #expect(problem(["shrink": "tree"]).contains("shrink: the corpus has no tree of domains"))
    run.tree = DomainTree(top: 1, parents: [[0, 0]])
    #expect(try method([:]).state.moments != nil && method(["shrink": "tree"]).state.moments != nil)
    #expect(try method(["shrink": "flat"]).state.moments == nil && method(["shrink": "none"]).state.moments == nil)
    #expect(try method(["caution": "none"]).state.moments == nil)
    #expect(problem(["shrink": "leaf"]).contains("no such choice"))
    #expect(problem(["shrink": "tree", "caution": "none"]).contains("as measured"))
    #expect(problem(["shrink": "none", "caution": "hold"]).contains("`caution: hold` shrinks"))
  }

  @Test(.enabled(if: ProcessInfo.processInfo.environment["DGA_STUDY"] != nil))
  func `Study: seconds of an update of 262,144 domains in a tree of three levels`() throws {
    let count = 262_144
    let tree = try #require(
      DomainTree(top: 64, parents: [(0..<4096).map { $0 / 64 }, (0..<Int32(count)).map { $0 / 64 }]))
    for shrinking in [Shrinking.flat, .tree] {
      var method = DynamicGradientAlignment(
        UpdateRule(step: .divergence(0.3), newWeight: 0.5, floor: 0.1, caution: .evidence), memory: 0.9,
        start: .uniform(count))
      method.shrink(as: shrinking, along: tree)
      var (random, weights, times) = (SplitMix(seed: 1), Weights.uniform(count), [Double]())
      for _ in 0..<20 {
        let domains = (0..<256).map { _ in Int(random.next() % UInt64(count)) }
        var observations = Observations(.training, step: 1, domains: domains)
        observations.scores = [.init(values: domains.map { Double($0 / 65536) + random.normal() })]
        let start = ContinuousClock.now
        method.observe(observations)
        weights = try method.moved(from: weights).weights
        times.append(start.duration(to: .now) / .seconds(1))
      }
      print("\(shrinking): seconds", times.map { String(format: "%.3f", $0) }.joined(separator: " "))
    }
  }

  /// Domains that are alike, in a tree, and what one update's direction gets wrong in their scores.
  struct Null: CustomTestStringConvertible {
    var groups: Int, domains: Int, sequences = 32
    var directionNoise: Double, related: Double
    /// Whether the last domains of the prior have less and less.
    var isConcentrated = false

    var testDescription: String {
      "\(groups) groups of \(domains) domains, \(directionNoise), \(related) of it in common, "
        + (isConcentrated ? "concentrated" : "uniform")
    }

    /// Trials of 20 updates: by how many standard errors scores agree at the end, and the largest weight beside the
    /// prior's.
    func trials(_ count: UInt64) throws -> [(agreement: Double, largest: Double)] {
      let prior = Weights(proportionalTo: (0..<domains).map { isConcentrated ? pow(0.6, Double($0)) : 1 })!
      return try (1...count).map { seed in
        var run = Simulation(
          groups: groups, domains: domains, sequences: sequences, between: nil, seed: seed, shrinking: .tree,
          prior: prior)
        (run.noise, run.directionNoise, run.related) = (1, directionNoise, related)
        for _ in 0..<20 { try run.update() }
        return (
          run.finding?.significance ?? 0, zip(run.weights.values, prior.values).reduce(0) { max($0, $1.0 / $1.1) }
        )
      }
    }

    static let all = [2, 4].flatMap { groups in
      [(0.0, 0.0), (0.5, 0.0), (0.5, 0.5), (0.5, 1.0), (1.0, 1.0)].flatMap { noise, related in
        [false, true].map {
          Null(groups: groups, domains: 16, directionNoise: noise, related: related, isConcentrated: $0)
        }
      }
    }
  }

  @Test(.enabled(if: ProcessInfo.processInfo.environment["DGA_STUDY"] != nil))
  func `Study: domains that are alike`() throws {
    let count = UInt64(ProcessInfo.processInfo.environment["DGA_STUDY"]!)!
    for null in Null.all {
      let found = try null.trials(count)
      func share(above bound: Double) -> Double { Double(found.count { $0.agreement > bound }) / Double(count) }
      let mean = found.reduce(0) { $0 + $1.largest } / Double(count)
      let above = Double(found.count { $0.largest > 2 }) / Double(count)
      let bounds = [1, 1.5, 1.645, 2.326].map { share(above: $0) }
      print("\(null.testDescription):", ([mean, above] + bounds).map { String(format: "%.3f", $0) })
    }
  }

  @Test(.enabled(if: ProcessInfo.processInfo.environment["DGA_STUDY"] != nil))
  func `Study: flat against tree`() throws {
    let environment = ProcessInfo.processInfo.environment
    let seeds = UInt64(environment["DGA_STUDY"]!)!
    let memory = environment["DGA_MEMORY"].flatMap(Double.init) ?? 0.9
    let only = environment["DGA_K"].flatMap { Int($0) } ?? 0
    let settings: [(Int, Int, Int, Double, Double?)] = [
      (64, 4096, 32, 3, 0.5), (64, 4096, 32, 3, 0.8), (64, 4096, 32, 3, 0.2), (64, 4096, 128, 3, 0.5),
      (64, 4096, 32, 3, nil), (8, 64, 32, 3, 0.5), (8, 64, 32, 3, nil), (8, 64, 32, 3, 0.2), (8, 64, 64, 2, 0.8),
    ]
    let walk = UpdateRule(step: .divergence(0.1), newWeight: 0.3, floor: 0.05, caution: .shrink)
    for (name, rule) in [("evidence", nil), ("shrink", walk)] as [(String, UpdateRule?)] {
      for (groups, domains, sequences, noise, between) in settings where domains == only || only == 0 {
        for shrinking in [Shrinking.flat, .tree] {
          var lines: [[Double]] = []
          for seed in 1...seeds {
            var run = Simulation(
              groups: groups, domains: domains, sequences: sequences, between: between, seed: seed,
              shrinking: shrinking, rule: rule, memory: memory)
            run.noise = noise
            for _ in 0..<20 { try run.update() }
            let early = run.reached
            for _ in 20..<50 { try run.update() }
            let end = run.reached
            lines.append([
              run.correlation, early.divergence, early.gain, end.divergence, end.gain, run.finding?.significance ?? 0,
              run.finding?.reliability ?? 0,
            ])
          }
          let means = lines[0].indices.map { column in lines.reduce(0) { $0 + $1[column] } / Double(lines.count) }
          let text = means.map { String(format: "%.2f", $0) }.joined(separator: " ")
          print(
            "\(name) k \(domains) n \(sequences) A \(between ?? -1) \(shrinking): corr kl20 gain20 kl50 gain50 z rel: "
              + "\(text)"
          )
        }
      }
    }
  }
}
