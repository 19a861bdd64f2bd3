import Mixing
import Settings
import Testing

/// Weights by the domains that a target's documents are in.
@Suite struct ImportanceTests {
  /// A corpus with these documents of targets, (domains).
  static func facts(
    _ histograms: [String: [Double]], tokens: [Int]? = nil, targets: [Share]? = nil
  ) -> RunFacts {
    let tokens = tokens ?? histograms.values.first!.map { _ in 100 }
    var run = RunFacts(domains: tokens.indices.map { "d\($0)" }, tokens: tokens)
    run.targets = targets ?? histograms.keys.sorted().map { Share($0, 1) }
    run.targetNames = histograms.keys.sorted()
    run.histogram = { target in
      guard let counts = histograms[target] else { throw SettingFault("method", "no counts of \(target)") }
      return counts
    }
    return run
  }

  private func start(_ run: RunFacts, pseudocount: Double = 0) throws -> [Double] {
    try ConstantMixture(ImportanceWeights(given: ["pseudocount": pseudocount]), for: run).start.values
  }

  @Test func `Weights are the shares of the target's documents, with those of the prior that are added`() throws {
    let counts = [7.0, 2, 0]
    #expect(error(try start(Self.facts(["t": counts])), [0.777778, 0.222222, 0]) < 1e-6)
    let smoothed = ImportanceWeights.weights(of: counts, pseudocount: 1.5, prior: .uniform(3))
    #expect(error(try #require(smoothed).values, [0.714286, 0.238095, 0.047619]) < 1e-6)
    let natural = Self.facts(["t": counts], tokens: [500, 300, 200])
    #expect(error(try start(natural, pseudocount: 3), [0.708333, 0.241667, 0.050000]) < 1e-6)
  }

  @Test func `Weights of several targets are the mean by their weights`() throws {
    let histograms = ["t": [1.0, 1, 0, 0], "u": [0, 0, 30, 10]]
    #expect(try start(Self.facts(histograms)) == [0.25, 0.25, 0.375, 0.125])
    #expect(
      try start(Self.facts(histograms, targets: [Share("t", 3), Share("u", 1)])) == [0.375, 0.375, 0.1875, 0.0625])
    #expect(try start(Self.facts(histograms, targets: [Share("t", 0), Share("u", 2)])) == [0, 0, 0.75, 0.25])
  }

  @Test func `Domains that cannot be read have no weight, whatever documents are in them`() throws {
    var run = Self.facts(["t": [1, 2, 3]], tokens: [5, 0, 5])
    #expect(try start(run) == [0.25, 0, 0.75])
    run.windows = [0, 0, 1]
    #expect(try start(run) == [0, 0, 1])
    #expect(try start(run, pseudocount: 9) == [0, 0, 1])
  }

  @Test func `A histogram without support, or none at all, is said`() {
    func message(_ run: RunFacts) -> String {
      do {
        _ = try start(run)
        return ""
      } catch {
        return "\(error)"
      }
    }
    #expect(message(Self.facts(["t": [0, 0]])).contains("method: the histogram of t is without support"))
    #expect(message(Self.facts(["t": [1, 0]], tokens: [0, 5])).contains("without support"))
    var run = RunFacts(domains: ["a"], tokens: [1])
    run.targets = [Share("t", 1)]
    #expect(message(run).contains("without support"))
  }

  @Test func `Fewer than ten documents for each domain are remarked on, unless some are added`() throws {
    func remarks(_ counts: [Double], _ pseudocount: Double = 0) throws -> [String] {
      try ConstantMixture(ImportanceWeights(given: ["pseudocount": pseudocount]), for: Self.facts(["t": counts]))
        .remarks
    }
    #expect(try remarks([15, 5, 0]).isEmpty)
    #expect(try remarks([14, 5, 0]).first?.contains("the 19 steering documents of t are in 2 domains") == true)
    #expect(try remarks([14, 5, 0], 1).isEmpty)
  }

  @Test func `A tree finds nodes and sums of every level, and refuses parents that are not there`() throws {
    let tree = try #require(DomainTree(top: 2, parents: [[0, 0, 1], [0, 1, 2, 2, 0]]))
    #expect(tree.counts == [2, 3, 5] && tree.levels == 3 && tree.domains == 5)
    #expect(tree.nodes(at: 0) == [0, 0, 1, 1, 0] && tree.nodes(at: 1) == [0, 1, 2, 2, 0])
    #expect(tree.nodes(at: 2) == [0, 1, 2, 3, 4])
    #expect(DomainTree(top: 2, parents: [[0, 2]]) == nil && DomainTree(top: 2, parents: [[0, -1]]) == nil)
    #expect(DomainTree(top: 0, parents: []) == nil && DomainTree(top: 3, parents: [])?.domains == 3)
  }
}
