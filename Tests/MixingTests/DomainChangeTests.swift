import Mixing
import Settings
import Testing

/// Runs that go on with other domains.
@Suite struct DomainChangeTests {
  private static func change(
    _ before: [String], _ now: [String], shares: [Double]? = nil
  ) throws -> DomainChange {
    let shares = shares.flatMap { Weights(proportionalTo: $0) } ?? .uniform(now.count)
    return try #require(DomainChange(from: before, to: now, shares: shares))
  }

  @Test func `Domains are matched by name, whatever their order`() throws {
    let change = try Self.change(["a", "b", "c"], ["d", "c", "a", "e"])
    #expect(change.before == 3 && change.now == 4 && !change.isIdentity)
    #expect((0..<4).map { change.source(of: $0) } == [nil, 2, 0, nil])
    #expect(change.new == [0, 3] && change.left == [1])
    #expect(change.carried([1, 2, 3], new: 9) == [9, 3, 1, 9])
    #expect(try Self.change(["a", "b"], ["a", "b"]).isIdentity)
    #expect(DomainChange(from: ["a"], to: ["b"], shares: .uniform(1)) == nil)
  }

  @Test func `New domains start with their shares, and the others share the rest as before`() throws {
    // c and a keep 3 : 1 of what d and e leave, 1 - 0.2 - 0.3.
    let change = try Self.change(["a", "b", "c"], ["d", "c", "a", "e"], shares: [2, 1, 4, 3])
    let before = try #require(Weights(proportionalTo: [1, 4, 3]))
    let weights = change.carried(before, otherwise: .uniform(4))
    #expect(error(weights.values, [0.2, 0.375, 0.125, 0.3]) < 1e-15)
    let average = change.carried(before, hasShares: false, otherwise: .uniform(4))
    #expect(error(average.values, [0, 0.75, 0.25, 0]) < 1e-15)
    // Only b had weight.
    let gone = change.carried(try #require(Weights(proportionalTo: [0, 1, 0])), otherwise: .uniform(4))
    #expect(error(gone.values, [0.4, 0, 0, 0.6]) < 1e-15)
    let rest = try Self.change(["a", "b"], ["a"], shares: [1])
    #expect(rest.carried(try #require(Weights(proportionalTo: [0, 1])), otherwise: .uniform(1)) == .uniform(1))
  }

  @Test func `A domain that is there still but has too little text now has no weight`() throws {
    let change = try #require(
      DomainChange(from: ["a", "b", "c"], to: ["a", "b", "c"], shares: .uniform(3), readable: [true, false, true]))
    #expect(error(change.carried(.uniform(3), otherwise: .uniform(3)).values, [0.5, 0, 0.5]) < 1e-15)
  }

  @Test func `Weights of the same domains keep their bits`() throws {
    let change = try Self.change(["a", "b", "c"], ["a", "b", "c"])
    let weights = try #require(Weights(proportionalTo: [0.1, 0.7, 0.3]))
    #expect(change.carried(weights, otherwise: .uniform(3)) == weights)
  }

  // MARK: Methods

  private static let names = ["a", "b", "c", "d", "e"]
  /// The same domains in another order: place i of this run is place order[i] of the other.
  private static let order = [3, 0, 4, 1, 2]
  private static let stop = 120

  private static func facts(_ names: [String]) -> RunFacts {
    var facts = RunFacts(
      domains: names, tokens: names.map { 1000 + Int($0.unicodeScalars.first!.value) }, steps: 400)
    facts.estimation = Estimation(givesErrors: true, givesNorms: true)
    facts.targets = [Share("t", 1)]
    return facts
  }

  private static func methods(_ names: [String]) throws -> [any MixingMethod] {
    let facts = facts(names)
    return [
      try DynamicGradientAlignment(.init(for: facts.estimation), for: facts),
      try DynamicGradientAlignment(.init(given: ["eta": 0.3, "caution": "none"]), for: facts),
      try DoGE(.init(), for: facts), try DoReMi(.init(), for: facts), try OnlineDataMixing(.init(), for: facts),
      try AdaptiveDataOptimization(.init(), for: facts),
    ]
  }

  /// Everything that any method may ask for, of some rows of each domain; `order` gives domains their places.
  private static func rows(_ step: Int, _ source: Observations.Source, _ order: [Int]) -> Observations {
    var random = SplitMix(seed: UInt64(step))
    let domains = (0..<10).map { _ in Int.random(in: names.indices, using: &random) } + names.indices
    var observations = Observations(source, step: step, learningRate: 0.01, domains: domains.map { order[$0] })
    let noise = domains.map { _ in Double.random(in: -0.5...0.5, using: &random) }
    let trend = 1 / Double(step).squareRoot()
    observations.losses = zip(domains, noise).map { 3 + Double($0 + 1) * trend + 0.1 * $1 }
    observations.excessLosses = zip(domains, noise).map { max(0, 0.1 * Double($0) + 0.1 * $1) }
    // What is good before is bad after, so that weights at their limits move again.
    let slope = step > stop ? -0.2 : 0.2
    observations.scores = [Observations.Scores(values: zip(domains, noise).map { slope * Double($0) + $1 }, loss: 1)]
    observations.gradientNorms = names.indices.map { place in 1 + 0.1 * Double(order.firstIndex(of: place)!) }
    observations.directionNorms = [0.5]
    return observations
  }

  /// Lets a method see some steps and move before each; returns the weights that it has led to.
  private static func run(
    _ method: inout some MixingMethod, _ steps: ClosedRange<Int>, _ order: [Int], from start: Weights
  ) -> Weights {
    var weights = start
    for step in steps {
      method.observe(rows(step, .comingBatch, order))
      method.observe(rows(step, .training, order))
      if let move = method.move(after: step, from: weights) { weights = move.weights }
    }
    return weights
  }

  @Test(arguments: 0..<6)
  func `A run whose domains change their places goes on to the same weights`(_ index: Int) throws {
    func check<Method: MixingMethod>(_ first: Method) throws {
      let same = Array(Self.names.indices)
      var straight = first
      let middle = Self.run(&straight, 1...Self.stop, same, from: first.start)
      var other = Self.names
      for (place, name) in zip(Self.order, Self.names) { other[place] = name }
      var moved = try Self.methods(other)[index] as! Method
      let change = try Self.change(Self.names, other)
      moved.carry(try JSONState(of: straight).decode(Method.State.self), over: change)
      try moved.check(moved.state)
      let carried = moved.weights(from: middle, over: change, after: Self.stop)
      #expect(carried.values == change.carried(middle.values, new: 0))
      let expected = Self.run(&straight, Self.stop + 1...Self.stop + 60, same, from: middle)
      let found = Self.run(&moved, Self.stop + 1...Self.stop + 60, Self.order, from: carried)
      #expect(expected != middle, "the weights move")
      // Sums over domains are in another order.
      #expect(error(found.values, change.carried(expected.values, new: 0)) < 1e-9, "\(Method.name)")
    }
    try check(Self.methods(Self.names)[index])
  }

  @Test(arguments: 0..<6)
  func `A new domain joins and another leaves, and all have weight`(_ index: Int) throws {
    func check<Method: MixingMethod>(_ first: Method) throws {
      var straight = first
      let middle = Self.run(&straight, 1...Self.stop, Array(Self.names.indices), from: first.start)
      let other = ["b", "f", "c", "d", "e"]
      let change = try Self.change(Self.names, other, shares: [1, 1, 1, 1, 1])
      var moved = try Self.methods(other)[index] as! Method
      moved.carry(try JSONState(of: straight).decode(Method.State.self), over: change)
      try moved.check(moved.state)
      let carried = moved.weights(from: middle, over: change, after: Self.stop)
      #expect(abs(carried.values[1] - 0.2) < 1e-12)
      let weights = Self.run(
        &moved, Self.stop + 1...Self.stop + 60, Array(Self.names.indices), from: carried)
      #expect(weights.values.allSatisfy { $0 > 0 } && abs(weights.values.reduce(0, +) - 1) < 1e-12)
    }
    try check(Self.methods(Self.names)[index])
  }

  @Test func `Weights that stand still are those of the new domains`() throws {
    let change = try Self.change(["a", "b"], ["b", "c"])
    let run = RunFacts(domains: ["b", "c"], tokens: [300, 100])
    let natural = try ConstantMixture<NaturalWeights>(.init(), for: run)
    #expect(natural.weights(from: .uniform(2), over: change, after: 7).values == [0.75, 0.25])
    var settings = Schedule.Settings()
    settings.stages = [
      .init(from: "0", weights: [Share("b", 1)]), .init(from: "10steps", weights: [Share("b", 1), Share("c", 1)]),
    ]
    let schedule = try Schedule(settings, for: run)
    #expect(schedule.weights(from: .uniform(2), over: change, after: 9).values == [1, 0])
    #expect(schedule.weights(from: .uniform(2), over: change, after: 10).values == [0.5, 0.5])
  }
}
