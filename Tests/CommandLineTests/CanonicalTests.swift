import Foundation
import Launching
import Testing

extension CommandLineTests {
  /// The order in which gradients, losses and alignments are added does not depend on the number of ranks.
  @Suite struct CanonicalTests {
    @Test(
      "One, two, four and eight ranks end with the same bits and record the same metrics",
      arguments: ["inline", "last-layer"])
    func ranks(estimator: String) throws {
      let workshop = try Workshop()
      let settings = ["batch.micro=1", "mixture.estimator=\(estimator)"]
      let one = try workshop.finish(.alone, run: "on-1", settings)
      let metrics = try workshop.timelessMetrics("on-1")
      #expect(one.steps == 50 && one.probe_tokens > 0)
      for ranks in [2, 4, 8] {
        #expect(try workshop.finish(.mpirun(ranks), run: "on-\(ranks)", settings) == one)
        #expect(try workshop.timelessMetrics("on-\(ranks)") == metrics)
        #expect(try workshop.mixture("on-\(ranks)") == workshop.mixture("on-1"))
      }
    }

    /// Three buckets, so that they queue for the two places on the way; moments of a tensor on several ranks.
    private static let threeBuckets = [
      "model.width=256", "model.layers=4", "batch.sequences=8", "batch.micro=2", "mixture.every=2steps",
      "optimizer.schedule=constant", "optimizer.warmup=1steps", "duration=6steps",
    ]

    @Test("A model of several buckets ends with the same bits on any number of ranks, and from any's checkpoint")
    func severalBuckets() throws {
      let workshop = try Workshop()
      let whole = try workshop.finish(.alone, run: "whole", Self.threeBuckets)
      #expect(try workshop.finish(.mpirun(2), run: "on-2", Self.threeBuckets) == whole)
      #expect(try workshop.finish(.mpirun(4), run: "on-4", Self.threeBuckets) == whole)
      for (ranks, steps) in [(4, 2), (1, 4), (2, 6)] {
        let ending = try workshop.finish(
          .mpirun(ranks), run: "moving", Self.threeBuckets + ["duration=\(steps)steps", "--resume"])
        #expect(ending.steps == steps)
        if steps == 6 { #expect(ending == whole) }
      }
      let files = ["model.safetensors", "optimizer.safetensors"].map { "checkpoints/step-00000006/\($0)" }
      for file in files { #expect(try workshop.read("moving/\(file)") == workshop.read("whole/\(file)")) }
    }

    @Test("Begun on two ranks, gone on with on one and then on four, a run ends with the bits of an uninterrupted one")
    func moving() throws {
      let workshop = try Workshop()
      let settings = ["batch.micro=2", "optimizer.schedule=constant"]
      let whole = try workshop.finish(.alone, run: "whole", settings)
      for (ranks, steps) in [(2, 17), (1, 31), (4, 50)] {
        let ending = try workshop.finish(.mpirun(ranks), settings + ["duration=\(steps)steps", "--resume"])
        #expect(ending.steps == steps)
        if steps == 50 { #expect(ending == whole) }
      }
    }

    @Test("The fast order, and numbers of ranks that have no other, give the same losses but for rounding")
    func fast() throws {
      let workshop = try Workshop()
      let settings = ["batch.sequences=12", "batch.micro=2"]
      let canonical = try workshop.finish(.mpirun(2), run: "canonical", settings)
      let fast = try workshop.finish(.mpirun(2), run: "fast", settings + ["reduction=fast"])
      #expect(fast.batches_hash == canonical.batches_hash)
      expectClose(try workshop.metrics("fast"), try workshop.metrics("canonical"))

      let outcome = try workshop.start(.mpirun(3), run: "three", settings).wait()
      #expect(outcome.status == 0, "\(outcome.output)")
      #expect(outcome.lines(with: "reduction: the canonical order is for 1, 2, 4 or 8 ranks").count == 1)
      expectClose(try workshop.metrics("three"), try workshop.metrics("canonical"))
    }
  }
}
