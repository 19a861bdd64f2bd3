import Foundation
import Launching
import Testing

extension CommandLineTests {
  /// Commands that last and are asked to stop.
  @Suite struct SignalTests {
    @Test("Any request to stop ends a run with a checkpoint and 75", arguments: [SIGUSR1, SIGTERM, SIGHUP, SIGINT])
    func training(signal: Int32) throws {
      let workshop = try Workshop()
      let program = try workshop.start(.alone, ["duration=100000steps"])
      try wait(for: "the first step", of: program) { (try? workshop.read("run/metrics.jsonl"))?.isEmpty == false }
      kill(try #require(program.identifier), signal)
      let outcome = try program.wait()
      #expect(outcome.status == 75, "\(outcome.output)")
      let last = try #require(try workshop.metrics().last?.step)
      #expect(try workshop.checkpoints() == ["step-" + String(format: "%08d", last)])
      #expect(outcome.lines(with: "error: Stopped by the signal ").count == 1)
    }

    @Test("An evaluation is given up for a signal, and made by the run that goes on, to the same records")
    func evaluation() throws {
      let workshop = try Workshop()
      // The delay is where an evaluation begins, so that the signal arrives in it.
      let settings = [
        "duration=20steps", "evaluation={every: 10steps, sequences: 100000}", "batch.micro=1",
        "faults=[{kind: delay, rank: 0, step: 10, phase: evaluate, seconds: 1}]",
      ]
      let whole = try workshop.finish(.mpirun(2), run: "whole", settings)
      let program = try workshop.start(.mpirun(2), settings)
      try wait(for: "step 10", of: program) { (try? workshop.metrics().last?.step ?? 0) ?? 0 >= 10 }
      kill(try #require(program.identifier), SIGUSR1)
      let outcome = try program.wait()
      #expect(outcome.status == 75, "\(outcome.output)")
      #expect(try workshop.checkpoints() == ["step-00000010"])
      #expect(try !workshop.timelessMetrics().contains { $0.contains("\"evaluation\"") })
      #expect(try workshop.finish(.mpirun(2), settings + ["--resume"]) == whole)
      #expect(try workshop.timelessMetrics() == workshop.timelessMetrics("whole"))
    }

    @Test("The last evaluation is given up for a signal, too, and the run that makes it leaves the same checkpoint")
    func lastEvaluation() throws {
      let workshop = try Workshop()
      let settings = ["duration=20steps", "faults=[{kind: delay, rank: 0, step: 20, phase: evaluate, seconds: 1}]"]
      let whole = try workshop.finish(.mpirun(2), run: "whole", settings)
      let program = try workshop.start(.mpirun(2), settings)
      try wait(for: "step 20", of: program) { (try? workshop.metrics().last?.step ?? 0) ?? 0 >= 20 }
      kill(try #require(program.identifier), SIGUSR1)
      #expect(try program.wait().status == 75)
      let state = "checkpoints/step-00000020/state.json"
      let owed = Data("owesEvaluation".utf8)
      #expect(try workshop.read("run/\(state)").firstRange(of: owed) != nil)
      #expect(try workshop.finish(.mpirun(2), settings + ["--resume"]) == whole)
      #expect(try workshop.read("run/\(state)").firstRange(of: owed) == nil)
      #expect(try workshop.timelessMetrics() == workshop.timelessMetrics("whole"))
    }

    @Test(
      "A probe is given up for a signal or the time limit, and made by the run that goes on, to the same records",
      arguments: ["ghost", "dots", "gradients"])
    func probe(estimator: String) throws {
      let workshop = try Workshop()
      let settings = ["duration=30steps", "batch.micro=4", "evaluation=null", "mixture.estimator=\(estimator)"]
      let whole = try workshop.finish(.mpirun(2), run: "whole", settings + ["mixture.probe.sequences=8"])
      // As many sequences as take minutes: a run that read all of them would not end in time.
      let long = settings + ["mixture.probe.sequences=1000000"]
      for (number, launch) in [Launch.alone, .mpirun(2)].enumerated() {
        let (run, start) = ("run-\(number)", ContinuousClock.now)
        let program = try workshop.start(launch, run: run, long + (number == 0 ? ["time_limit=3seconds"] : []))
        try wait(for: "step 10", of: program) { (try? workshop.metrics(run).last?.step ?? 0) ?? 0 >= 10 }
        if number == 1 {
          usleep(1_000_000)
          kill(try #require(program.identifier), SIGUSR1)
        }
        let outcome = try program.wait()
        #expect(outcome.status == 75, "\(outcome.output)")
        #expect(start.duration(to: .now) < .seconds(30))
        #expect(try workshop.checkpoints(run) == ["step-00000010"])
        #expect(
          try workshop.finish(launch, run: run, settings + ["mixture.probe.sequences=8", "--resume"]) == whole)
        // A run that goes on says that a setting has changed.
        let records = try workshop.timelessMetrics(run).filter { !$0.contains("probe.sequences") }
        #expect(try records == workshop.timelessMetrics("whole"))
      }
    }

    @Test("A time limit ends a run with a checkpoint and 75")
    func timeLimit() throws {
      let workshop = try Workshop()
      let outcome = try workshop.start(.mpirun(2), ["duration=1000000steps", "time_limit=1seconds"]).wait()
      #expect(outcome.status == 75 && outcome.output.contains("Stopped by time_limit after step "), "\(outcome.output)")
      #expect(try workshop.checkpoints().count == 1)
    }

    @Test(
      "A build that is stopped leaves its hidden directory, and the next one nothing",
      arguments: [SIGTERM, SIGUSR1, SIGINT, SIGHUP])
    func building(signal: Int32) throws {
      let workshop = try Workshop(build: false)
      // Enough text that training its tokenizer takes seconds.
      let text = try String(decoding: workshop.read("texts/twin/0.txt"), as: UTF8.self)
      let long = String(repeating: text, count: 20)
      for copy in 0..<200 { try workshop.write("texts/twin/long-\(copy).txt", "\(copy) " + long) }
      let before = try workshop.listing()
      let program = try Program(
        Launch.alone.command(
          "dga",
          [
            "corpus", "build", "\(workshop.path)/recipe.yaml", "-o", "\(workshop.path)/corpus",
            "tokenizer.kind=sentencepiece",
            "tokenizer.vocabulary=2000",
          ]))
      try wait(for: "the output", of: program) { workshop.exists(".corpus.dga-building") }
      kill(try #require(program.identifier), signal)
      let outcome = try program.wait()
      #expect(outcome.status == 75, "\(outcome.output)")
      #expect(outcome.output.contains("nothing was built yet"))
      #expect(try workshop.listing().filter { !$0.hasPrefix(".corpus.dga-building/") } == before)
      let next = try workshop.build()
      #expect(next.status == 0, "\(next.output)")
      try workshop.remove("corpus")
      #expect(try workshop.listing() == before)
    }
  }
}
