import Launching
import Testing

extension CommandLineTests {
  /// What a steady step allocates, counted at the C library's door.
  @Suite struct AllocationTests {
    /// A run of 60 steps allocates what one of 20 does, and what 40 steps more do. A line of progress, which comes every ten
    /// seconds on a slow machine, is a few dozen; an allocation a step would be 40 at least.
    @Test("A steady step allocates nothing")
    func steadyStep() throws {
      let workshop = try Workshop()
      let counter = buildDirectory.appending(path: "liballocation-counter.so").path
      func allocations(steps: Int) throws -> Int {
        let outcome = try Launching.run(
          ["env", "LD_PRELOAD=\(counter)"]
            + Launch.alone.command(
              "dga",
              [
                "train", "\(workshop.path)/run.yaml", "run=\(workshop.path)/\(steps)", "duration=\(steps)steps",
                "mixture.method=uniform", "mixture.every=1000steps", "evaluation.every=1000steps",
              ]))
        try #require(outcome.status == 0, "\(outcome.output)")
        let line = try #require(
          outcome.output.split(separator: "\n").last { $0.hasPrefix("dga: ") && $0.hasSuffix(" allocations") })
        return try #require(Int(line.split(separator: " ")[1]))
      }
      let (few, many) = (try allocations(steps: 20), try allocations(steps: 60))
      #expect(few > 1000, "the counters see nothing")
      #expect(abs(many - few) < 40)
    }
  }
}
