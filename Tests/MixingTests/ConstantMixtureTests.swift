import Mixing
import Settings
import Testing

private func start<Rule: ConstantWeights>(_ rule: Rule, _ run: RunFacts) throws -> [Double] {
  try ConstantMixture(rule, for: run).start.values
}

private func run(_ tokens: [Int], budget: Int = 1000) -> RunFacts {
  RunFacts(domains: tokens.indices.map { "d\($0)" }, tokens: tokens, steps: budget / 10, tokensPerStep: 10)
}

@Suite struct ConstantMixtureTests {
  private let tokens = [1_000_000_000, 100_000_000, 1_000_000]

  @Test func `Uniform and natural weights leave out domains without text`() throws {
    #expect(try start(UniformWeights(), run([5, 7, 9])) == Weights.uniform(3).values)
    #expect(try start(UniformWeights(), run([5, 0, 9])) == [0.5, 0, 0.5])
    #expect(error(try start(NaturalWeights(), run(tokens)), [0.908265, 0.090827, 0.000908]) < 1e-6)
    #expect(try start(NaturalWeights(), run([3, 0, 1])) == [0.75, 0, 0.25])
    #expect(try start(NaturalWeights(), run([3])) == [1])
    #expect(throws: SettingFault.self) { try start(UniformWeights(), run([0, 0])) }
    #expect(throws: SettingFault.self) { try start(NaturalWeights(), run([0])) }
  }

  @Test func `No computed weights are on a domain without a window`() throws {
    var short = run([5, 7, 9])
    short.windows = [1, 0, 1]
    #expect(try start(UniformWeights(), short) == [0.5, 0, 0.5])
    #expect(error(try start(NaturalWeights(), short), [0.357143, 0, 0.642857]) < 1e-6)
    #expect(try start(TemperatureWeights(), short)[1] == 0 && start(UniMaxWeights(), short)[1] == 0)
    #expect(UniMaxWeights().summary(for: short).hasPrefix("4epochs of all domains are 56 tokens"))
  }

  @Test func `A comparison of numbers does not take NaN for one`() {
    #expect(error([.nan, 1], [0, 1]) == .infinity && error([1, 1], [1, .nan]) == .infinity)
    #expect(error([1, 1.5], [1, 1]) == 0.5)
  }

  @Test func `Weights by temperature are those worked out`() throws {
    var rule = TemperatureWeights()
    #expect(error(try start(rule, run(tokens)), [0.614598, 0.308029, 0.077373]) < 1e-6)
    for (exponent, expected) in [
      (1.0, [0.908265, 0.090827, 0.000908]), (0.5, [0.741922, 0.234616, 0.023462]), (0, [1 / 3.0, 1 / 3.0, 1 / 3.0]),
    ] {
      rule.exponent = exponent
      #expect(error(try start(rule, run(tokens)), expected) < 1e-6)
    }
    // A domain without text has no weight, not even with an exponent of 0.
    #expect(try start(rule, run([2, 0, 3])) == [0.5, 0, 0.5])
    #expect(throws: SettingFault.self) { try start(rule, run([0])) }
  }

  @Test func `UniMax gives the published example's weights`() throws {
    let rule = UniMaxWeights()
    #expect(error(try start(rule, run(tokens, budget: 300_000_000)), [0.493333, 0.493333, 0.013333]) < 1e-6)
    #expect(error(try start(rule, run(tokens, budget: 1_000_000_000)), [0.596, 0.4, 0.004]) < 1e-6)
    // All caps together are less than the budget.
    let large = run(tokens, budget: 5_000_000_000)
    #expect(try start(rule, large) == start(NaturalWeights(), large))
    #expect(
      rule.summary(for: large).hasPrefix(
        "4epochs of all domains are 4404000000 tokens, fewer than the run's 5000000000:"))
    #expect(rule.summary(for: run(tokens)) == "at most 4epochs of every domain")
    #expect(try start(rule, run([2, 0, 3])) == [0.4, 0, 0.6])
    #expect(try start(rule, run([2000, 0, 3000])) == [0.5, 0, 0.5])
    #expect(try start(rule, run([7])) == [1])
    #expect(throws: GivenKeys.Failure.self) { try UniMaxWeights(given: ["epochs": 0.0]) }
  }

  @Test func `Fixed weights are read by name or from another run`() throws {
    var run = run([1, 1, 1])
    run.mixture = { path, key in
      #expect(path == "runs/a" && key == "file")
      return Weights(proportionalTo: [0, 1, 1])!
    }
    #expect(
      try start(FixedWeights(given: ["weights": [Share("d2", 3), Share("d0", 1)]]), run) == [0.25, 0, 0.75])
    #expect(try start(FixedWeights(given: ["file": "runs/a"]), run) == [0, 0.5, 0.5])
    #expect(throws: GivenKeys.Failure.self) {
      try FixedWeights(given: ["file": "runs/a", "weights": [Share("d0", 1)]])
    }
    #expect(throws: SettingFault("weights", "the corpus has no domain `d9`", unknownName: "d9")) {
      try start(FixedWeights(given: ["weights": [Share("d9", 1)]]), run)
    }
    for bad in [[], [Share("d0", 0)], [Share("d0", .nan)]] {
      #expect(throws: SettingFault.self) { try start(FixedWeights(given: ["weights": bad]), run) }
    }
  }

  @Test(arguments: [[2, 0, 1], [1, 2, 0]])
  func `Renaming domains renames their weights`(order: [Int]) throws {
    func check(_ rule: some ConstantWeights) throws {
      let values = try start(rule, run(tokens, budget: 300_000_000))
      let renamed = try start(rule, run(order.map { tokens[$0] }, budget: 300_000_000))
      #expect(error(renamed, order.map { values[$0] }) < 1e-15)
    }
    try check(UniformWeights())
    try check(NaturalWeights())
    try check(TemperatureWeights())
    try check(UniMaxWeights())
  }

  @Test func `Constant weights want nothing, and do not move`() throws {
    var mixture = Mixture(try ConstantMixture(NaturalWeights(), for: run([3, 1])))
    #expect(mixture.method.everWants(upTo: 1000).isEmpty)
    var observations = Observations(.training, step: 1, domains: [0, 1])
    observations.losses = [.nan, 1]
    mixture.observe(observations)
    #expect(
      mixture.move(after: 1) == nil && mixture.weights.values == [0.75, 0.25] && mixture.average == mixture.weights)
  }
}
