import Failures
import Foundation
import MPI
import Mixing
import Runs
import Settings
import Testing
import Training

extension MiddleTests {
  /// Runs that start with another's parameters, and those that read a target.
  @Suite struct FineTuningTests {
    private func message(_ body: () throws -> Void) -> String {
      do {
        try body()
        return ""
      } catch { return (error as? Failure)?.message ?? "\(error)" }
    }

    @Test func `A run starts with the parameters of another, takes its shape, and moves only by its own steps`() throws
    {
      let directory = try TemporaryDirectory()
      let base = try train(directory, "base")
      // Without a learning rate nothing moves, so what is there at the end is what was there at the start.
      let still = try train(directory, "still") {
        $0.initial = "\(directory.path)/base"
        $0.model = ModelSettings()
        $0.optimizer.learningRate = 0
      }
      #expect(still.parameters_hash == base.parameters_hash)
      #expect(still.target_loss == base.target_loss && still.generic_loss == base.generic_loss)
      let other = message {
        _ = try train(directory, "other") {
          $0.initial = "\(directory.path)/base"
          $0.model = ModelSettings(layers: 2, heads: 2, width: 16, context: 12)
        }
      }
      #expect(other.contains("has 1 layers") && other.contains("leave out `model`"), "\(other)")
    }

    @Test func `A tuned run that was stopped goes on with the same bits, without the run that it began with`() throws {
      let directory = try TemporaryDirectory()
      _ = try train(directory, "base") { $0.duration = Quantity(3, .steps) }
      func tune(_ run: String, steps: Double, resume: Bool = false) throws -> RunOutcome {
        try train(directory, run, resume: resume) {
          $0.initial = "\(directory.path)/base"
          $0.mixture.use(ConstantMixture<TargetAlone>.self)
          $0.duration = Quantity(steps, .steps)
        }
      }
      let whole = try tune("whole", steps: 8)
      _ = try tune("parts", steps: 5)
      try FileManager.default.removeItem(atPath: "\(directory.path)/base")
      let parts = try tune("parts", steps: 8, resume: true)
      #expect(parts.parameters_hash == whole.parameters_hash && parts.batches_hash == whole.batches_hash)
    }

    @Test func `The method target reads the target's steering part and nothing else`() throws {
      let directory = try TemporaryDirectory()
      let target = try train(directory, "target") { $0.mixture.use(ConstantMixture<TargetAlone>.self) }
      #expect(target.domains_read.tokens == [0, 0, 0, 12 * 8 * 12])
      let uniform = try train(directory, "uniform") { $0.mixture.use(ConstantMixture<UniformWeights>.self) }
      #expect(uniform.domains_read.tokens.count == 3)
    }

    @Test func `A target that is read is a domain like others, after them, and a token limit is not for it`() throws {
      let directory = try TemporaryDirectory()
      let mixed = try train(directory, "mixed") {
        $0.readTargets = ["u"]
        $0.tokensPerDomain = 100
        $0.mixture.use(ConstantMixture<FixedWeights>.self) { $0.weights = [Share("u", 3), Share("b", 1)] }
      }
      let tokens = mixed.domains_read.tokens
      #expect(tokens[0] == 0 && tokens[2] == 0 && tokens[1] > 0 && tokens[3] > 2 * tokens[1], "\(tokens)")
      let plan = try Bench.plan {
        $0.readTargets = ["u"]
        $0.tokensPerDomain = 100
      }
      #expect(plan.windowCounts == [8, 8, 8, 16])
      // What is measured of domains with a target among them makes a whole run.
      let moved = try train(directory, "moved") { $0.readTargets = ["t"] }
      #expect(moved.domains_read.tokens.count == 4 && moved.domains_read.tokens[3] > 0)
    }

    @Test func `A weight for a target that is not read says how to read it`() throws {
      let sentence = message {
        _ = try Bench.plan { $0.mixture.use(ConstantMixture<FixedWeights>.self) { $0.weights = [Share("u", 1)] } }
      }
      #expect(sentence.contains("no domain `u`, but a target of that name: put it into `read_targets`"), "\(sentence)")
      #expect(message { _ = try Bench.plan { $0.readTargets = ["v"] } }.contains("no target 'v'"))
    }
  }
}
