import Checkpoints
import Corpus
import Failures
import Foundation
import MPI
import Mixing
import Runs
import Settings
import Testing
import Training

extension MiddleTests {
  /// Whole runs, the plan, the journal and the store of checkpoints.
  @Suite struct TrainerTests {
    @Test func `A run described in code learns, moves its weights, and goes on with the same bits`() throws {
      let directory = try TemporaryDirectory()
      let whole = try train(directory, "whole")
      let read = whole.domains_read.tokens.reduce(0, +)
      #expect(whole.generic_loss < 3.4 && read == 12 * 8 * 12, "\(whole.generic_loss)")
      _ = try train(directory, "parts") { $0.duration = Quantity(7, .steps) }
      let parts = try train(directory, "parts", resume: true)
      #expect(parts.parameters_hash == whole.parameters_hash && parts.batches_hash == whole.batches_hash)
      let uniform = try train(directory, "uniform") { $0.mixture.use(ConstantMixture<UniformWeights>.self) }
      #expect(uniform.batches_hash != whole.batches_hash)
      let frozen = try train(directory, "frozen") {
        $0.mixture.use(DynamicGradientAlignment.self) { $0.rule = UpdateRule(eta: 0) }
        $0.mixture.every = Quantity(4, .steps)
      }
      #expect(frozen.parameters_hash == uniform.parameters_hash)
    }

    @Test func `A run may be evaluated before its first step, which changes nothing else and is not repeated`() throws {
      let directory = try TemporaryDirectory()
      func evaluations(_ run: String) throws -> [(step: Int, target: Double)] {
        struct Record: Decodable {
          let kind: String
          let step: Int
          let target: Double?
        }
        let lines = try String(contentsOfFile: "\(directory.path)/\(run)/metrics.jsonl", encoding: .utf8)
        return try lines.split(separator: "\n").compactMap {
          let record = try JSONDecoder().decode(Record.self, from: Data($0.utf8))
          return record.kind == "evaluation" ? (record.step, record.target!) : nil
        }
      }
      let plain = try train(directory, "plain")
      let first = try train(directory, "first") { $0.evaluation.first = true }
      #expect(first.parameters_hash == plain.parameters_hash && first.batches_hash == plain.batches_hash)
      #expect(try evaluations("plain").map(\.step) == [12] && evaluations("first").map(\.step) == [0, 12])
      // Logits of fresh weights hardly differ: the loss is that of guessing among 31 ids.
      #expect(abs(try evaluations("first")[0].target - log(31.0)) < 0.1)
      _ = try train(directory, "first", resume: true) {
        $0.evaluation.first = true
        $0.duration = Quantity(14, .steps)
      }
      #expect(try evaluations("first").map(\.step) == [0, 12, 14])
    }

    @Test func `Weights of losses change the gradient and not what is read`() throws {
      let directory = try TemporaryDirectory()
      let uniform = try train(directory, "uniform") { $0.mixture.use(ConstantMixture<UniformWeights>.self) }
      let weighted = try train(directory, "weighted") { $0.mixture.use(DoGE.self) { $0.weighting = .loss } }
      #expect(weighted.batches_hash == uniform.batches_hash && weighted.parameters_hash != uniform.parameters_hash)
      #expect(weighted.domains_read.tokens == uniform.domains_read.tokens)
    }

    /// What is drawn for the sake of knowledge is counted as asked for, beside weights that say something else.
    @Test func `A run that explores draws other shares than its weights`() throws {
      func shares(_ explore: Double) throws -> (asked: [String: Double], weights: [String: Double]) {
        let directory = try TemporaryDirectory()
        _ = try train(directory, "run") {
          $0.duration = Quantity(29, .steps)
          $0.mixture.use(DynamicGradientAlignment.self) { $0.explore = explore }
          $0.mixture.every = Quantity(4, .steps)
        }
        struct Record: Decodable {
          let kind: String
          let step: Int
          let weights, share_requested: [String: Double]?
        }
        let lines = try String(contentsOfFile: directory.path + "/run/metrics.jsonl", encoding: .utf8).split(
          separator: "\n")
        let records = try lines.map { try JSONDecoder().decode(Record.self, from: Data($0.utf8)) }
        // The weights of the move after step 24 are those of the interval that ends with step 28.
        let asked = try #require(records.last { $0.kind == "domains" && $0.step == 28 }?.share_requested)
        return (asked, try #require(records.last { $0.kind == "mixture" && $0.step == 24 }?.weights))
      }
      func distance(_ shares: (asked: [String: Double], weights: [String: Double])) -> Double {
        shares.asked.reduce(0) { $0 + abs($1.value - shares.weights[$1.key]!) } / 2
      }
      #expect(try distance(shares(0)) < 1e-9)
      let explored = try shares(0.5)
      #expect(distance(explored) > 0.01 && distance(explored) <= 0.5, "\(explored)")
    }

    @Test func `A plan counts steps in the units that it was given`() throws {
      #expect(try Bench.plan { $0.duration = Quantity(1000, .tokens) }.steps == 11)
      // Each of 3 domains has 599 / 12 = 49 windows, so 2 x 147 are drawn in steps of 8: no more than there are.
      #expect(try Bench.plan { $0.duration = Quantity(2, .epochs) }.steps == 36)
      #expect(try Bench.plan { $0.duration = Quantity(0.001, .epochs) }.steps == 1)
      let plan = try Bench.plan { $0.mixture.every = Quantity(200, .tokens) }
      let wishes: Measurements = [.weights, .scores]
      #expect(plan.interval == 3 && plan.isMoving && plan.wishes == wishes)
      let parts = plan.memory.map(\.what)
      #expect(parts.contains("alignment"))
    }

    @Test func `A plan refuses what the corpus cannot give`() throws {
      func failure(_ change: (inout RunDescription) -> Void) throws -> Failure {
        try #require(throws: Failure.self) { try Bench.plan(change) }
      }
      #expect(try failure { $0.target = "v" }.message.contains("no target 'v'"))
      #expect(try failure { $0.mixture.prior = .shares([Share("d", 1)]) }.message.contains("no domain `d`"))
      #expect(
        try failure {
          $0.mixture.repetitions = 1
          $0.duration = Quantity(100, .steps)
        }.message.contains("mixture.repetitions allows each to be read 1 times"))
      let lacking = try failure { $0.mixture.use(DoReMi.self) }
      #expect(lacking.kind == .badConfiguration && lacking.message.hasPrefix("mixture.reference: "))
    }

    @Test func `What each domain got is counted from batches and closed at intervals`() {
      var ledger = DomainLedger(domains: 3)
      var rows = Observations(.training, step: 1, domains: [0, 0, 1, 0])
      rows.losses = [2, 4, 5, .nan]
      ledger.add(rows, weights: [0.5, 0.25, 0.25])
      let closed = ledger.close()
      let entries = (0..<3).map { closed[$0] }
      let losses = entries.map(\.loss)
      #expect(losses == [3, 5, nil])
      #expect(entries.map(\.shareRequested) == [0.5, 0.25, 0.25])
      let achieved = entries.map(\.shareAchieved)
      let expected: [Double] = [2.0 / 3, 1.0 / 3, 0]
      #expect(achieved == expected)
      #expect(ledger == DomainLedger(domains: 3))
    }

    @Test func `The store keeps the newest checkpoints, passes damaged ones over, and leaves other versions alone`()
      throws
    {
      let directory = try TemporaryDirectory()
      let store = CheckpointStore(path: directory.path + "/checkpoints", keep: 2)
      for step in [1, 2, 3] {
        try store.write(step: step) { try Data("step \(step)".utf8).write(to: URL(fileURLWithPath: "\($0)/a")) }
      }
      func names() throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: store.path).filter { $0.hasPrefix("step") }.sorted()
      }
      #expect(try names() == ["step-00000002", "step-00000003"])
      try Data("step X".utf8).write(to: URL(fileURLWithPath: store.path + "/step-00000003/a"))
      var reports: [String] = []
      let newest = try store.newest { reports.append($0) }
      #expect(newest == store.path + "/step-00000002" && reports.count == 1)
      #expect(reports.first?.contains("a has been changed: its checksum differs") == true)
      let manifest = store.path + "/step-00000002/manifest.json"
      let text = try String(contentsOfFile: manifest, encoding: .utf8)
      // Whatever else a newer format may say.
      try text.replacing("\"version\" : 4", with: "\"version\" : 5").write(
        toFile: manifest, atomically: true, encoding: .utf8)
      let failure = try #require(throws: Failure.self) { try store.newest { _ in } }
      #expect(failure.kind == .badData)
      for fragment in ["version 5", "a newer dga", "up to 4"] { #expect(failure.message.contains(fragment)) }
      #expect(try names() == ["step-00000002", "step-00000003"])
    }
  }
}
