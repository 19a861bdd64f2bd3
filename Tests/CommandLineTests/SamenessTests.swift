import Foundation
import Launching
import Testing

/// The program as a user runs it, one command after the other: under `mpirun` each takes all cores.
@Suite(.serialized) struct CommandLineTests {}

extension CommandLineTests {
  /// What must not change the result of a run.
  @Suite struct SamenessTests {
    /// Ranks and micro-batches only change the order in which floats are added. Losses are means over hundreds of
    /// tokens near 5, each right to 1e-6; 50 steps let differences grow, and 1e-5 is what is promised.
    static let tolerance = 1e-5

    @Test("One, two and four ranks read the same windows and reach the same losses", arguments: [1, 4])
    func ranks(accumulation: Int) throws {
      let workshop = try Workshop()
      func run(_ ranks: Int) throws -> (ending: Ending, metrics: [Metric]) {
        let ending = try workshop.finish(
          .mpirun(ranks), run: "on-\(ranks)", "batch.micro=\(16 / ranks / accumulation)")
        return (ending, try workshop.metrics("on-\(ranks)"))
      }
      let one = try run(1)
      #expect(one.ending.steps == 50)
      #expect(one.metrics.count(where: { $0.kind == "mixture" }) == 4)
      for ranks in [2, 4] {
        let several = try run(ranks)
        #expect(several.ending.batches_hash == one.ending.batches_hash)
        #expect(abs(several.ending.target_loss - one.ending.target_loss) < Self.tolerance)
        expectClose(several.metrics, one.metrics)
      }
    }

    @Test("The number of threads changes no bit")
    func threads() throws {
      let workshop = try Workshop()
      let run = ["duration=12steps", "model.width=96", "model.heads=3", "batch.micro=8"]
      let one = try workshop.finish(.alone, run: "one", run)
      for threads in [2, 3] {
        #expect(try workshop.finish(.alone, run: "on-\(threads)", run + ["threads=\(threads)"]) == one)
      }
    }

    @Test("Recomputed activations change no bit")
    func recomputation() throws {
      let workshop = try Workshop()
      let kept = try workshop.finish(.alone, run: "kept", "duration=12steps")
      #expect(try workshop.finish(.alone, run: "recomputed", "duration=12steps", "model.recompute=true") == kept)
    }

    @Test("Another seed gives other windows and parameters")
    func seeds() throws {
      let workshop = try Workshop()
      let first = try workshop.finish(.alone, run: "first", "duration=5steps")
      let again = try workshop.finish(.alone, run: "again", "duration=5steps")
      let other = try workshop.finish(.alone, run: "other", "duration=5steps", "seed=2")
      #expect(again == first)
      #expect(other.batches_hash != first.batches_hash)
      #expect(other.parameters_hash != first.parameters_hash)
    }
  }
}

/// Checks that two runs recorded the same things with the same losses, but for rounding.
func expectClose(_ found: [Metric], _ expected: [Metric], sourceLocation: SourceLocation = #_sourceLocation) {
  func records(_ metrics: [Metric]) -> [String] { metrics.map { "\($0.kind) \($0.step)" } }
  #expect(records(found) == records(expected), sourceLocation: sourceLocation)
  let differences = zip(found, expected).flatMap { zip($0.losses, $1.losses).map { abs($0 - $1) } }
  #expect(
    differences.max() ?? .infinity < CommandLineTests.SamenessTests.tolerance, sourceLocation: sourceLocation)
}
