import Foundation
import Mixing
import Settings
import Synchronization
import Testing

/// Weights that are a mixture of given distributions.
@Suite struct BasisTests {
  /// Steps by the paper's eta, as large as it says.
  private static func keys(_ basis: [String], eta: Double = 0.5) -> [String: Any] {
    [
      "basis": basis, "eta": eta, "caution": "none", "floor": 0.0,
      "smoothing": ["new_weight": 1.0, "memory": 0.0] as [String: Any],
    ]
  }

  private static let run = ImportanceTests.facts(
    ["t": [7, 3, 0], "u": [0, 2, 8]], tokens: [500, 300, 200], targets: [Share("t", 1)])

  private static func method(_ keys: [String: Any], _ run: RunFacts = run) throws -> DistributionReweighting {
    try DistributionReweighting(.init(given: keys), for: run)
  }

  /// A probe that gives every distribution one score.
  private static func probe(_ scores: [Double]) -> Observations {
    var observations = Observations(.probes, step: 1, domains: Array(scores.indices))
    observations.scores = [Observations.Scores(values: scores)]
    return observations
  }

  @Test func `Scores of a distribution by sequences that others drew are those worked out by hand`() throws {
    let basis = [SparseDistribution(Weights(proportionalTo: [0, 2, 3])!)]
    let estimate = BasisEstimate([1, 2, 4, 3], of: [0, 1, 2, 1], drawnBy: [0.5, 0.3, 0.2], for: basis)
    #expect(error(estimate.means, [3.294118]) < 1e-6 && estimate.distributions == [0])
    #expect(error([BasisEstimate.inflation(of: basis[0], drawnBy: [0.5, 0.3, 0.2])], [2.333333]) < 1e-6)
    // The realised size is 2.557522, the expected one 4 / chi.
    #expect(error(estimate.sizes, [4 / (7.0 / 3)]) < 1e-12 && estimate.worth.counts == estimate.sizes)
    let wide = BasisEstimate([1, 2, 4, 3], of: [0, 1, 2, 1], drawnBy: [0, 0.4, 0.6], for: basis)
    #expect(error(wide.sizes, [3]) < 1e-12 && error(wide.means, [3]) < 1e-12)
    let shares = estimate.worth.loadings.map { $0.reduce(0) { $0 + $1.share } }
    let norm = (1.777778 * 2 + 9.0).squareRoot()
    #expect(error(shares, [0, 1.333333 / norm, 3 / norm, 1.333333 / norm]) < 1e-6)
  }

  /// The formulas as they stand in the manual, distribution by distribution and sequence by sequence.
  @Test func `Estimates by an index of the sequences are those of every distribution for itself`() {
    var random = SplitMix(seed: 12)
    let q = Weights(proportionalTo: (0..<40).map { $0 % 7 == 0 ? 0 : random.unit() })!.values
    let basis = (0..<9).map { _ in
      SparseDistribution(Weights(proportionalTo: q.map { _ in random.unit() < 0.6 ? 0 : random.unit() })!)
    }
    let domains = (0..<64).map { _ in Int(random.next() % 40) }
    let scores = domains.map { _ in random.unit() }
    let found = BasisEstimate(scores, of: domains, drawnBy: q, for: basis)
    for (row, place) in found.distributions.enumerated() {
      let weights = domains.map { q[$0] > 0 ? basis[place][$0] / q[$0] : 0 }
      let (total, squares) = (weights.reduce(0, +), weights.reduce(0) { $0 + $1 * $1 })
      let mean = zip(weights, scores).reduce(0) { $0 + $1.0 * $1.1 } / total
      let variance = zip(weights, scores).reduce(0) { $0 + $1.0 * ($1.1 - mean) * ($1.1 - mean) } / total
      let size = min(total * total / squares, 64 / BasisEstimate.inflation(of: basis[place], drawnBy: q))
      let estimate = [found.means[row], found.worth.variances[row], found.sizes[place]]
      #expect(error(estimate, [mean, variance, size]) < 1e-12)
      let shares = found.worth.loadings.map { $0.first { $0.domain == place }?.share ?? 0 }
      #expect(error(shares, weights.map { $0 / squares.squareRoot() }) < 1e-12)
    }
    #expect(found.distributions.count == 9)
  }

  @Test func `A distribution that no sequence tells of has no score`() {
    let basis = [[1.0, 0, 0], [0, 1, 0]].map { SparseDistribution(Weights(proportionalTo: $0)!) }
    let estimate = BasisEstimate([2, 4], of: [1, 1], drawnBy: [0.5, 0.5, 0], for: basis)
    #expect(estimate.distributions == [1] && estimate.means == [3] && estimate.sizes == [0, 1])
  }

  @Test func `Two updates of three distributions give the coefficients and weights worked out by hand`() throws {
    var method = try Self.method(Self.keys(["uniform", "t", "u"]))
    method.observe(Self.probe([0.2, 0.6, -0.1]))
    var move = try method.moved(from: method.start)
    var coefficients = try #require(move.coefficients)
    #expect(coefficients.names == ["uniform", "t", "u"] && coefficients.effectiveSampleSizes == [1, 1, 1])
    #expect(error(coefficients.weights.values, [0.324453, 0.396288, 0.279259]) < 1e-6)
    #expect(error(move.weights.values, [0.385552, 0.282889, 0.331558]) < 1e-6)
    method.observe(Self.probe([0.1, 0.4, 0.3]))
    move = try method.moved(from: move.weights)
    coefficients = try #require(move.coefficients)
    #expect(error(coefficients.weights.values, [0.296710, 0.421051, 0.282239]) < 1e-6)
    #expect(error(move.weights.values, [0.393639, 0.281666, 0.324694]) < 1e-6)
  }

  @Test func `With all weight on one coefficient weights are those of its distribution, to the bit`() throws {
    var random = SplitMix(seed: 8)
    let counts = (0..<1000).map { _ in random.unit() < 0.5 ? 0 : Double(1 + random.next() % 9) }
    let tokens = (0..<1000).map { _ in 1 + Int(random.next() % 1000) }
    let run = ImportanceTests.facts(["t": counts], tokens: tokens)
    func start(_ name: String, keys: [String: Any] = [:]) throws -> Weights {
      let keys: [String: Any] = ["basis": ["natural", "uniform", "target", "t"], "coefficients": [Share(name, 2)]]
      var method = try Self.method(keys, run)
      var weights = method.start
      // The coefficient stays where it is, whatever is measured.
      for _ in 0..<4 {
        var observations = Observations(
          .training, step: 1,
          domains: (0..<64).map { _ in
            weights.values.indices.filter { weights.values[$0] > 0 }[Int(random.next() % 100)]
          })
        observations.scores = [Observations.Scores(values: (0..<64).map { _ in random.unit() })]
        method.observe(observations)
        weights = try method.moved(from: weights).weights
      }
      #expect(weights == method.start)
      return weights
    }
    #expect(try start("target") == ConstantMixture(ImportanceWeights(), for: run).start)
    #expect(try start("t") == ConstantMixture(ImportanceWeights(), for: run).start)
    #expect(try start("uniform") == ConstantMixture(UniformWeights(), for: run).start)
    #expect(try start("natural") == ConstantMixture(NaturalWeights(), for: run).start)
  }

  @Test func `A coefficient that starts at 0 stays 0, and a remark names it before the first step`() throws {
    let shares = [Share("t", 1), Share("u", 1)]
    var method = try Self.method(["basis": ["uniform", "t", "u", "natural"], "coefficients": shares])
    let remark = try #require(method.remarks.first)
    #expect(remark.hasPrefix("mixture.coefficients: `uniform`, `natural` of the basis start with a coefficient of 0"))
    var weights = method.start
    for update in 0..<20 {
      method.observe(Self.probe([3 + 0.1 * Double(update % 2), 1, 0, 2]))
      let move = try method.moved(from: weights)
      weights = move.weights
      #expect(move.coefficients?.weights.values[0] == 0 && move.coefficients?.weights.values[3] == 0)
    }
    #expect(try Self.method(["basis": ["uniform", "natural"]]).remarks.isEmpty)
    #expect(try Self.method(["basis": ["uniform", "natural"], "coefficients": [Share("natural", 1)]]).remarks.isEmpty)
    let keys = GivenKeys()
    var settings = DynamicGradientAlignment.Settings()
    try settings.visit(keys)
    #expect(keys.meanings["coefficients"]?.contains("keeps a coefficient of 0") == true)
  }

  /// The domain that only `u` and `natural` have much of differs from the others, which are alike.
  @Test func `A distribution whose coefficient is 0 is no evidence that the others differ`() throws {
    let run = ImportanceTests.facts(["t": [9, 1, 0], "u": [1, 9, 0], "v": [0, 0, 1]], targets: [])
    var random = SplitMix(seed: 5)
    let shares = [Share("t", 1), Share("u", 1)]
    var method = try Self.method(["basis": ["t", "u", "v", "uniform"], "coefficients": shares], run)
    var weights = method.start
    for update in 0..<12 {
      var observations = Observations(.probes, step: update, domains: (0..<32).map { $0 % 4 })
      observations.scores = [
        Observations.Scores(values: (0..<32).map { Double($0 % 4 / 2) * 4 + random.unit() })
      ]
      // As a basis that is estimated from training tells it.
      observations.means = RowMeans(counts: .init(repeating: 1, count: 32), variances: .init(repeating: 0, count: 32))
      method.observe(observations)
      weights = try method.moved(from: weights).weights
    }
    #expect(method.state.method.evidence?.significance ?? 9 < 3 && weights.distance(from: method.start) < 0.1)
  }

  /// As in `QuadraticTests`, with 4,096 domains whose losses are `1/2 |x - c_i|^2`, and a target in the hull of the
  /// means of 20 distributions. Scores are of sequences that the mixture draws.
  @Test func `Coefficients find a known mixture of distributions over 4,096 domains`() throws {
    let (count, size, width) = (4096, 20, 24)
    var random = SplitMix(seed: 2)
    let centres = (0..<count).map { _ in (0..<width).map { _ in 8 * (random.unit() - 0.5) } }
    var histograms: [String: [Double]] = [:]
    for place in 1..<size {
      var counts = [Double](repeating: 0, count: count)
      for _ in 0..<40 { counts[Int(random.next() % UInt64(count))] += 1 }
      histograms["h\(place)"] = counts
    }
    let run = ImportanceTests.facts(histograms, targets: [])
    let names = ["uniform"] + (1..<size).map { "h\($0)" }
    var method = try Self.method(Self.keys(names, eta: 0.3), run)
    func mean(_ weights: Weights) -> [Double] {
      weights.values.indices.reduce(into: [Double](repeating: 0, count: width)) { sum, domain in
        guard weights.values[domain] > 0 else { return }
        for j in 0..<width { sum[j] += weights.values[domain] * centres[domain][j] }
      }
    }
    let optimum = try #require(Weights(proportionalTo: (0..<size).map { _ in 0.2 + random.unit() }))
    let target = mean(Weights(try #require(method.probes), mixedBy: optimum, domains: count))
    var (x, weights) = (mean(method.start), method.start)
    var coefficients = Weights.uniform(size)
    let before = coefficients.distance(from: optimum)
    for _ in 0..<4000 {
      let pull = mean(weights)
      for j in x.indices { x[j] -= 0.1 * (x[j] - pull[j]) }
      var sums = weights.values
      for domain in sums.indices.dropFirst() { sums[domain] += sums[domain - 1] }
      let domains = (0..<128).map { _ in
        let place = random.unit()
        var (low, high) = (0, count - 1)
        while low < high {
          let middle = (low + high) / 2
          if sums[middle] > place { high = middle } else { low = middle + 1 }
        }
        return low
      }
      var observations = Observations(.training, step: 1, domains: domains)
      observations.scores = [
        Observations.Scores(
          values: domains.map { domain in
            x.indices.reduce(0) { $0 + (x[$1] - centres[domain][$1]) * (x[$1] - target[$1]) }
          })
      ]
      method.observe(observations)
      let move = try method.moved(from: weights)
      (weights, coefficients) = (move.weights, try #require(move.coefficients).weights)
    }
    let distance = zip(x, target).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }.squareRoot()
    #expect(
      before > 0.15 && coefficients.distance(from: optimum) < 0.03 && distance < 0.02,
      "\(before) -> \(coefficients.distance(from: optimum)), \(distance)")
  }

  @Test func `Levels of the tree are distributions, each natural inside`() throws {
    var run = RunFacts(domains: ["a", "b", "c", "d", "e"], tokens: [10, 30, 60, 0, 5])
    run.windows = [1, 1, 1, 0, 0]
    run.tree = DomainTree(top: 3, parents: [[0, 0, 1, 1, 2]])
    let method = try Self.method(["basis": ["level1", "uniform"]], run)
    // The last node has no text to read.
    #expect(method.state.names == ["level1/0", "level1/1", "uniform"])
    let rows = try #require(method.probes).map { $0.dense(5).values }
    #expect(rows == [[0.25, 0.75, 0, 0, 0], [0, 0, 1, 0, 0], Weights(proportionalTo: [1, 1, 1, 0, 0])!.values])
    let half = try Self.method(["basis": ["level1", "uniform"], "coefficients": [Share("level1", 1)]], run)
    #expect(half.start.values == [0.125, 0.375, 0.5, 0, 0])
    let leaves = try Self.method(["basis": ["level2"]], run)
    #expect(leaves.state.names == ["level2/0", "level2/1", "level2/2"])
  }

  @Test func `A run with a basis goes on from its encoded state with the same bits, in the middle of an interval, too`()
    throws
  {
    func rows(_ step: Int) -> Observations {
      var random = SplitMix(seed: UInt64(step))
      let domains = (0..<32).map { _ in Int(random.next() % 3) }
      var observations = Observations(.training, step: step, domains: domains)
      observations.scores = [
        Observations.Scores(values: domains.map { Double($0) + random.unit() }, unit: 0.5, loss: 2)
      ]
      observations.scores[0].recurrence = 0.1
      return observations
    }
    let keys: [String: Any] = ["basis": ["uniform", "t", "u"]]
    var method = try Self.method(keys)
    var weights = method.start
    for step in 1...5 {
      method.observe(rows(step))
      weights = try method.moved(from: weights).weights
    }
    method.observe(rows(6))
    var resumed = try Self.method(keys).restored(from: method)
    try resumed.check(method.state)
    var others = weights
    for step in 7..<10 {
      method.observe(rows(step))
      resumed.observe(rows(step))
      weights = try method.moved(from: weights).weights
      others = try resumed.moved(from: others).weights
    }
    #expect(weights == others && weights != method.start)
    let other = try Self.method(["basis": ["uniform", "u", "t"]])
    #expect(throws: StateFault.self) { try other.check(method.state) }
  }

  @Test func `A score that is not finite leaves everything as it is, and names a domain`() throws {
    var method = try Self.method(["basis": ["uniform", "t", "u"]])
    var observations = Observations(.training, step: 1, domains: [0, 2, 1])
    observations.scores = [Observations.Scores(values: [1, .nan, 2])]
    method.observe(observations)
    let move = try method.moved(from: method.start)
    #expect(move.refused == 2 && move.weights == method.start)
    // Weights in use can be below a cap, which is not the method's.
    let capped = method.start.capped(by: [0.3, 0.5, 0.5])
    method.observe(observations)
    let kept = try method.moved(from: capped)
    #expect(capped != method.start && kept.refused == 2 && kept.weights == capped)
  }

  @Test func `After a direction that is not finite the state has numbers alone, as a checkpoint wants them`() throws {
    var method = try Self.method(["basis": ["uniform", "t", "u"]])
    var observations = Observations(.training, step: 1, domains: [0, 2, 1])
    observations.scores = [Observations.Scores(values: [1, 3, 2], unit: .nan)]
    method.observe(observations)
    #expect(try method.moved(from: method.start).weights == method.start)
    // JSON has no other numbers, so that encoding others fails.
    #expect(throws: Never.self) { try JSONEncoder().encode(method.state) }
  }

  @Test func `A row that is the mean of several sequences counts as these`() throws {
    var method = try Self.method(Self.keys(["uniform", "t", "u"]))
    var observations = Self.probe([0.2, 0.6, -0.1])
    observations.rowSizes = [4, 4, 4]
    method.observe(observations)
    #expect(try method.moved(from: method.start).coefficients?.effectiveSampleSizes == [4, 4, 4])
  }

  @Test func `Few documents of a target are remarked on at the key that counts them, and counted once`() throws {
    let calls = Mutex(0)
    var run = Self.run
    let histogram = run.histogram
    run.histogram = { target in
      calls.withLock { $0 += 1 }
      return try histogram(target)
    }
    let remarks = try Self.method(["basis": ["target", "t", "u"]], run).remarks
    #expect(remarks.count == 2 && calls.withLock { $0 } == 2)
    #expect(remarks[0].hasPrefix("mixture.basis: the 10 steering documents of t are in 2 domains"))
    #expect(!remarks[0].contains("pseudocount") && remarks[1].contains("documents of u are in 2 domains"))
    #expect(try Self.method(["basis": ["uniform", "natural"]], run).remarks.isEmpty)
  }

  @Test func `A state with a basis is no state without one, and the other way round, which is said`() throws {
    func problem(_ mixture: Mixture, _ other: any MixingMethod) throws -> StateFault? {
      var mixture = mixture
      do {
        try mixture.restoreMethod(from: try JSONState(of: other))
        return nil
      } catch let fault as StateFault {
        return fault
      }
    }
    let with = try DynamicGradientAlignment.make(.init(given: ["basis": ["uniform", "t"]]), for: Self.run)
    let without = try DynamicGradientAlignment.make(.init(given: [:]), for: Self.run)
    #expect(try problem(Mixture(with), with) == nil && problem(Mixture(without), without) == nil)
    #expect(try problem(Mixture(with), without)?.problem.contains("had no mixture.basis") == true)
    #expect(try problem(Mixture(without), with)?.problem.contains("had a mixture.basis of 2 distributions") == true)
  }

  @Test func `What is no basis is said`() throws {
    func problem(_ keys: [String: Any], _ run: RunFacts = Self.run) -> SettingFault? {
      do {
        _ = try DynamicGradientAlignment.make(.init(given: keys), for: run)
        return nil
      } catch {
        return error as? SettingFault ?? (error as? GivenKeys.Failure).map { SettingFault($0.key, $0.message) }
      }
    }
    #expect(problem(["basis": ["t", "u"]]) == nil && problem([:]) == nil)
    let unknown = try #require(problem(["basis": ["uniform", "tt"]]))
    #expect(unknown.key == "basis" && unknown.unknownName == "tt" && unknown.knownNames?.contains("t") == true)
    #expect(problem(["basis": ["level1"]])?.message.contains("no tree of domains, so there is no `level1`") == true)
    #expect(problem(["basis": ["t", "t"]])?.message.contains("twice") == true)
    var run = Self.run
    run.tree = DomainTree(top: 3, parents: [])
    #expect(problem(["basis": ["level2"]], run)?.message.contains("1 levels") == true)
    let empty = ImportanceTests.facts(["t": [0, 0, 0]])
    #expect(
      problem(["basis": ["t"]], empty)?.description.hasPrefix("basis: the histogram of t is without support") == true)
    #expect(problem(["basis": ["target"]], empty)?.key == "basis")
    #expect(problem(["coefficients": [Share("t", 1)]])?.message.contains("without a `basis`") == true)
    let missing = try #require(problem(["basis": ["t"], "coefficients": [Share("s", 1)]]))
    #expect(missing.key == "coefficients" && missing.knownNames == ["t"])
    #expect(problem(["basis": ["t"], "coefficients": [Share("t", 0)]])?.message.contains("more than zero") == true)
    #expect(problem(["basis": ["t"], "shrink": "tree"])?.key == "shrink")
    #expect(problem(["basis": ["t"], "explore": 0.1])?.key == "explore")
    run.adaptiveTargets = true
    #expect(problem(["basis": ["t"]], run)?.key == "direction.adaptive")
    var started = Self.run
    started.isPriorGiven = true
    #expect(problem(["basis": ["t"]], started)?.key == "prior" && problem(["basis": ["t", "prior"]], started) == nil)
  }
}

extension SparseDistribution {
  /// All shares.
  fileprivate func dense(_ count: Int) -> Weights { Weights(proportionalTo: (0..<count).map { self[$0] })! }
}
