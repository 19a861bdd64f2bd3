import Foundation
import Launching
import Testing

extension CommandLineTests {
  /// What a run says of its settings, and the places that it can be gone on with from.
  @Suite struct SettingTests {
    @Test("Settings without an effect are said before the first step, once and by one rank")
    func remarks() throws {
      let workshop = try Workshop()
      let outcome = try workshop.train(.mpirun(2), "duration=8steps", "optimizer.warmup=20steps", "mixture.method=dga")
      #expect(outcome.status == 0, "\(outcome.output)")
      let lines = outcome.standardError.split(separator: "\n")
      let first = try #require(lines.firstIndex { $0.hasPrefix("step ") })
      for sentence in ["note: mixture.every: ", "note: optimizer.warmup: ", "note: evaluation.every: "] {
        #expect(outcome.lines(with: sentence).count == 1, "\(outcome.output)")
        #expect(lines[..<first].contains { $0.contains(sentence) })
      }
      #expect(outcome.lines(with: "2 ranks on 1 node, 1 thread each").count == 1, "\(outcome.output)")
      // The keys of a moving method in a file that serves as a baseline, too.
      let baseline = try workshop.train(
        .alone, run: "baseline", "duration=8steps", "mixture.method=uniform", "evaluation.every=4steps")
      let idle = "have no effect with the other settings: mixture.eta, mixture.smoothing.new_weight."
      #expect(baseline.lines(with: idle).count == 1, "\(baseline.output)")
      #expect(baseline.lines(with: "1 rank on 1 node, 1 thread;").count == 1, "\(baseline.output)")
    }

    @Test("A run that goes on for longer says that its learning rate jumps; one that was stopped does not")
    func jump() throws {
      let workshop = try Workshop()
      _ = try workshop.finish(.alone, "duration=20steps")
      let longer = try workshop.train(.alone, "duration=40steps", "--resume")
      #expect(longer.status == 0 && longer.lines(with: "The learning rate jumps from ").count == 1, "\(longer.output)")
      #expect(try workshop.timelessMetrics().contains { $0.contains("The learning rate jumps from ") })
      let program = try workshop.start(.alone, run: "stopped", ["duration=100000steps"])
      try wait(for: "the first step", of: program) { (try? workshop.read("stopped/metrics.jsonl"))?.isEmpty == false }
      kill(try #require(program.identifier), SIGUSR1)
      #expect(try program.wait().status == 75)
      let last = try workshop.metrics("stopped").last!.step
      let going = try workshop.start(.alone, run: "stopped", ["duration=100000steps", "--resume"])
      try wait(for: "a later step", of: going) { try workshop.metrics("stopped").last!.step > last }
      kill(try #require(going.identifier), SIGUSR1)
      #expect(try going.wait().lines(with: "jumps").isEmpty)
    }

    @Test("Checkpoints by the clock are written on all ranks alike, and change no bits")
    func clock() throws {
      let workshop = try Workshop()
      let settings = ["duration=100steps", "checkpoint.keep=1000"]
      let whole = try workshop.finish(.mpirun(2), run: "whole", settings)
      #expect(try workshop.checkpoints("whole") == ["step-00000100"])
      #expect(try workshop.finish(.mpirun(2), settings + ["checkpoint.every=0.02seconds"]) == whole)
      #expect(try workshop.checkpoints().count > 2)
      #expect(try workshop.mixture() == workshop.mixture("whole"))
    }

    @Test("A run with a relative corpus goes on and is evaluated from any directory")
    func directories() throws {
      let workshop = try Workshop()
      func dga(from directory: String, _ arguments: [String]) throws -> Outcome {
        try Launching.run(
          ["bash", "-c", "cd \"$0\" && exec \"$@\"", directory] + Launch.alone.command("dga", arguments))
      }
      let training = ["train", "\(workshop.path)/run.yaml", "corpus=corpus", "run=\(workshop.path)/run"]
      #expect(try dga(from: workshop.path, training + ["duration=5steps"]).status == 0)
      #expect(try dga(from: "/", training + ["duration=5steps", "run=\(workshop.path)/new"]).status == 66)
      for command in [
        training + ["duration=8steps", "--resume"],
        ["train", "\(workshop.path)/run/config.yaml", "duration=10steps", "--resume"],
        ["evaluate", "\(workshop.path)/run"], ["evaluate", "\(workshop.path)/run/checkpoints/step-00000010"],
        ["align", "\(workshop.path)/run"],
      ] {
        let outcome = try dga(from: "/", command)
        #expect(outcome.status == 0, "\(command) \(outcome.output)")
      }
      // Another path is a mistake, and not the corpus of before.
      let mistaken = try dga(from: "/", training + ["duration=12steps", "--resume", "corpus=corpse"])
      #expect(mistaken.status == 66 && mistaken.output.contains("no corpus directory corpse"), "\(mistaken.output)")
    }
  }
}
