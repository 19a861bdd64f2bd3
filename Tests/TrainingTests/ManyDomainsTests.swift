import Corpus
import Failures
import Foundation
import MPI
import Mixing
import Parallel
import Runs
import Settings
import Testing
import Training

extension MiddleTests {
  /// Runs on more domains than a record names, and on a corpus whose domains are others than before.
  @Suite struct ManyDomainsTests {
    /// More than fit into the text of a checkpoint's state.
    private static let many = (0..<1100).map { "n\($0)" }

    private static func corpus(_ domains: [String], tokens: Int = 100, vocabulary: Int = 31) throws -> Corpus {
      try RandomCorpus(
        vocabularySize: vocabulary, domains: domains, targets: ["t"], trainTokens: tokens, validationTokens: 40,
        otherTokens: 200
      ).inMemory()
    }

    /// A corpus on disk, which has a checksum.
    private static func corpus(
      _ domains: [String], in directory: TemporaryDirectory, validation: Int = 40, vocabulary: Int = 31
    ) throws -> Corpus {
      try RandomCorpus(
        vocabularySize: vocabulary, domains: domains, targets: ["t"], trainTokens: 600, validationTokens: validation,
        otherTokens: 200
      ).write(to: "\(directory.path)/\(UUID().uuidString)")
    }

    private func train(
      _ run: String, on corpus: Corpus, steps: Int, of total: Int? = nil, resume: Bool = false,
      _ change: (inout RunDescription) -> Void = { _ in }
    ) throws -> RunOutcome {
      var description = Bench.description()
      description.run = run
      description.duration = Quantity(Double(total ?? steps), .steps)
      description.evaluation.domains = 20
      change(&description)
      let plan = try RunPlan(description, corpus: corpus, ranks: 1)
      var trainer = try Trainer(plan, rank: 0)
      return try trainer.run(resume: resume, over: Communicator.alone())
    }

    private func numbers<Element: BitwiseCopyable>(_ path: String, _ type: Element.Type) throws -> [Element] {
      let data = try Data(contentsOf: URL(fileURLWithPath: path))
      let header = 10 + Int(data[8]) + 256 * Int(data[9])
      return data.dropFirst(header).withUnsafeBytes { bytes in
        (0..<bytes.count / MemoryLayout<Element>.size).map {
          bytes.loadUnaligned(fromByteOffset: $0 * MemoryLayout<Element>.size, as: type)
        }
      }
    }

    private func records(_ run: String, _ kind: String) throws -> [[String: Any]] {
      try String(contentsOfFile: "\(run)/metrics.jsonl", encoding: .utf8).split(separator: "\n").compactMap {
        try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any]
      }.filter { $0["kind"] as? String == kind }
    }

    /// The directory's name has what the names of a checkpoint's files end with.
    @Test func `A run on 1100 domains is stopped and goes on to the same bits, columns included`() throws {
      let directory = try TemporaryDirectory()
      let corpus = try Self.corpus(Self.many)
      let settings: (inout RunDescription) -> Void = { $0.mixture.record = Quantity(4, .steps) }
      let whole = try train("\(directory.path)/whole", on: corpus, steps: 12, settings)
      let parts = "\(directory.path)/a.json.b"
      // The last step of a run closes an interval, so that the run stops where one ends anyway.
      _ = try train(parts, on: corpus, steps: 8, settings)
      let state = "\(parts)/checkpoints/step-00000008"
      #expect(FileManager.default.fileExists(atPath: "\(state)/state.columns"))
      let resumed = try train(parts, on: corpus, steps: 12, resume: true, settings)
      #expect(resumed.parameters_hash == whole.parameters_hash && resumed.batches_hash == whole.batches_hash)
      for step in ["00000004", "00000008", "00000012"] {
        for name in ["weights", "tokens", "loss"] {
          let file = "columns/step-\(step)/\(name).npy"
          let found = try numbers("\(parts)/\(file)", UInt64.self)
          #expect(
            try found == numbers("\(directory.path)/whole/\(file)", UInt64.self) && found.count == 1100, "\(file)")
        }
      }
      let weights = try numbers("\(parts)/columns/step-00000012/weights.npy", Double.self)
      #expect(abs(weights.reduce(0, +) - 1) < 1e-9 && weights.allSatisfy { $0 > 0 })
      let tokens = try numbers("\(parts)/columns/step-00000012/tokens.npy", Int64.self)
      #expect(tokens.reduce(0, +) == 12 * 8 * 12)
      // Losses are of the domains that were read since the record before.
      let loss = try numbers("\(parts)/columns/step-00000012/loss.npy", Double.self)
      #expect((1...32).contains(loss.count { !$0.isNaN }))
    }

    @Test func `Records of many domains name the largest, and evaluations read a sample`() throws {
      let directory = try TemporaryDirectory()
      let run = "\(directory.path)/run"
      let outcome = try train(run, on: Self.corpus(Self.many), steps: 8)
      let start = try #require(try records(run, "start").first)
      #expect(start["domain_count"] as? Int == 1100 && (start["weights"] as? [String: Any])?.count == 64)
      let mixture = try #require(try records(run, "mixture").last)
      #expect((64...128).contains((mixture["weights"] as? [String: Any])?.count ?? 0))
      let evaluation = try #require(try records(run, "evaluation").last)
      #expect((evaluation["domains"] as? [String: Any])?.count == 20 && outcome.generic_loss.isFinite)
    }

    @Test func `A file of columns that is gone or shorter is found, and the checkpoint before is taken`() throws {
      for damage in ["gone", "shorter"] {
        let directory = try TemporaryDirectory()
        let run = "\(directory.path)/run"
        let corpus = try Self.corpus(Self.many)
        let settings: (inout RunDescription) -> Void = {
          $0.checkpoint.every = Quantity(4, .steps)
          $0.checkpoint.keep = 3
        }
        let whole = try train(run, on: corpus, steps: 8, of: nil, settings)
        let columns = "\(run)/checkpoints/step-00000008/state.columns"
        if damage == "gone" {
          try FileManager.default.removeItem(atPath: columns)
        } else {
          try Data(contentsOf: URL(fileURLWithPath: columns)).dropLast(8).write(to: URL(fileURLWithPath: columns))
        }
        let again = try train(run, on: corpus, steps: 8, resume: true, settings)
        #expect(again.parameters_hash == whole.parameters_hash, "\(damage)")
      }
    }

    // MARK: Another corpus

    private static let length: @Sendable (inout RunDescription) -> Void = {
      $0.optimizer.warmup = Quantity(1, .steps)
      $0.checkpoint.every = Quantity(5, .steps)
      $0.checkpoint.keep = 99
    }

    @Test(arguments: ["dga", "doge", "odm", "ado", "natural"])
    func `A run whose corpus changes after half its steps goes on, twice to the same bits`(_ method: String) throws {
      let directory = try TemporaryDirectory()
      let (before, after) = (["a", "b", "c", "d"], ["e", "d", "a", "c"])
      let settings: (inout RunDescription) -> Void = {
        Self.length(&$0)
        switch method {
        case "doge":
          $0.mixture.use(DoGE.self)
          $0.mixture.steering.estimator = .gradients
        case "odm": $0.mixture.use(OnlineDataMixing.self)
        case "ado": $0.mixture.use(AdaptiveDataOptimization.self)
        case "natural": $0.mixture.use(ConstantMixture<NaturalWeights>.self)
        default: break
        }
        // The default is a part of the run's length, which differs here.
        $0.mixture.every = Quantity(4, .steps)
      }
      let corpora = [try Self.corpus(before, in: directory), try Self.corpus(after, in: directory)]
      var outcomes: [RunOutcome] = []
      for stops in [[60], [31, 45, 60]] {
        let run = "\(directory.path)/\(stops.count)"
        _ = try train(run, on: corpora[0], steps: 30, settings)
        var outcome: RunOutcome?
        for stop in stops {
          outcome = try train(run, on: corpora[1], steps: stop, resume: true, settings)
        }
        outcomes.append(try #require(outcome))
        if stops.count > 1 { try checkCursors(run) }
        let event = try #require(try records(run, "event").first { $0["name"] as? String == "domains" })
        let message = event["message"] as? String ?? ""
        #expect(
          message.contains("3 of 4 domains go on, 1 is new with 0.25 of the weight (e), 1 has left"), "\(message)")
        let starts = try records(run, "start")
        #expect(starts.map { $0["step"] as? Int } == [0, 30])
        #expect(Set((starts.last?["weights"] as? [String: Double] ?? [:]).keys) == Set(after))
      }
      #expect(outcomes[0].parameters_hash == outcomes[1].parameters_hash)
      #expect(outcomes[0].batches_hash == outcomes[1].batches_hash)
      let read = outcomes[0].domains_read
      // What was read of b is of a domain that is not there any more.
      #expect(read.tokens[0] > 0 && (1..<60 * 8 * 12).contains(read.tokens.reduce(0, +)))
    }

    /// The domains were a, b, c, d and are e, d, a, c: none has a gap in its text, and none is read twice.
    private func checkCursors(_ run: String) throws {
      func state(_ step: String) throws -> (cursors: [Int], orders: [Int]?, departed: Int?) {
        let data = try Data(contentsOf: URL(fileURLWithPath: "\(run)/checkpoints/step-\(step)/state.json"))
        let state = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
        return (try #require(state["cursors"] as? [Int]), state["orders"] as? [Int], state["departed"] as? Int)
      }
      let (before, after) = (try state("00000030"), try state("00000031"))
      #expect(before.orders == nil && before.departed == nil && after.orders == [4, 3, 0, 2])
      #expect(after.departed == before.cursors[1])
      let drawn = zip(after.cursors, [0, before.cursors[3], before.cursors[0], before.cursors[2]]).map { $0 - $1 }
      #expect(drawn.allSatisfy { $0 >= 0 } && drawn.reduce(0, +) == 8)
    }

    @Test func `Another corpus with the same domains changes nothing but its name`() throws {
      let directory = try TemporaryDirectory()
      let corpus = try Self.corpus(["a", "b", "c"], in: directory)
      let whole = try train("\(directory.path)/whole", on: corpus, steps: 20, Self.length)
      let run = "\(directory.path)/run"
      _ = try train(run, on: corpus, steps: 10, Self.length)
      // It has more validation text, which nobody trains on.
      let other = try Self.corpus(["a", "b", "c"], in: directory, validation: 50)
      let resumed = try train(run, on: other, steps: 20, resume: true, Self.length)
      #expect(resumed.parameters_hash == whole.parameters_hash && resumed.batches_hash == whole.batches_hash)
      let message = try records(run, "event").first { $0["name"] as? String == "domains" }?["message"] as? String
      #expect(message == "The corpus is another one, with the same domains.")
    }

    @Test func `A run that is complete takes no other corpus`() throws {
      let directory = try TemporaryDirectory()
      let run = "\(directory.path)/run"
      _ = try train(run, on: Self.corpus(["a", "b"], in: directory), steps: 10, Self.length)
      let before = try String(contentsOfFile: "\(run)/metrics.jsonl", encoding: .utf8)
      let other = try Self.corpus(["b", "c"], in: directory)
      let error = #expect(throws: AgreedFailure.self) {
        try train(run, on: other, steps: 10, resume: true, Self.length)
      }
      #expect(error?.exitCode == 78 && error?.message.contains("complete after step 10") == true, "\(error as Any)")
      #expect(try String(contentsOfFile: "\(run)/metrics.jsonl", encoding: .utf8) == before)
    }

    @Test func `Corpora that have nothing in common, or another tokenizer, are refused`() throws {
      let directory = try TemporaryDirectory()
      let run = "\(directory.path)/run"
      _ = try train(run, on: Self.corpus(["a", "b"], in: directory), steps: 10, Self.length)
      let corpora = [
        (
          "no domain of that is in this one: the run had a, b, and now there are x, y.",
          try Self.corpus(["x", "y"], in: directory)
        ),
        ("another tokenizer", try Self.corpus(["a", "b"], in: directory, vocabulary: 30)),
      ]
      for (fragment, corpus) in corpora {
        let error = #expect(throws: AgreedFailure.self) {
          try train(run, on: corpus, steps: 20, resume: true, Self.length)
        }
        #expect(error?.exitCode == 78 && error?.message.contains(fragment) == true, "\(error as Any)")
      }
    }

    @Test func `A domain that has another index in another corpus is read on in its order`() throws {
      var before = MixtureSampler(windowCounts: [10, 20, 30], seed: 5)
      try before.setWeights([0, 0, 1]) { "\($0)" }
      let whole = before.draw(step: 1, count: 30)
      var first = MixtureSampler(windowCounts: [10, 20, 30], seed: 5)
      try first.setWeights([0, 0, 1]) { "\($0)" }
      let early = first.draw(step: 1, count: 12)
      var second = MixtureSampler(windowCounts: [30, 5], seed: 5)
      try second.restore(cursors: [first.cursors[2], 0], orders: [2, 3])
      try second.setWeights([1, 0]) { "\($0)" }
      let late = second.draw(step: 2, count: 18)
      #expect((early + late).map(\.index) == whole.map(\.index))
    }
  }
}
