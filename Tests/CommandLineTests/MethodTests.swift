import Foundation
import Launching
import Testing

/// The methods that move weights, with what else their runs need; PATH is the workshop.
private let methods: [[String]] = [
  ["mixture.method=dga", "mixture.probe.steps=3"],
  ["mixture.method=dga", "mixture.probe.steps=3", "mixture.explore=0.4"],
  ["mixture.method=dga", "mixture.estimator=ghost"],
  ["mixture.method=dga", "mixture.basis=[uniform, natural]", "mixture.caution=none", "mixture.probe.steps=3"],
  ["mixture.method=dga", "mixture.basis=[uniform, natural]", "mixture.caution=none", "mixture.estimator=dots"],
  ["mixture.method=dga", "mixture.direction={adaptive: true, targets: {target: 1, other: 1}}"],
  ["mixture.method=doge", "mixture.doge.universal=true"],
  ["mixture.method=doge", "mixture.weighting=loss"],
  ["mixture.method=doremi", "mixture.reference=PATH/reference"],
  ["mixture.method=odm", "mixture.every=1steps"],
  [
    "mixture.method=schedule", "mixture.interpolation=linear",
    "mixture.stages=[{from: 0, method: uniform}, {from: 9steps, weights: {twin: 3, greek: 1}}, {from: 0.75, method: "
      + "natural}]",
  ],
]

extension CommandLineTests {
  @Suite struct MethodTests {
    @Test(
      "Resumed at every step, on another number of ranks each time, a method ends with the bits of a whole run",
      arguments: methods)
    func resumed(method: [String]) throws {
      let workshop = try Workshop()
      if method.contains(where: { $0.contains("reference") }) {
        _ = try workshop.finish(.alone, run: "reference", "mixture.method=uniform", "duration=10steps")
      }
      let settings =
        method.map { $0.replacing("PATH", with: workshop.path) }
        + [
          "batch.sequences=8", "batch.micro=1", "mixture.every=4steps", "duration=24steps",
          "checkpoint={every: 1steps, keep: 100}",
          "evaluation.every=1000steps", "evaluation.sequences=2", "mixture.probe.target_sequences=4",
          "mixture.probe.sequences=2", "model.layers=1",
        ].filter { key in !method.contains { $0.hasPrefix(key.prefix { $0 != "=" }) } }
      let whole = try workshop.finish(.alone, settings)
      let mixture = try workshop.mixture()
      let updates = try workshop.timelessMetrics().filter { $0.contains("\"mixture\"") }
      #expect(mixture.final.values.contains { abs($0 - 0.25) > 1e-6 }, "the weights never moved")
      for step in (1..<24).reversed() {
        for name in try workshop.checkpoints() where name > String(format: "step-%08d", step) {
          try workshop.remove("run/checkpoints/\(name)")
        }
        let ending = try workshop.finish(.mpirun(step % 6 == 0 ? 4 : 2), settings + ["--resume"])
        #expect(ending == whole, "resumed after step \(step)")
      }
      #expect(try workshop.mixture() == mixture)
      #expect(try workshop.timelessMetrics().filter { $0.contains("\"mixture\"") } == updates)
    }

    /// Its first fit comes with 50 points, so a run of 24 steps would show little: these are 24 steps with several
    /// fits, and two from before the first one.
    @Test(
      "Resumed at every step between fits, on another number of ranks, ADO ends with the bits of an uninterrupted run")
    func ado() throws {
      let workshop = try Workshop()
      let settings = [
        "mixture.method=ado", "mixture.every=1steps", "duration=90steps", "batch.sequences=8", "batch.micro=1",
        "model.layers=1", "checkpoint={every: 1steps, keep: 100}",
      ]
      let whole = try workshop.finish(.alone, settings)
      let mixture = try workshop.mixture()
      #expect(mixture.final.values.contains { abs($0 - 0.25) > 1e-6 }, "the weights never moved")
      for step in (60..<84).reversed() + [40, 10] {
        for name in try workshop.checkpoints() where name > String(format: "step-%08d", step) {
          try workshop.remove("run/checkpoints/\(name)")
        }
        let ending = try workshop.finish(.mpirun(step % 6 == 0 ? 4 : 2), settings + ["--resume"])
        #expect(ending == whole, "resumed after step \(step)")
      }
      #expect(try workshop.mixture() == mixture)
    }

    @Test("Every interval there is a record of what each domain got, and it adds up")
    func domains() throws {
      let workshop = try Workshop()
      let ending = try workshop.finish(.mpirun(2), "duration=30steps", "mixture.every=10steps")
      let records = try workshop.timelessMetrics().compactMap { line in
        try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
      }.filter { $0["kind"] as? String == "domains" }
      #expect(records.map { $0["step"] as? Int } == [10, 20, 30])
      for record in records {
        for key in ["share_requested", "share_achieved"] {
          let shares = try #require(record[key] as? [String: Double])
          #expect(abs(shares.values.reduce(0, +) - 1) < 1e-12 && shares.count == 4)
        }
        let losses = try #require(record["loss"] as? [String: Double])
        #expect(losses.values.allSatisfy { (1...6).contains($0) })
      }
      let tokens = try #require(records.last?["tokens"] as? [String: Int])
      #expect(tokens.values.reduce(0, +) == ending.tokens)
      let requested = try #require(records.last?["share_requested"] as? [String: Double])
      // The weights of the last interval are the final ones.
      for (name, weight) in try workshop.mixture().final { #expect(abs(requested[name]! - weight) < 1e-12) }
    }
  }
}
