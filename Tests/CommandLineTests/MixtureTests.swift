import Foundation
import Launching
import Testing

extension CommandLineTests {
  /// Where the weights of whole runs go.
  @Suite struct MixtureTests {
    @Test("A domain with the target's own language gains weight in every update")
    func twin() throws {
      let workshop = try Workshop()
      _ = try workshop.finish(
        .mpirun(2), "duration=60steps", "mixture.preset=paper", "mixture.every=5steps", "mixture.eta=0.2")
      let updates = try workshop.metrics().filter { $0.kind == "mixture" }
      #expect(updates.count == 11)
      for weights in [updates.map { $0.raw_weights?["twin"] ?? 0 }, updates.map { $0.weights?["twin"] ?? 0 }] {
        let course = [0.25] + weights
        #expect(zip(course, weights).allSatisfy { $0 < $1 }, "\(course)")
      }
    }

    @Test("Another run's mixture.json serves as a fixed mixture")
    func fixed() throws {
      let workshop = try Workshop()
      _ = try workshop.finish(.alone, run: "aligned")
      let average = try workshop.mixture("aligned").weights
      let fixed = try workshop.finish(
        run: "fixed", "mixture.method=fixed", "mixture.file=\(workshop.path)/aligned/mixture.json")
      // The same weights, written out, draw the same windows.
      let table = average.map { "\($0.key): \($0.value)" }.joined(separator: ", ")
      let written = try workshop.finish(run: "written", "mixture.method=fixed", "mixture.weights={\(table)}")
      #expect(fixed.batches_hash == written.batches_hash)
      #expect(fixed.probe_tokens == 0)
      for (name, weight) in try workshop.mixture("fixed").final {
        // Weights are divided by their sum, which is 1 but for rounding.
        #expect(abs(weight - average[name, default: 0]) < 1e-15)
      }
    }
  }
}
