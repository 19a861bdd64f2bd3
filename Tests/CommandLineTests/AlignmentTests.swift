import Foundation
import Launching
import Testing

/// The estimators, as configured.
private let estimators = ["gradients", "dots", "ghost", "inline", "last-layer"]

extension CommandLineTests {
  /// Faults that public codes of this family have, one by one, and what the estimators promise beside.
  @Suite struct AlignmentTests {
    /// Gradients of probes in the training gradient, probes in the middle of an accumulation, or a probe that advances
    /// the training data would all show.
    @Test("No estimator leaves a trace: with eta = 0 a run ends with the bits of one without", arguments: estimators)
    func leavesNoTrace(estimator: String) throws {
      let workshop = try Workshop()
      let settings = ["batch.micro=2", "duration=24steps", "mixture.every=6steps"]
      let uniform = try workshop.finish(run: "uniform", settings + ["mixture.method=uniform"])
      let probed = try workshop.finish(
        run: "probed", settings + ["mixture.estimator=\(estimator)", "mixture.eta=0", "mixture.probe.steps=4"])
      #expect(probed.probe_tokens > 0)
      #expect(probed.parameters_hash == uniform.parameters_hash)
      #expect(probed.batches_hash == uniform.batches_hash)
      #expect(probed.target_loss == uniform.target_loss)
    }

    @Test("Every token that an estimator reads beside the training batches is counted", arguments: estimators)
    func counted(estimator: String) throws {
      let workshop = try Workshop()
      let ending = try workshop.finish(
        .mpirun(2),
        "duration=24steps", "mixture.every=6steps", "mixture.estimator=\(estimator)", "mixture.probe.sequences=3",
        "mixture.probe.target_sequences=5", "mixture.direction.retention=0.5")
      // Target and generic loss, 5 sequences of 32 each; and 3 of each of 4 domains. Three updates, and a fourth
      // direction of `inline` for the update after the last step, which a longer run would make.
      let direction = 2 * 5 * 32
      let expected = estimator == "inline" ? 4 * direction : 3 * (direction + 3 * 4 * 32)
      #expect(ending.probe_tokens == expected)
    }

    @Test("Estimators that probe the same text report the same alignments and move the weights alike")
    func agree() throws {
      let workshop = try Workshop()
      func updates(_ estimator: String) throws -> [[String: Any]] {
        _ = try workshop.finish(
          run: estimator, "duration=24steps", "mixture.every=6steps", "mixture.estimator=\(estimator)",
          "mixture.caution=none")
        return try workshop.updates(estimator)
      }
      let reference = try updates("gradients")
      #expect(reference.count == 3 && reference[0]["standard_error"] == nil)
      for estimator in ["dots", "ghost"] {
        let found = try updates(estimator)
        #expect((found[0]["standard_error"] as? [String: Double])?.values.allSatisfy { $0 > 0 } == true)
        for (update, expected) in zip(found, reference) {
          for (key, tolerance) in [("alignment", 1e-4), ("weights", 1e-5)] {
            let values = try #require(update[key] as? [String: Double])
            let others = try #require(expected[key] as? [String: Double])
            let size = others.values.map(abs).max()!
            for (name, value) in others {
              #expect(abs(values[name]! - value) < tolerance * size, "\(estimator) \(name)")
            }
          }
        }
      }
    }

    /// A window of five steps, a checkpoint in its middle, other numbers of ranks: the direction is read back.
    @Test(
      "Runs with the standard preset end with the same bits on any number of ranks, and when resumed inside a window")
    func resumed() throws {
      let workshop = try Workshop()
      try workshop.useStandardPreset()
      let settings = ["batch.micro=2", "optimizer.schedule=constant", "duration=36steps", "mixture.probe.steps=5"]
      let whole = try workshop.finish(.alone, run: "whole", settings)
      #expect(try workshop.mixture("whole").final.values.max()! > 0.26)
      for ranks in [2, 4] {
        #expect(try workshop.finish(.mpirun(ranks), run: "on-\(ranks)", settings) == whole)
        #expect(try workshop.timelessMetrics("on-\(ranks)") == workshop.timelessMetrics("whole"))
      }
      for (ranks, steps) in [(2, 17), (1, 20), (4, 27), (2, 36)] {
        let ending = try workshop.finish(
          .mpirun(ranks), run: "moving", settings + ["duration=\(steps)steps", "--resume"])
        if steps == 36 { #expect(ending == whole) }
      }
      #expect(
        try workshop.timelessMetrics("moving").filter { $0.contains("mixture") }
          == workshop.timelessMetrics("whole").filter { $0.contains("mixture") })
      #expect(workshop.exists("moving/checkpoints/step-00000027/direction.safetensors"))
      #expect(!workshop.exists("moving/checkpoints/step-00000020/direction.safetensors"))
    }

    @Test("A run that goes on with other times of updates, or along another direction, measures it anew")
    func otherTimes() throws {
      let workshop = try Workshop()
      let settings = ["optimizer.schedule=constant", "mixture.estimator=inline", "mixture.probe.steps=5"]
      // Stopped within the window from 15 to 20, with a direction at hand; the next window is from 25 to 30.
      _ = try workshop.finish(run: "run", settings + ["mixture.every=20steps", "duration=17steps"])
      let ending = try workshop.finish(
        run: "run", settings + ["mixture.every=30steps", "duration=36steps", "--resume"])
      #expect(ending.probe_tokens == 2 * 16 * 32)
      #expect(try workshop.updates().count == 1)
      // The same window, but along something else: now the generic loss has a part in it.
      _ = try workshop.finish(run: "other", settings + ["mixture.every=20steps", "duration=17steps"])
      let other = try workshop.finish(
        run: "other",
        settings + ["mixture.every=20steps", "duration=24steps", "mixture.direction.retention=1", "--resume"])
      #expect(other.probe_tokens == (1 + 2) * 16 * 32)
      let alignments = try #require(workshop.updates("other").last?["alignment"] as? [String: Double])
      #expect(try workshop.updates("other").count == 1 && alignments.values.allSatisfy { $0.isFinite && $0 != 0 })
    }

    @Test("What the command line says takes the place of a run's own settings, its defaults included")
    func alignWithOtherSettings() throws {
      let workshop = try Workshop()
      try workshop.useStandardPreset()
      _ = try workshop.finish(run: "run", "duration=12steps", "mixture.every=5steps", "mixture.explore=0.2")
      func align(_ overrides: String...) throws -> Survey {
        let outcome = try workshop.dga(["align", "\(workshop.path)/run", "--json"] + overrides)
        try #require(outcome.status == 0, "\(outcome.output)")
        return try JSONDecoder().decode(Survey.self, from: Data(outcome.standardOutput.utf8))
      }
      let (inline, reference) = (try align(), try align("mixture.preset=paper", "--repeat", "1"))
      #expect(inline.estimator == "inline" && reference.estimator == "gradients")
      #expect(inline.reliability != nil && reference.reliability == nil)
      #expect(reference.finding.contains("--repeat 2"))
      let ghost = try align("mixture.estimator=ghost", "--repeat", "1")
      for (one, other) in zip(ghost.domains, reference.domains) {
        let (score, expected) = (try #require(one.score), try #require(other.score))
        #expect(abs(score - expected) < 1e-4 * max(1, abs(expected)) && one.standard_error ?? 0 > 0)
        #expect(other.standard_error == nil)
      }
      // Repeated, even the estimator without errors has some; and cosines are at most 1.
      let repeated = try align("mixture.estimator=gradients", "mixture.direction.cosine=true", "--repeat", "3")
      #expect(repeated.domains.allSatisfy { $0.standard_error ?? 0 > 0 && abs($0.score ?? 2) <= 1 })
    }

    @Test(
      "The domain of the target's own language gains with every estimator and the standard preset",
      arguments: estimators)
    func twin(estimator: String) throws {
      let workshop = try Workshop()
      try workshop.useStandardPreset()
      _ = try workshop.finish(.mpirun(2), "duration=60steps", "mixture.every=5steps", "mixture.estimator=\(estimator)")
      let final = try workshop.mixture().final
      #expect(final["twin"]! > 0.35 && final["twin"] == final.values.max(), "\(final)")
    }

    @Test("A preconditioned update predicts the change of the target's loss, others do not claim to")
    func diagnosis() throws {
      let workshop = try Workshop()
      try workshop.useStandardPreset()
      let settings = ["duration=60steps", "mixture.every=10steps", "mixture.probe.target_sequences=64"]
      _ = try workshop.finish(run: "adam", settings + ["mixture.direction.preconditioned=true"])
      _ = try workshop.finish(run: "raw", settings)
      let updates = try workshop.updates("adam").dropFirst()
      for update in updates {
        // The loss falls in this stretch, and the first-order guess says so; nothing more is promised of it.
        #expect((update["realised_change"] as? Double) ?? 1 < 0)
        #expect((update["predicted_change"] as? Double) ?? 1 < 0)
      }
      #expect(updates.count == 4)
      #expect(try workshop.updates("raw").allSatisfy { $0["predicted_change"] == nil })
      // The first update has nothing to compare with.
      #expect(try workshop.updates("adam")[0]["realised_change"] == nil)
    }

    @Test("With several targets each pulls by its weight, and a target without weight does not")
    func severalTargets() throws {
      let workshop = try Workshop()
      try workshop.useStandardPreset()
      let settings = ["duration=24steps", "mixture.every=6steps"]
      let alone = try workshop.finish(run: "alone", settings)
      let named = try workshop.finish(run: "named", settings + ["mixture.direction.targets={target: 1}"])
      #expect(alone == named)
      let retained = try workshop.finish(run: "retained", settings + ["mixture.direction.retention=3"])
      #expect(retained.probe_tokens > alone.probe_tokens)
      let (sharp, flat) = (try workshop.updates("alone").last!, try workshop.updates("retained").last!)
      // Towards the mean over all domains the scores of the twin and of the others come together.
      func lead(_ update: [String: Any]) throws -> Double {
        let scores = try #require(update["alignment"] as? [String: Double])
        let others = scores.filter { $0.key != "twin" }.values
        return (scores["twin"]! - others.reduce(0, +) / 3) / scores["twin"]!
      }
      #expect(try lead(flat) < lead(sharp))
    }

    @Test("A domain that begins its second epoch is announced, once")
    func secondEpoch() throws {
      let workshop = try Workshop()
      // 12 windows a domain, 200 to draw.
      _ = try workshop.finish(.mpirun(2), "tokens_per_domain=400", "duration=20steps", "batch.sequences=10")
      let events = try workshop.timelessMetrics().filter { $0.contains("\"epoch\"") }
      #expect(events.count == 4)
      for domain in ["twin", "upper", "digits", "greek"] {
        #expect(events.count { $0.contains("Domain \(domain) has been read once") } == 1)
      }
    }

    @Test("No domain is sampled beyond what its text allows for the rest of the run")
    func repetitions() throws {
      let workshop = try Workshop()
      let settings = [
        "tokens_per_domain=1200", "mixture.preset=paper", "mixture.every=5steps", "mixture.eta=5",
        "mixture.smoothing.new_weight=1", "duration=20steps",
      ]
      func largest(_ run: String, _ more: [String]) throws -> Double {
        _ = try workshop.finish(run: run, settings + more)
        return try workshop.updates(run).flatMap { ($0["weights"] as? [String: Double] ?? [:]).values }.max()!
      }
      #expect(try largest("free", []) > 0.6)
      // 37 windows of 32 tokens each, 320 sequences to draw: four times all domains' text is 1.85 times the run, so the
      // fullest may have 4 * 37 / 320 = 0.46 at the start, and what is left of that later.
      #expect(try largest("capped", ["mixture.repetitions=4"]) < 0.6)
      let outcome = try workshop.train(
        run: "none", "tokens_per_domain=1200", "mixture.repetitions=2", "duration=20steps")
      #expect(outcome.status == 78 && outcome.output.contains("mixture.repetitions allows each to be read 2 times"))
      #expect(!workshop.exists("none"))
    }
  }
}

/// What `dga align --json` prints, as far as it is looked at.
private struct Survey: Decodable {
  struct Domain: Decodable {
    let score, standard_error: Double?
  }
  let estimator, finding: String
  let reliability: Double?
  let domains: [Domain]
}

extension Workshop {
  /// Takes what the configuration says about steps and smoothing out of it.
  func useStandardPreset() throws {
    let text = String(decoding: try read("run.yaml"), as: UTF8.self)
    try write("run.yaml", text.replacing(", eta: 0.5, smoothing: {new_weight: 0.3}", with: ""))
  }

  /// The updates of a run's mixture with all that they tell.
  func updates(_ run: String = "run") throws -> [[String: Any]] {
    try timelessMetrics(run).compactMap { line in
      let record = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
      return record?["kind"] as? String == "mixture" ? record : nil
    }
  }
}
