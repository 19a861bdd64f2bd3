import Corpus
import Failures
import Foundation
import Testing

private func sampler(_ counts: [Int], _ weights: [Double], seed: UInt64 = 1) throws -> MixtureSampler {
  var sampler = MixtureSampler(windowCounts: counts, seed: seed)
  try sampler.setWeights(weights) { "domain \($0)" }
  return sampler
}

@Suite struct SamplingMixtureTests {
  @Test(arguments: [
    (tokens: 0, limit: nil, windows: 0), (1, nil, 0), (8, nil, 0), (9, nil, 1), (16, nil, 1), (17, nil, 2),
    (17, 16, 1), (17, 1000, 2), (1 << 40, 17, 2), (5, 17, 0),
  ])
  func `Windows are counted with their last target, within the token limit`(tokens: Int, limit: Int?, windows: Int) {
    #expect(windowCount(tokens: tokens, context: 8, limit: limit) == windows)
  }

  @Test func `A million draws of domains follow the weights`() throws {
    let weights = [0.4, 0.3, 0, 0.2, 0.0999, 0.0001]
    var sampler = try sampler([1000, 7, 5, 1, 333, 2], weights)
    var counts = [Int](repeating: 0, count: weights.count)
    var batch = [Window](repeating: Window(), count: 1000)
    for step in 0..<1000 {
      var span = batch.mutableSpan
      sampler.draw(step: step, into: &span)
      for window in batch { counts[Int(window.domain)] += 1 }
    }
    #expect(counts[2] == 0)
    #expect(chiSquareScore(counts, weights.map { $0 * 1e6 }) < 3.09)
    #expect(sampler.cursors == counts)
  }

  @Test func `Every window of an epoch is drawn once before any is repeated`() throws {
    let counts = [1, 2, 7, 101, 1023]
    var sampler = try sampler(counts, [1, 1, 1, 1, 1])
    var seen = [[Int]](repeating: [], count: counts.count)
    for step in 0..<200 {
      for window in sampler.draw(step: step, count: 64) { seen[Int(window.domain)].append(window.index) }
    }
    for (domain, count) in counts.enumerated() {
      let epochs = stride(from: 0, to: seen[domain].count - count + 1, by: count).map { seen[domain][$0..<$0 + count] }
      #expect(epochs.count == sampler.completedEpochs(of: domain) && epochs.count >= 2)
      for epoch in epochs { #expect(epoch.sorted() == Array(0..<count)) }
      // Each epoch has an order of its own; two orders of 101 or more agree by chance once in 101!.
      if count > 100 { #expect(Set(epochs.map(Array.init)).count == epochs.count) }
    }
  }

  @Test func `A sampler restored from its cursors draws what an uninterrupted one draws`() throws {
    let (counts, weights) = ([50, 3, 1000], [0.2, 0.5, 0.3])
    var straight = try sampler(counts, weights)
    for step in 0..<10 { _ = straight.draw(step: step, count: 32) }
    let state = try JSONEncoder().encode(straight.cursors)

    var resumed = MixtureSampler(windowCounts: counts, seed: 1)
    try resumed.restore(cursors: try JSONDecoder().decode([Int].self, from: state))
    // Weights of another update in between leave no trace.
    try resumed.setWeights([1, 0, 0]) { "\($0)" }
    try resumed.setWeights(weights) { "\($0)" }
    for step in 10..<20 { #expect(straight.draw(step: step, count: 32) == resumed.draw(step: step, count: 32)) }
    #expect(straight.cursors == resumed.cursors)
  }

  @Test func `What is seen ahead is what is drawn, and takes nothing away`() throws {
    var sampler = try sampler([3, 1, 5], [1, 2, 3])
    _ = sampler.draw(step: 1, count: 7)
    let cursors = sampler.cursors
    var ahead = [Window](repeating: Window(), count: 7)
    var slots = ahead.mutableSpan
    sampler.peek(step: 2, into: &slots)
    #expect(sampler.cursors == cursors)
    #expect(sampler.draw(step: 2, count: 7) == ahead)
  }

  @Test func `A smaller batch is the beginning of a larger one`() throws {
    var (small, large) = (try sampler([50, 30], [1, 2]), try sampler([50, 30], [1, 2]))
    #expect(small.draw(step: 5, count: 8) == Array(large.draw(step: 5, count: 64).prefix(8)))
  }

  @Test func `Seeds and steps draw different batches, the same seed and step the same`() throws {
    func batch(seed: UInt64, step: Int) throws -> [Window] {
      var sampler = try sampler([1000, 1000], [1, 1], seed: seed)
      return sampler.draw(step: step, count: 64)
    }
    #expect(try batch(seed: 1, step: 0) == batch(seed: 1, step: 0))
    #expect(try Set([batch(seed: 1, step: 0), batch(seed: 2, step: 0), batch(seed: 1, step: 1)]).count == 3)
    // Orders of windows, too, and not only domains: the first window of domain 0 of 20 seeds is not often the same.
    let firsts = try (0..<20).map { seed in try batch(seed: seed, step: 0).first { $0.domain == 0 }!.index }
    #expect(Set(firsts).count > 15)
  }

  @Test func `A recorded batch stays what it was`() throws {
    // Numbers of a second implementation, Tests/reference/sampling.py. Checkpoints go on with the same windows only as
    // long as these stay.
    var sampler = try sampler([10, 20, 30], [1, 2, 3], seed: 42)
    let batch = sampler.draw(step: 3, count: 6)
    #expect(batch.map(\.domain) == [2, 2, 0, 2, 1, 1])
    #expect(batch.map(\.index) == [7, 18, 7, 6, 8, 5])
  }

  @Test func `Weight on domains without windows is refused by name`() throws {
    var sampler = MixtureSampler(windowCounts: [3, 0, 5, 0, 0, 0, 0, 0], seed: 1)
    let names = ["a", "b", "c", "d", "e", "f", "g", "h"]
    let one = #expect(throws: Failure.self) { try sampler.setWeights([1, 1, 1, 0, 0, 0, 0, 0]) { names[$0] } }
    #expect(one?.kind == .badData)
    #expect(one?.message.contains("nothing to sample: b. ") == true)
    let many = #expect(throws: Failure.self) {
      try sampler.setWeights([Double](repeating: 1, count: 8)) { names[$0] }
    }
    #expect(many?.message.contains(": b, d, e, f, g and 1 more. ") == true)
    try sampler.setWeights([1, 0, 1, 0, 0, 0, 0, 0]) { names[$0] }
  }

  @Test(arguments: [[1, 2], [1, 2, -3], []])
  func `Cursors that do not fit are refused`(cursors: [Int]) throws {
    var sampler = try sampler([5, 5, 5], [1, 1, 1])
    let failure = #expect(throws: Failure.self) { try sampler.restore(cursors: cursors) }
    #expect(failure?.kind == .badData)
  }

  @Test func `The next windows of one domain come from its own stream and cursor`() {
    var probes = DomainSampler(windowCounts: [101, 7], seed: 1, stream: .probing)
    var windows = [Window](repeating: Window(), count: 101)
    var span = windows.mutableSpan
    probes.draw(domain: 0, into: &span)
    #expect(windows.allSatisfy { $0.domain == 0 })
    #expect(windows.map(\.index).sorted() == Array(0..<101))
    #expect(probes.cursors == [101, 0])
    #expect(probes.completedEpochs(of: 0) == 1 && probes.completedEpochs(of: 1) == 0)

    var others = DomainSampler(windowCounts: [101, 7], seed: 1, stream: .training)
    var training = [Window](repeating: Window(), count: 101)
    span = training.mutableSpan
    others.draw(domain: 0, into: &span)
    #expect(training != windows)
  }

  @Test func `A hundred thousand domains start in time and memory`() throws {
    let domains = 100_000
    let clock = ContinuousClock()
    var result: MixtureSampler?
    let time = try clock.measure {
      var sampler = MixtureSampler(windowCounts: (0..<domains).map { $0 % 1000 + 1 }, seed: 1)
      try sampler.setWeights((0..<domains).map { Double($0 % 17 + 1) }) { "\($0)" }
      _ = sampler.draw(step: 0, count: 64)
      result = sampler
    }
    #expect(time < .seconds(2))
    let bytes = arrayBytes(of: try #require(result))
    #expect(bytes >= 8 * domains)
    #expect(bytes < 50 * domains)
  }

  /// Adds up the capacity of every array that a value holds, however deep; one of an unknown kind is an issue.
  private func arrayBytes(of value: Any) -> Int {
    switch value {
    case let array as [Int]: return array.capacity * MemoryLayout<Int>.stride
    case let array as [Double]: return array.capacity * MemoryLayout<Double>.stride
    case let array as [Int32]: return array.capacity * MemoryLayout<Int32>.stride
    default:
      let mirror = Mirror(reflecting: value)
      if mirror.displayStyle == .collection { Issue.record("unknown kind of array: \(type(of: value))") }
      return mirror.children.reduce(0) { $0 + arrayBytes(of: $1.value) }
    }
  }
}
