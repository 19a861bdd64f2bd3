import Foundation
import Launching
import Testing

extension CommandLineTests {
  /// Standard error and standard output that cannot be written, and terminals.
  @Suite struct StreamTests {
    /// Runs a command with its streams redirected as a shell says it.
    private func run(_ command: [String], _ redirection: String) throws -> Outcome {
      try Launching.run(["bash", "-c", "\"$0\" \"$@\" \(redirection)"] + command)
    }

    @Test(
      "Notices that cannot be written end no run",
      arguments: ["2>/dev/full", "2>&-", "0<&- 2>&-", "2> >(true)", "2> >(head -c 20 >/dev/null)"])
    func notices(redirection: String) throws {
      let workshop = try Workshop()
      // Every step and every update says something.
      let arguments = ["train", "\(workshop.path)/run.yaml", "evaluation.every=1steps", "duration=20steps"]
      let outcome = try run(Launch.alone.command("dga", arguments), redirection)
      #expect(outcome.status == 0, "\(outcome.output)")
      #expect(try workshop.metrics().filter { $0.kind == "step" }.count == 20)
      // No notice went into a file that took the place of the closed stream.
      #expect(try workshop.checkpoints() == ["step-00000020"])
      let building = Launch.alone.command(
        "dga", ["corpus", "build", "\(workshop.path)/recipe.yaml", "-o", "\(workshop.path)/other"])
      #expect(try run(building, redirection).status == 0)
      #expect(try workshop.dga(["corpus", "inspect", "\(workshop.path)/other", "--verify"]).status == 0)
    }

    @Test("A failure has its exit code even if nobody can be told", arguments: ["2>/dev/full", "2>&-"])
    func failures(redirection: String) throws {
      #expect(try run(Launch.alone.command("dga", ["train", "/nowhere/run.yaml"]), redirection).status == 66)
      #expect(try run(Launch.alone.command("dga", ["tran"]), redirection).status == 64)
    }

    @Test("A result that cannot be written is a failure", arguments: [">/dev/full", ">&-", "> >(true)"])
    func results(redirection: String) throws {
      let workshop = try Workshop()
      let commands = [
        ["train", "\(workshop.path)/run.yaml", "--dry-run"],
        ["train", "\(workshop.path)/run.yaml", "--json", "duration=2steps"],
        ["corpus", "inspect", "\(workshop.path)/corpus"], ["corpus", "inspect", "\(workshop.path)/corpus", "--json"],
        ["evaluate", "\(workshop.path)/run"], ["plot", "\(workshop.path)/run"], ["help", "configuration"],
        ["--help"], ["--version"],
      ]
      for command in commands {
        let outcome = try run(Launch.alone.command("dga", command), redirection)
        // A reader that leaves may have taken what is short.
        if redirection == "> >(true)" && outcome.status == 0 { continue }
        expect(outcome, 74, ["Standard output cannot be written"])
      }
      // What had been done before is there.
      #expect(workshop.exists("run/mixture.json"))
    }

    @Test(
      "The progress line fits the terminal",
      .enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/script"), "needs the program script"))
    func terminal() throws {
      let workshop = try Workshop()
      let dga = Launch.alone.command(
        "dga", ["train", "\(workshop.path)/run.yaml", "duration=400steps", "mixture.every=2steps"])
      for columns in [40, 80] {
        try? workshop.remove("run")
        let line = "stty cols \(columns); " + dga.joined(separator: " ")
        let outcome = try Launching.run(["script", "-qec", line, "/dev/null"])
        #expect(outcome.status == 0, "\(outcome.output)")
        let shown = outcome.standardOutput.components(separatedBy: "\r\u{1B}[2K").dropFirst()
        let lines = shown.map { $0.prefix { !$0.isNewline } }
        #expect(!lines.isEmpty && lines.allSatisfy { $0.count < columns && $0.hasPrefix("step ") }, "\(lines)")
        #expect(lines.contains { $0.hasSuffix("…") }, "\(lines)")
      }
    }
  }
}
