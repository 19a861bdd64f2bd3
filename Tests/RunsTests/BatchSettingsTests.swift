import Failures
import Foundation
import Runs
import Testing

/// The division of a global batch into ranks and micro-batches.
struct BatchSettingsTests {
  private static func settings(_ batch: String) throws -> BatchSettings {
    let path = NSTemporaryDirectory() + "batch-settings-" + UUID().uuidString + ".yaml"
    let text = "run: runs/one\ncorpus: texts\ntarget: git\nbatch: \(batch)\n"
    try text.write(toFile: path, atomically: true, encoding: .utf8)
    defer { try? FileManager.default.removeItem(atPath: path) }
    return try RunDescription(contentsOf: path).batch
  }

  struct Division: CustomTestStringConvertible {
    let batch: String
    let ranks: Int
    let sequences, micro, accumulation: Int
    var testDescription: String { "\(batch) among \(ranks)" }
  }

  /// Sequences are of 128 tokens. Nobody asked for a micro-batch: the largest divisor of a rank's share up to eight.
  static let divisions = [
    Division(batch: "{}", ranks: 1, sequences: 32, micro: 8, accumulation: 4),
    Division(batch: "{sequences: 32}", ranks: 4, sequences: 32, micro: 8, accumulation: 1),
    Division(batch: "{sequences: 24}", ranks: 2, sequences: 24, micro: 6, accumulation: 2),
    Division(batch: "{sequences: 22}", ranks: 2, sequences: 22, micro: 1, accumulation: 11),
    Division(batch: "{sequences: 6}", ranks: 6, sequences: 6, micro: 1, accumulation: 1),
    Division(batch: "{sequences: 60, micro: 10}", ranks: 3, sequences: 60, micro: 10, accumulation: 2),
    Division(batch: "{tokens: 4096, micro: 2}", ranks: 2, sequences: 32, micro: 2, accumulation: 8),
    Division(batch: "{tokens: 1.28e6}", ranks: 5, sequences: 10_000, micro: 8, accumulation: 250),
  ]

  @Test(arguments: divisions)
  func `A batch is divided among ranks and micro-batches`(c: Division) throws {
    let plan = try Self.settings(c.batch).divided(among: c.ranks, length: 128)
    #expect(plan.sequences == c.sequences && plan.ranks == c.ranks)
    #expect(plan.micro == c.micro)
    #expect(plan.accumulation == c.accumulation)
  }

  @Test(arguments: divisions)
  func `Every slot belongs to one micro-batch of one rank, in order`(c: Division) throws {
    let plan = try Self.settings(c.batch).divided(among: c.ranks, length: 128)
    var slots: [Int] = []
    for rank in 0..<plan.ranks {
      for index in 0..<plan.accumulation {
        #expect(plan.slots(rank: rank, microBatch: index).count == plan.micro)
        slots += plan.slots(rank: rank, microBatch: index)
      }
    }
    #expect(slots == Array(0..<plan.sequences))
  }

  @Test(arguments: [
    ("{sequences: 12}", 5, ["batch.sequences", "12 sequences", "5 ranks", "1, 2, 3, 4, 6, 12,", "multiple of 5"]),
    ("{sequences: 2}", 4, ["batch.sequences", "can be 1, 2,"]),
    ("{tokens: 1536}", 8, ["batch.tokens", "12 sequences", "can be 1, 2, 3, 4, 6, 12,"]),
    ("{tokens: 100}", 1, ["batch.tokens", "sequences of 128; the nearest is 128"]),
    ("{tokens: 274877906944}", 1, ["batch.tokens", "2147483648 sequences", "at most 16777216"]),
    ("{tokens: 1000}", 1, ["batch.tokens", "sequences of 128", "896 and 1024"]),
    ("{sequences: 36, micro: 5}", 3, ["batch.micro", "12 of the 36", "batches of 5", "possible: 1, 2, 3, 4, 6, 12"]),
    ("{sequences: 8, micro: 16}", 2, ["batch.micro", "possible: 1, 2, 4"]),
  ])
  func `An impossible split lists the possible ones`(batch: String, ranks: Int, fragments: [String]) throws {
    let settings = try Self.settings(batch)
    let failure = try #require(throws: Failure.self) { try settings.divided(among: ranks, length: 128) }
    #expect(failure.kind == .badConfiguration)
    #expect(failure.message.contains(".yaml:4: "))  // where the batch stands
    for fragment in fragments { #expect(failure.message.contains(fragment)) }
  }

  @Test(arguments: ["{sequences: 0}", "{tokens: -5}", "{sequences: 8, micro: 0}", "{sequences: 8, tokens: 1024}"])
  func `Batches of nothing, or given twice, are refused`(batch: String) throws {
    let failure = try #require(throws: Failure.self) { try Self.settings(batch) }
    #expect(failure.kind == .badConfiguration)
    #expect(failure.message.contains(".yaml:4: batch."))
  }
}
