import Foundation
import Mixing
import Testing

@Suite struct ScoreMemoryTests {
  @Test func `Means and standard errors are those worked out by hand`() throws {
    var memory = ScoreMemory(domains: 3)
    // Domain 0: mean 2, squared deviations 2, one degree of freedom. Domain 1: mean 6, 8, 2. Domain 2: one sequence, 0,
    // 0.
    memory.observe([(0, 1), (1, 4), (0, 3), (1, 6), (2, 5), (1, 8)], memory: 0)
    let scores = memory.scores(unit: 2, memory: 0)
    #expect(scores.values == [2, 6, 5])
    #expect(scores.alignments == [4, 12, 10])
    // Pooled variance 10 / 3; shrunk towards it by four more: (4 * 10/3 + 2) / 5, (4 * 10/3 + 8) / 6, 10/3.
    let expected = [
      ((40.0 / 3 + 2) / 5 / 2).squareRoot(), ((40.0 / 3 + 8) / 6 / 3).squareRoot(), (10.0 / 3).squareRoot(),
    ]
    let errors = try #require(scores.errors)
    for (error, value) in zip(errors, expected) { #expect(abs(error - value) < 1e-14) }
    #expect(try #require(scores.alignmentErrors) == errors.map { 2 * $0 })
    #expect(memory.ages == [0, 0, 0])
  }

  @Test func `A domain that is not seen keeps its score and error, and ages`() throws {
    var memory = ScoreMemory(domains: 3)
    memory.observe([(0, 1), (0, 3), (1, 5), (1, 6)], memory: 0.5)
    // Never seen: an average score, of which nothing is known.
    var scores = memory.scores(unit: 1, memory: 0.5)
    #expect(scores.values == [2, 5.5, 3.75] && scores.aging == [1, 1, 1])
    #expect(try #require(scores.errors)[2] == .infinity)
    memory.observe([(2, 4)], memory: 0.5)
    memory.observe([(1, 5), (1, 6), (2, 4)], memory: 0.5)
    #expect(memory.ages == [2, 0, 0])
    scores = memory.scores(unit: 1, memory: 0.5)
    #expect(scores.values == [2, 5.5, 4] && scores.aging == [4, 1, 1])
    let errors = try #require(scores.errors)
    #expect(errors[0].isFinite && errors[1] < errors[0])
    // A memory of zero forgets all but the value.
    memory.observe([(2, 4)], memory: 0)
    scores = memory.scores(unit: 1, memory: 0)
    #expect(scores.values == [2, 5.5, 4])
    #expect(try #require(scores.errors)[0] == .infinity)
    #expect(memory.ages == [3, 1, 0])
    // However long ago.
    for _ in 0..<5000 { memory.observe([(2, 4)], memory: 0.8) }
    #expect(memory.scores(unit: 1, memory: 0.8).values == [2, 5.5, 4])
  }

  /// Means of 8 sequences with a memory of 0.75 count as (8 + 6 + ...) = 32 sequences with squared weights of
  /// 8 / (1 - 0.5625).
  @Test func `Standard errors are the spread of scores over many repetitions`() throws {
    var random = SplitMix(seed: 3)
    var squares = 0.0
    var claimed = 0.0
    let repetitions = 400
    for _ in 0..<repetitions {
      var memory = ScoreMemory(domains: 2)
      for _ in 0..<20 {
        memory.observe((0..<16).map { (domain: $0 % 2, score: random.unit() + random.unit() - 1) }, memory: 0.75)
      }
      let scores = memory.scores(unit: 1, memory: 0.75)
      squares += scores.values[0] * scores.values[0]
      claimed += try #require(scores.errors)[0]
    }
    // The root of a mean of 400 squares is right to 1 / sqrt(800) = 3.5 %; four times that.
    let ratio = claimed / Double(repetitions) / (squares / Double(repetitions)).squareRoot()
    #expect(abs(ratio - 1) < 0.14, "claimed errors are \(ratio) times the real ones")
  }

  /// What has aged says nothing of how much measured scores vary by chance: domains that were met long ago must not
  /// hide those that were met now.
  @Test func `Old scores do not make new ones count as noise`() throws {
    var memory = ScoreMemory(domains: 6)
    memory.observe((0..<24).map { ($0 % 6, Double($0 % 6) + ($0 < 12 ? 0.1 : -0.1)) }, memory: 0.8)
    for _ in 0..<30 {
      memory.observe([(0, 0.1), (0, -0.1), (5, 5.1), (5, 4.9)], memory: 0.8)
    }
    var mixture = RuleMixture(domains: 6, following: UpdateRule(step: .divergence(0.1), caution: .shrink))
    _ = mixture.update(memory.scores(unit: 1, memory: 0.8))
    let weights = mixture.weights.values
    #expect(weights[5] > 0.25 && weights[0] < 0.12)
    // Old scores are shrunk: their squared errors have grown by 800.
    #expect(weights[4] / weights[1] < (weights[5] / weights[0]).squareRoot())
  }

  @Test func `A memory goes on from its encoded state with the same bits`() throws {
    var memory = ScoreMemory(domains: 4)
    memory.observe([(0, 0.1), (2, 0.7), (2, -1.3)], memory: 0.8)
    var resumed = try JSONDecoder().decode(ScoreMemory.self, from: JSONEncoder().encode(memory))
    memory.observe([(1, 0.3)], memory: 0.8)
    resumed.observe([(1, 0.3)], memory: 0.8)
    #expect(resumed == memory)
  }
}
