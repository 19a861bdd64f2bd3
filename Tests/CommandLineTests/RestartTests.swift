import Foundation
import Launching
import Testing

extension CommandLineTests {
  /// The scripts that start a run again. A stub stands for the training: it ends as a plan says, a line for each start.
  @Suite struct RestartTests {
    /// A directory with the stub and its plan; gone when the test is over.
    private final class Stage {
      let path = NSTemporaryDirectory() + "restarts-" + UUID().uuidString

      /// - Parameter plan: For each start: the exit code and, if it writes a checkpoint, the step of that.
      init(_ plan: [String]) throws {
        try FileManager.default.createDirectory(atPath: path + "/run/checkpoints", withIntermediateDirectories: true)
        try write("plan", plan.joined(separator: "\n") + "\n")
        try write("run.yaml", "seed: 1\nrun: '\(path)/run'  # here\n")
        // Waits for USR1 if the step is `wait`, and then stops with a checkpoint of step 99.
        try write(
          "stub",
          """
          #!/usr/bin/env bash
          here=\(path)
          echo "$*" >>$here/starts
          read -r code step < <(sed -n "$(wc -l <$here/starts)p" $here/plan)
          if [ "$step" = wait ]; then
            trap 'mkdir $here/run/checkpoints/step-00000099; exit 75' USR1
            touch $here/waits
            while :; do sleep 0.02; done
          fi
          [ -z "$step" ] || mkdir $here/run/checkpoints/step-$(printf %08d "$step")
          exit "$code"
          """)
      }

      deinit { try? FileManager.default.removeItem(atPath: path) }

      func write(_ name: String, _ text: String) throws {
        let url = URL(filePath: "\(path)/\(name)")
        try FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(text.utf8).write(to: url)
        chmod(url.path, 0o755)
      }

      /// The arguments of every start.
      var starts: [String] {
        ((try? String(contentsOfFile: path + "/starts", encoding: .utf8)) ?? "").split(separator: "\n").map(String.init)
      }

      func supervise(_ options: [String] = ["--pause", "0"]) throws -> Program {
        try Program(
          [RestartTests.root + "/launch/supervise"] + options + [path + "/stub", "train", path + "/run.yaml"])
      }
    }

    private static let root = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../..")
      .standardized.path

    @Test("A run that was stopped, lost a peer or was killed is resumed until it is complete")
    func restarts() throws {
      let stage = try Stage(["137 10", "76", "138", "76", "137", "75 20", "75", "0 30"])
      let outcome = try stage.supervise().wait()
      #expect(outcome.status == 0, "\(outcome.output)")
      #expect(stage.starts == [String](repeating: "train \(stage.path)/run.yaml --resume", count: 8))
      #expect(outcome.lines(with: "starting after step 20").count == 2)
      #expect(outcome.lines(with: "the run is complete").count == 1)
    }

    @Test("Codes that come back at the next start are final", arguments: [64, 65, 66, 70, 73, 74, 78, 79, 134])
    func finalCodes(code: Int) throws {
      let stage = try Stage(["75 10", "\(code) 20", "0"])
      let outcome = try stage.supervise().wait()
      #expect(outcome.status == code)
      #expect(stage.starts.count == 2)
      #expect(outcome.lines(with: "exit code \(code) is final").count == 1)
    }

    @Test("An end of mpirun itself, as after TERM, is final and not called an error of the run")
    func endOfMpirun() throws {
      let stage = try Stage(["75 10", "1 20", "0"])
      let outcome = try stage.supervise().wait()
      #expect(outcome.status == 1)
      #expect(stage.starts.count == 2)
      #expect(outcome.lines(with: "exit code 1 is mpirun's own").count == 1)
    }

    @Test("A run that writes no later checkpoint in five starts is given up, after longer and longer pauses")
    func fruitless() throws {
      let stage = try Stage(["76 10", "76", "137", "75", "76", "76", "0"])
      var outcome = try stage.supervise().wait()
      #expect(outcome.status == 76)
      #expect(stage.starts.count == 6)
      #expect(outcome.lines(with: "no checkpoint later than step 10 in 5 starts").count == 1)

      let patient = try Stage(["76", "76", "76 10", "0"])
      outcome = try patient.supervise(["--pause", "1"]).wait()
      #expect(patient.starts.count == 4)
      for (pause, count) in [(1, 2), (2, 1)] { #expect(outcome.lines(with: "again in \(pause) s").count == count) }
    }

    @Test("USR1 is passed on and the run goes on; after TERM it stops with a checkpoint and is not started again")
    func signals() throws {
      for (signal, starts, status) in [(SIGUSR1, 2, Int32(0)), (SIGTERM, 1, 75), (SIGHUP, 1, 75)] {
        let stage = try Stage(["0 wait", "0"])
        let program = try stage.supervise()
        try wait(for: "the first start", of: program) {
          FileManager.default.fileExists(atPath: stage.path + "/waits")
        }
        kill(try #require(program.identifier), signal)
        let outcome = try program.wait()
        #expect(outcome.status == status, "\(outcome.output)")
        #expect(stage.starts.count == starts)
        #expect(FileManager.default.fileExists(atPath: stage.path + "/run/checkpoints/step-00000099"))
      }
    }

    @Test("A command without a run directory is refused, and nothing is started")
    func refusals() throws {
      let stage = try Stage(["0"])
      let outcome = try run([Self.root + "/launch/supervise", stage.path + "/stub", "train"])
      #expect(outcome.status == 64)
      #expect(outcome.output.contains("--run DIRECTORY"))
      #expect(try run([Self.root + "/launch/supervise", "--pause", "soon", "true"]).status == 64)
      #expect(stage.starts.isEmpty)
    }

    @Test("A Slurm job goes back into the queue by the same rule")
    func slurm() throws {
      let stage = try Stage(["75 10", "137", "76", "76", "76", "76", "78", "0 20"])
      try stage.write(".build/release/dga", "")
      for (name, text) in [("mpirun", "exec \(stage.path)/stub"), ("scontrol", "echo \"$*\" >>\(stage.path)/queue")] {
        try stage.write("bin/\(name)", "#!/usr/bin/env bash\n\(text)\n")
      }
      try FileManager.default.createSymbolicLink(
        atPath: stage.path + "/launch", withDestinationPath: Self.root + "/launch")
      let job = [
        "env", "PATH=\(stage.path)/bin:/usr/bin:/bin", "SLURM_SUBMIT_DIR=\(stage.path)", "SLURM_JOB_ID=7",
        "SLURM_NTASKS=2", "bash", stage.path + "/launch/slurm.sbatch", "run.yaml",
      ]
      var codes: [Int32] = [], requeued: [Int] = []
      for _ in 0..<8 {
        codes.append(try run(job).status)
        requeued.append(
          ((try? String(contentsOfFile: stage.path + "/queue", encoding: .utf8)) ?? "").split(separator: "\n").count)
      }
      #expect(codes == [75, 137, 76, 76, 76, 76, 78, 0])
      // The sixth start is the fifth in a row without a checkpoint.
      #expect(requeued == [1, 2, 3, 4, 5, 5, 5, 5])
      #expect(!FileManager.default.fileExists(atPath: stage.path + "/dga-7.fruitless"))
    }
  }
}
