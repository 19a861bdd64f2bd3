import Foundation
import Launching
import Testing

extension CommandLineTests {
  /// Runs that are stopped in the middle and go on.
  @Suite struct InterruptionTests {
    /// Updates, evaluations and checkpoints at different steps, so that every order of them is met.
    private static let settings = [
      "duration=200steps", "checkpoint.every=10steps", "mixture.every=15steps", "evaluation.every=25steps",
    ]

    @Test("Ended by USR1 with 75, gone on, killed and gone on again, a run has the same bits and the same metrics")
    func interrupted() throws {
      let workshop = try Workshop()
      let whole = try workshop.finish(.mpirun(2), run: "whole", Self.settings)

      var program = try workshop.start(.mpirun(2), Self.settings)
      try wait(for: "a checkpoint", of: program) { workshop.exists("run/checkpoints/latest") }
      kill(try #require(program.identifier), SIGUSR1)
      let outcome = try program.wait()
      #expect(outcome.status == 75, "\(outcome.output)")
      let last = try #require(try workshop.metrics().last?.step)
      #expect((10..<200).contains(last))
      #expect(outcome.lines(with: "after step \(last); the checkpoint is written, go on with --resume").count == 1)
      #expect(outcome.lines(with: "error: ").count == 1)
      let stopped = String(format: "step-%08d", last)
      #expect(try workshop.checkpoints().last == stopped)

      program = try workshop.start(.mpirun(2), Self.settings + ["--resume"])
      try wait(for: "a later checkpoint", of: program) { try workshop.checkpoints().last != stopped }
      for rank in program.children { kill(rank, SIGKILL) }
      #expect(try program.wait().status == 128 + SIGKILL)
      try #require(!workshop.exists("run/mixture.json"), "the run was over before it was killed")

      #expect(try workshop.finish(.mpirun(2), Self.settings + ["--resume"]) == whole)
      #expect(try workshop.timelessMetrics() == workshop.timelessMetrics("whole"))
      #expect(try workshop.mixture() == workshop.mixture("whole"))
      #expect(try workshop.checkpoints() == ["step-00000190", "step-00000200"])
    }

    @Test("A killed run goes on with another number of ranks to the same losses but for rounding")
    func otherRanks() throws {
      let workshop = try Workshop()
      let settings = ["duration=200steps", "checkpoint.every=10steps"]
      let whole = try workshop.finish(.alone, run: "whole", settings)
      let program = try workshop.start(.alone, settings)
      try wait(for: "a checkpoint", of: program) { workshop.exists("run/checkpoints/latest") }
      kill(try #require(program.identifier), SIGKILL)
      #expect(try program.wait().status == 128 + SIGKILL)

      let resumed = try workshop.finish(.mpirun(2), settings + ["--resume"])
      #expect(resumed.batches_hash == whole.batches_hash)
      #expect(abs(resumed.target_loss - whole.target_loss) < SamenessTests.tolerance)
      expectClose(try workshop.metrics(), try workshop.metrics("whole"))
    }

    @Test("USR2 to mpirun writes a checkpoint, and the run goes on")
    func checkpointOnRequest() throws {
      let workshop = try Workshop()
      let settings = ["duration=150steps", "checkpoint.every=100steps", "checkpoint.keep=9"]
      let program = try workshop.start(.mpirun(2), settings)
      try wait(for: "the first step", of: program) { (try? workshop.read("run/metrics.jsonl"))?.isEmpty == false }
      kill(try #require(program.identifier), SIGUSR2)
      #expect(try program.wait().status == 0)
      let checkpoints = try workshop.checkpoints()
      #expect(checkpoints.count == 3 && checkpoints.suffix(2) == ["step-00000100", "step-00000150"], "\(checkpoints)")
    }
  }
}

/// Waits for something that a program does; fails if the program ends before.
func wait(for what: String, of program: Program, _ isDone: () throws -> Bool) throws {
  while try !isDone() {
    guard program.isRunning else {
      let output = try program.wait().output
      return try #require(try isDone(), "no sign of \(what): \(output)")
    }
    usleep(2000)
  }
}
