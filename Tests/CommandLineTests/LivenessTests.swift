import Foundation
import Launching
import Testing

extension CommandLineTests {
  /// Runs with a rank that is lost, stuck, late or damaged, by faults that the configuration orders.
  @Suite struct LivenessTests {
    private static let settings = ["duration=40steps", "mixture.method=uniform"]

    @Test(
      "A rank that falls silent ends the run with 76, which names it, and nothing is left running",
      arguments: ["stop", "lost_link"])
    func silentRank(kind: String) throws {
      let workshop = try Workshop()
      let fault = "faults=[{kind: \(kind), rank: 1, step: 9, phase: backward}]"
      let outcome = try workshop.start(.mpirun(2), Self.settings + ["watchdog.limit=2seconds", fault]).wait()
      #expect(outcome.status == 76, "\(outcome.output)")
      let line = try #require(outcome.lines(with: "error: ").first)
      #expect(line.contains("error: rank 1 on ") && line.contains("has not answered for "), "\(line)")
      #expect(line.contains(" of step 9. The job ends"), "\(line)")
      #expect(line.contains("is stopped by a signal") == (kind == "stop"), "\(line)")
      #expect(outcome.lines(with: "error: ").count == 1)
      // What watches over the launcher's end ends with it.
      var left = ""
      for _ in 0..<20 {
        left = try Launching.run(["pgrep", "-f", "[t]rain \(workshop.path)/run.yaml"]).standardOutput
        if left.isEmpty { break }
        usleep(100_000)
      }
      #expect(left.isEmpty, "still running: \(left)")
      let calls = String(decoding: try workshop.read("run/flight/rank-00000.txt"), as: UTF8.self)
      #expect(calls.contains("backward") && calls.contains("waits") && calls.contains("the exchange of a bucket"))
    }

    @Test("A rank that is late, but answers, is waited for beyond the limit, to the same bits")
    func lateRank() throws {
      let workshop = try Workshop()
      let prompt = try workshop.finish(.mpirun(2), run: "prompt", Self.settings)
      let fault = "faults=[{kind: delay, rank: 1, step: 9, phase: read, seconds: 3}]"
      let late = try workshop.finish(.mpirun(2), run: "late", Self.settings + ["watchdog.limit=1seconds", fault])
      #expect(late == prompt)
    }

    @Test("A rank that hangs, though it answers, ends the run with 76 after ten times the limit")
    func hangingRank() throws {
      let workshop = try Workshop()
      let fault = "faults=[{kind: delay, rank: 1, step: 9, phase: read, seconds: 100}]"
      let outcome = try workshop.start(.mpirun(2), Self.settings + ["watchdog.limit=0.3seconds", fault]).wait()
      #expect(outcome.status == 76, "\(outcome.output)")
      let line = try #require(outcome.lines(with: "error: ").first)
      #expect(line.contains("rank 1 on "), "\(line)")
      #expect(line.contains("answers, but had been in the phase read of step 9"), "\(line)")
    }

    @Test("A rank that is stopped by hand is waited for if a debugger was announced")
    func debugger() throws {
      let workshop = try Workshop()
      let fault = "faults=[{kind: stop, rank: 1, step: 9, phase: read}]"
      let program = try workshop.start(
        .mpirun(2), Self.settings + ["watchdog={limit: 1seconds, debugger: true}", fault])
      try wait(for: "step 8", of: program) { (try? workshop.metrics().last?.step ?? 0) ?? 0 >= 8 }
      sleep(4)
      #expect(program.isRunning)
      for rank in program.children { kill(rank, SIGCONT) }
      #expect(try program.wait().status == 0)
    }

    @Test(
      "A flipped bit is found before the next update or checkpoint, with rank and tensor",
      arguments: [
        (1, "{kind: flip, rank: 0, step: 7, element: 5, bit: 0}", "parameters of wte.weight"),
        (2, "{kind: flip, rank: 0, step: 7, element: 5, bit: 30}", "parameters of wte.weight"),
        (2, "{kind: flip, rank: 1, step: 7, element: 20000, bit: 1}", "parameters of h."),
        (2, "{kind: flip, rank: 1, step: 7, element: 9, bit: 3, memory: first_moments}", "moments of h."),
        (1, "{kind: flip, rank: 0, step: 7, element: 4, bit: 31, memory: second_moments}", "moments of "),
      ])
    func flippedBit(ranks: Int, fault: String, found: String) throws {
      let workshop = try Workshop()
      let outcome = try workshop.start(
        ranks == 1 ? .alone : .mpirun(ranks), Self.settings + ["checkpoint.every=5steps", "faults=[\(fault)]"]
      ).wait()
      #expect(outcome.status == 76, "\(outcome.output)")
      let line = try #require(outcome.lines(with: "error: ").first)
      #expect(line.contains("has changed by itself or in a message: the \(found)"), "\(line)")
      #expect(line.contains("as found in step "), "\(line)")
      if ranks > 1 { #expect(line.contains(fault.contains("rank: 1") ? "rank 1: " : "rank 0: "), "\(line)") }
      #expect(try workshop.checkpoints() == ["step-00000005"])
    }

    @Test("Without faults, comparing memory changes nothing")
    func comparing() throws {
      let workshop = try Workshop()
      let always = try workshop.finish(.mpirun(2), run: "always", Self.settings)
      #expect(try workshop.finish(.mpirun(2), run: "never", Self.settings + ["watchdog.memory=1000steps"]) == always)
    }

    private static let poison = "faults=[{kind: nan, step: 12}, {kind: nan, step: 13}, {kind: nan, step: 14}]"

    @Test("After three steps that cannot be used, a run goes back to its checkpoint and reads other text")
    func rollback() throws {
      let workshop = try Workshop()
      let settings = Self.settings + ["checkpoint.every=5steps", "reduction=canonical"]
      let clean = try workshop.finish(.mpirun(2), run: "clean", settings)
      let settled = try workshop.finish(.mpirun(2), settings + [Self.poison])
      #expect(settled.steps == 40 && settled.batches_hash != clean.batches_hash)
      #expect(abs(settled.target_loss - clean.target_loss) < 0.3)
      let events = try workshop.timelessMetrics().filter { $0.contains("\"event\"") }
      #expect(events.count == 1 && events[0].contains("went back to its checkpoint of step 10"), "\(events)")
      #expect(try workshop.finish(.alone, run: "alone", settings + [Self.poison]) == settled)
    }

    @Test("While steps are skipped no checkpoint is written, and without one to go back to the run ends with 79")
    func divergence() throws {
      let workshop = try Workshop()
      let without = try workshop.start(.alone, Self.settings + [Self.poison]).wait()
      #expect(without.status == 79 && without.output.contains("no checkpoint to go back to"), "\(without.output)")
      // Two bad steps lead nowhere yet, but the checkpoint that was due waits for the next good one.
      let settings = ["checkpoint.every=13steps", "faults=[{kind: nan, step: 12}, {kind: nan, step: 13}]"]
      _ = try workshop.finish(.alone, run: "late", Self.settings + settings + ["checkpoint.keep=9"])
      #expect(try workshop.checkpoints("late").first == "step-00000014")
      // In the last step a finite loss says that the parameters are sound.
      _ = try workshop.finish(.alone, run: "last", Self.settings + ["faults=[{kind: nan, step: 40}]"])
      #expect(try workshop.checkpoints("last") == ["step-00000040"])
    }

    @Test("A run that fails again and again in the same place ends with 79, whatever is saved in between")
    func returns() throws {
      let workshop = try Workshop()
      // Every step from 12 on fails three times, then again after each return.
      let faults = (0..<9).map { "{kind: nan, step: \(12 + $0 % 3)}" }.joined(separator: ", ")
      let outcome = try workshop.start(.alone, Self.settings + ["checkpoint.every=1steps", "faults=[\(faults)]"]).wait()
      #expect(outcome.status == 79, "\(outcome.output)")
      #expect(outcome.output.contains("went back to its last checkpoint 2 times"), "\(outcome.output)")
    }
  }
}
