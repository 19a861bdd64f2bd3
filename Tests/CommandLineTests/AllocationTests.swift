import Launching
import Testing

extension CommandLineTests {
  /// What a steady step allocates, counted at the C library's door.
  @Suite struct AllocationTests {
    /// A run of 60 steps allocates what one of 20 does, and what 40 steps more do. A line of progress, which comes
    /// every ten seconds on a slow machine, is a few dozen; an allocation per step would be 40 at least. On two ranks
    /// Open MPI itself allocates a buffer in small all-reduces, of which there are four per step.
    @Test("A steady step allocates nothing, and on two ranks only what Open MPI does", arguments: [(1, 0), (2, 4)])
    func steadyStep(ranks: Int, allowed: Int) throws {
      let workshop = try Workshop()
      let (few, many) = (try allocations(workshop, ranks: ranks, 20), try allocations(workshop, ranks: ranks, 60))
      #expect(few.count == ranks && few.allSatisfy { $0 > 1000 }, "the counters see nothing")
      for (few, many) in zip(few.sorted(), many.sorted()) { #expect(abs(many - few) < 40 * (allowed + 1)) }
    }

    /// Allocations of each rank in a run.
    private func allocations(_ workshop: Workshop, ranks: Int, _ steps: Int) throws -> [Int] {
      let counter = buildDirectory.appending(path: "liballocation-counter.so").path
      let arguments = [
        "train", "\(workshop.path)/run.yaml", "run=\(workshop.path)/\(ranks)-\(steps)", "duration=\(steps)steps",
        "mixture.method=uniform", "mixture.every=1000steps", "evaluation.every=1000steps",
      ]
      let launch = ranks == 1 ? Launch.alone : .mpirun(ranks)
      // The counter is for the ranks, not for mpirun.
      var command = launch.command("dga", arguments)
      let program = command.firstIndex { $0.hasSuffix("/dga") }!
      command.replaceSubrange(program..<program, with: ["env", "LD_PRELOAD=\(counter)"])
      let outcome = try Launching.run(command)
      try #require(outcome.status == 0, "\(outcome.output)")
      let lines = outcome.output.split(separator: "\n").filter { $0.hasPrefix("dga: ") && $0.hasSuffix(" allocations") }
      return try lines.map { try #require(Int($0.split(separator: " ")[1])) }
    }
  }
}
