import Foundation
import Launching
import Testing

extension CommandLineTests {
  /// Grids of runs.
  @Suite struct StudyTests {
    /// Two methods and two seeds, each tuned for two lengths; a run is short.
    private static func study(_ workshop: Workshop, directory: String = "study", _ more: String = "") -> String {
      """
      base: \(workshop.path)/run.yaml
      directory: \(workshop.path)/\(directory)
      grid:
        method:
          uniform: {mixture.method: uniform}
          no-average: {mixture.method: dga, mixture.smoothing.new_weight: 1}
        seed: [1, 2]
      stages:
      - {name: train, duration: 30steps, evaluation.every: 10steps, checkpoint.every: 5steps}
      - {name: tune, init: train, mixture: {method: target}, grid: {duration: [5steps, 10steps]}}
      jobs: 2
      \(more)
      """
    }

    private func study(_ workshop: Workshop, _ arguments: String...) throws -> Outcome {
      try workshop.dga(["study", "\(workshop.path)/study.yaml"] + arguments)
    }

    @Test("A study makes every run of its grid once, stage after stage, and tabulates them")
    func grid() throws {
      let workshop = try Workshop()
      try workshop.write("study.yaml", Self.study(workshop))
      let before = try workshop.listing()
      let outlook = try study(workshop, "--dry-run")
      #expect(outlook.status == 0 && outlook.lines(with: "train").first?.contains(" 4 ") == true, "\(outlook.output)")
      #expect(try workshop.listing() == before)

      let outcome = try study(workshop, "--json")
      try #require(outcome.status == 0, "\(outcome.output)")
      struct Record: Decodable {
        struct Run: Decodable {
          let name, state: String
          let results: [String: Double]
        }
        let runs: [Run]
      }
      let record = try JSONDecoder().decode(Record.self, from: Data(outcome.standardOutput.utf8))
      #expect(record.runs.count == 12 && record.runs.allSatisfy { $0.state == "complete" })
      let tuned = try #require(record.runs.first { $0.name == "tune_method-no-average_seed-2_duration-10steps" })
      let trained = try #require(record.runs.first { $0.name == "train_method-no-average_seed-2" })
      // A tuned model costs what it was trained with before, too, and reads the target.
      #expect(tuned.results["cost_tokens"] == trained.results["cost_tokens"]! + 10 * 16 * 32)
      #expect(tuned.results["target_loss"]! < trained.results["target_loss"]!)
      let metrics = try workshop.metrics("study/runs/train_method-no-average_seed-2")
      #expect(metrics.last { $0.kind == "evaluation" }?.target == trained.results["target_loss"])

      // What is complete is not repeated.
      let runs = try workshop.listing().filter { $0.contains("metrics.jsonl") }
      let page = try workshop.read("study/report.html")
      let again = try study(workshop)
      #expect(again.status == 0 && again.output.contains("tune: differences from method = uniform"), "\(again.output)")
      #expect(try workshop.read("study/report.html") == page, "another process writes the same bytes")
      #expect(try workshop.listing().filter { $0.contains("metrics.jsonl") } == runs)
      #expect(workshop.exists("study/summary.csv") && workshop.exists("study/report.html"))
    }

    @Test("A study that is killed three times and started again ends with the same table, and leaves nobody at work")
    func killed() throws {
      let workshop = try Workshop()
      try workshop.write("study.yaml", Self.study(workshop, directory: "whole"))
      try #require(study(workshop).status == 0)
      try workshop.write("study.yaml", Self.study(workshop))
      for outcomes in [1, 4, 7] {
        let program = try Program(Launch.alone.command("dga", ["study", "\(workshop.path)/study.yaml"]))
        while program.isRunning, try finished(workshop) < outcomes { usleep(5_000) }
        // Somewhere in the middle of the runs that follow.
        usleep(useconds_t(20_000 * outcomes))
        let runs = program.children
        kill(try #require(program.identifier), SIGKILL)
        #expect(try program.wait().status == 128 + SIGKILL)
        let deadline = ContinuousClock.now.advanced(by: .seconds(20))
        while runs.contains(where: { kill($0, 0) == 0 && isAtWork($0) }), ContinuousClock.now < deadline {
          usleep(20_000)
        }
        #expect(!runs.contains { kill($0, 0) == 0 && isAtWork($0) })
      }
      let outcome = try study(workshop)
      try #require(outcome.status == 0, "\(outcome.output)")
      #expect(try workshop.read("study/runs.csv") == workshop.read("whole/runs.csv"))
      #expect(try workshop.read("study/summary.csv") == workshop.read("whole/summary.csv"))
    }

    private func finished(_ workshop: Workshop) throws -> Int {
      guard workshop.exists("study/outcomes") else { return 0 }
      return try FileManager.default.contentsOfDirectory(atPath: "\(workshop.path)/study/outcomes").count
    }

    /// Whether a process is there and is not only waiting for its parent to notice its end.
    private func isAtWork(_ process: pid_t) -> Bool {
      let status = (try? String(contentsOfFile: "/proc/\(process)/status", encoding: .utf8)) ?? ""
      return status.contains("\nState:") && !status.contains("\nState:\tZ")
    }

    @Test("USR1 stops all runs with a checkpoint, exit code 75, and the same command goes on")
    func stopped() throws {
      let workshop = try Workshop()
      try workshop.write("study.yaml", Self.study(workshop))
      let program = try Program(Launch.alone.command("dga", ["study", "\(workshop.path)/study.yaml"]))
      while program.isRunning, try finished(workshop) < 1 { usleep(5_000) }
      kill(try #require(program.identifier), SIGUSR1)
      let outcome = try program.wait()
      #expect(outcome.status == 75 && outcome.output.contains("the same command goes on"), "\(outcome.output)")
      #expect(try study(workshop).status == 0)
    }

    @Test("A run that fails is listed with its reason, what builds on it is not made, and the others go on")
    func failed() throws {
      let workshop = try Workshop()
      let text = Self.study(workshop).replacingOccurrences(
        of: "uniform: {mixture.method: uniform}",
        with:
          "uniform: {mixture.method: uniform, optimizer.learning_rate: 900, optimizer.clip: 0, optimizer.outlier: 1.5}")
      try workshop.write("study.yaml", text)
      let outcome = try study(workshop)
      #expect(outcome.status == 79, "\(outcome.output)")
      #expect(outcome.output.contains("6 of 12 runs have no results"), "\(outcome.output)")
      #expect(outcome.lines(with: "failed: train_method-uniform_seed-1: It ended with exit code 79").count == 1)
      #expect(outcome.lines(with: "It builds on train_method-uniform_seed-2").count == 2)
      #expect(try finished(workshop) == 6)
    }

    @Test("Runs that were made with other settings are named, kept, and made anew only when asked for")
    func changed() throws {
      let workshop = try Workshop()
      try workshop.write("study.yaml", Self.study(workshop))
      try #require(study(workshop).status == 0)
      let text = Self.study(workshop).replacingOccurrences(of: "new_weight: 1}", with: "new_weight: 0.5}")
      try workshop.write("study.yaml", text)
      let outcome = try study(workshop)
      #expect(outcome.status == 78, "\(outcome.output)")
      #expect(outcome.output.contains("mixture.smoothing.new_weight 0.5 instead of 1"), "\(outcome.output)")
      #expect(outcome.output.contains("a run that it builds on has changed"))
      #expect(outcome.output.contains("--rerun makes them anew"))
      let again = try study(workshop, "--rerun")
      #expect(again.status == 0, "\(again.output)")
      #expect(workshop.exists("study/replaced/train_method-no-average_seed-1-1/run/metrics.jsonl"))
    }

    @Test("A study that cannot work says what is wrong before anything is started")
    func refused() throws {
      let workshop = try Workshop()
      func message(_ change: (String) -> String) throws -> Outcome {
        try workshop.write("study.yaml", change(Self.study(workshop)))
        let outcome = try study(workshop)
        #expect(!workshop.exists("study"))
        return outcome
      }
      let unknown = try message { $0.replacing("mixture.method: dga,", with: "mixture.metod: dga,") }
      #expect(unknown.status == 78 && unknown.output.contains("Did you mean 'method'?"), "\(unknown.output)")
      #expect(unknown.output.contains("train_method-no-average_seed-1, train_method-no-average_seed-2"))
      let reference = try message { $0.replacing("init: train", with: "init: trian") }
      #expect(
        reference.status == 66 && reference.output.contains("There is no checkpoint or run trian"),
        "\(reference.output)")
      let twice = try message { $0.replacing("seed: [1, 2]", with: "seed: [1, 1]") }
      #expect(twice.status == 78 && twice.output.contains("The value 1 stands there twice."), "\(twice.output)")
      let base = try message { $0.replacing("/run.yaml", with: "/rum.yaml") }
      #expect(base.status == 66 && base.output.contains("base: There is no file"), "\(base.output)")
      let key = try message { $0 + "\njob: 2" }
      #expect(key.status == 78 && key.output.contains("Did you mean 'jobs'?"), "\(key.output)")
      let several = try message {
        $0.replacing("\njobs", with: "\n- {name: again, init: tune, mixture.method: uniform}\njobs")
      }
      #expect(several.status == 78 && several.output.contains("one for each value of 'duration'"), "\(several.output)")
      try workshop.write("other/file.txt", "mine")
      try workshop.write("study.yaml", Self.study(workshop, directory: "other"))
      let foreign = try study(workshop)
      #expect(foreign.status == 73 && foreign.output.contains("and no study"), "\(foreign.output)")
    }

    @Test("A quick size takes the place of other settings, and an axis in braces stands for its value")
    func quick() throws {
      let workshop = try Workshop()
      try workshop.write(
        "study.yaml",
        """
        base: \(workshop.path)/run.yaml
        directory: \(workshop.path)/long
        grid:
          target: [target, other]
        stages:
        - {name: train, mixture.method: fixed, mixture.weights: {"{target}": 1, upper: 1}, read_targets: ["{target}"]}
        - {name: score, evaluate: train, sequences: 4}
        quick: {directory: \(workshop.path)/short, grid.target: [other]}
        """)
      let outcome = try study(workshop, "--quick", "--json")
      try #require(outcome.status == 0, "\(outcome.output)")
      #expect(!workshop.exists("long") && outcome.standardOutput.contains("\"loss on other\""), "\(outcome.output)")
      let mixture = try workshop.mixture("short/runs/train_target-other")
      #expect(mixture.weights["other"] == 0.5 && mixture.weights["twin"] == 0)
    }
  }
}
