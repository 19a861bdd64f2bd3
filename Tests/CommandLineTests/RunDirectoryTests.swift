import Foundation
import Launching
import Testing

extension CommandLineTests {
  /// Directories of runs: who may write into them, and what happens when the disk is full.
  @Suite struct RunDirectoryTests {
    @Test("A directory that holds a run is not written to again, unless to go on")
    func holdsRun() throws {
      let workshop = try Workshop()
      _ = try workshop.finish(.alone, "duration=5steps")
      let before = try workshop.listing()
      expect(try workshop.train(), 73, ["\(workshop.path)/run already holds a run", "--resume"])
      #expect(try workshop.listing() == before)
    }

    @Test("A directory of somebody else's is neither begun in nor gone on in, and nothing in it changes")
    func foreignDirectory() throws {
      let workshop = try Workshop()
      let configuration = try workshop.read("run.yaml")
      try workshop.write("config/config.yaml", configuration)
      try workshop.write("mixture/mixture.json", "{}")
      try workshop.write("checkpoints/checkpoints/step-00000001/mine", "precious")
      try workshop.write("metrics/metrics.jsonl", "{\"mine\": 1}\n")
      try workshop.write("metrics/config.yaml", configuration)
      try workshop.write("lock/lock", "mine")
      try FileManager.default.createSymbolicLink(
        atPath: workshop.path + "/config/metrics.jsonl", withDestinationPath: workshop.path + "/run.yaml")
      let before = try workshop.listing()
      for name in ["config", "mixture", "checkpoints", "metrics", "lock"] {
        for flags in [[], ["--resume"], ["--dry-run"], ["--dry-run", "--resume"]] {
          let outcome = try workshop.start(.alone, run: name, flags).wait()
          expect(outcome, 73, ["\(workshop.path)/\(name) is not empty", "choose another `run`"])
        }
      }
      #expect(try workshop.listing() == before)
      #expect(try workshop.read("config/config.yaml") == configuration)
      #expect(try workshop.read("metrics/metrics.jsonl") == Data("{\"mine\": 1}\n".utf8))
      // The directory of the configuration itself.
      let outcome = try workshop.dga(["train", "\(workshop.path)/config/config.yaml", "run=\(workshop.path)/config"])
      expect(outcome, 73, ["config is not empty (it has config.yaml)"])
      #expect(try workshop.listing() == before)
    }

    @Test("A run begins in an empty directory, and in one where a run was killed before its first step")
    func emptyDirectory() throws {
      let workshop = try Workshop()
      try FileManager.default.createDirectory(atPath: workshop.path + "/run", withIntermediateDirectories: true)
      _ = try workshop.finish(.alone, "duration=2steps")
      try workshop.remove("run/metrics.jsonl")
      try workshop.remove("run/checkpoints")
      try workshop.write("run/.config.yaml.dga-writing", "left by a kill")
      _ = try workshop.finish(.alone, "duration=2steps")
      #expect(!workshop.exists("run/.config.yaml.dga-writing"))
    }

    @Test("A run of a dga that made no marker goes on, and has one then")
    func unmarkedRun() throws {
      let workshop = try Workshop()
      _ = try workshop.finish(.alone, "duration=2steps")
      try workshop.remove("run/.dga")
      expect(try workshop.train(.alone), 73, ["already holds a run"])
      #expect(try workshop.finish(.alone, "duration=4steps", "--resume").steps == 4)
      #expect(workshop.exists("run/.dga"))
      // Before its first checkpoint.
      try workshop.remove("run/.dga")
      try workshop.remove("run/checkpoints")
      #expect(try workshop.finish(.alone, "duration=2steps", "--resume").steps == 2)
    }

    @Test("A run of a newer dga is named as such and left alone")
    func newerRun() throws {
      let workshop = try Workshop()
      try workshop.write("run/.dga", #"{"format": "dga run", "version": 9, "files": ["anything"], "more": 1}"#)
      let before = try workshop.listing()
      for flags in [[], ["--resume"], ["--resume", "--dry-run"]] {
        expect(try workshop.start(.alone, flags).wait(), 65, ["version 9", "a newer dga", "up to 1"])
      }
      #expect(try workshop.listing() == before)
    }

    @Test("Files of a run that have become links are not written through")
    func links() throws {
      let workshop = try Workshop()
      _ = try workshop.finish(.alone, "duration=2steps")
      for name in ["precious.jsonl", "precious.yaml", "precious.json"] { try workshop.write(name, "precious") }
      for (file, target) in [
        ("metrics.jsonl", "precious.jsonl"), ("config.yaml", "precious.yaml"), ("mixture.json", "precious.json"),
      ] {
        try workshop.remove("run/\(file)")
        try FileManager.default.createSymbolicLink(
          atPath: "\(workshop.path)/run/\(file)", withDestinationPath: "\(workshop.path)/\(target)")
      }
      expect(try workshop.train(.alone, "duration=4steps", "--resume"), 73, ["run/metrics.jsonl is a symbolic link"])
      try workshop.remove("run/metrics.jsonl")
      _ = try workshop.finish(.alone, "duration=4steps", "--resume")
      for name in ["precious.jsonl", "precious.yaml", "precious.json"] {
        #expect(try workshop.read(name) == Data("precious".utf8))
      }
    }

    @Test("A dry run ends as the run would and touches nothing")
    func dryRuns() throws {
      let workshop = try Workshop()
      let fresh = try workshop.start(.alone, ["--dry-run"]).wait()
      #expect(fresh.status == 0 && fresh.output.contains("# The run would begin."))
      let nothing = try workshop.start(.mpirun(2), ["--dry-run", "--resume"]).wait()
      #expect(nothing.status == 0 && nothing.output.contains("no checkpoint to go on from, so the run would begin"))
      #expect(!workshop.exists("run"))
      _ = try workshop.finish(.alone, "duration=5steps")
      let before = try workshop.listing()
      for (flags, status, fragments) in [
        ([], 73, ["already holds a run"]),
        (["--resume", "seed=5"], 78, ["seed = 1, but now it is 5"]),
        (["run=\(workshop.path)/run.yaml/new"], 73, ["run.yaml/new cannot be created: Not a directory"]),
        (["run=\(workshop.path)/run.yaml"], 73, ["cannot be written: Not a directory"]),
      ] as [([String], Int32, [String])] {
        expect(try workshop.start(.alone, flags).wait(), status, fragments)
        expect(try workshop.start(.alone, flags + ["--dry-run"]).wait(), status, fragments)
      }
      for (duration, sentence) in [(9, "would go on after step 5"), (5, "is complete after step 5")] {
        let outcome = try workshop.start(.mpirun(2), ["--resume", "--dry-run", "duration=\(duration)steps"]).wait()
        #expect(outcome.status == 0 && outcome.output.contains("# The run \(sentence)."), "\(outcome.output)")
      }
      #expect(try workshop.listing() == before)
    }

    @Test("A complete run is left as it is, and one that goes on says what is different now")
    func otherSettings() throws {
      let workshop = try Workshop()
      let settings = ["batch.micro=4", "duration=5steps"]
      _ = try workshop.finish(.alone, run: "run", settings)
      let before = try workshop.read("run/config.yaml")
      let complete = try workshop.start(.alone, settings + ["mixture.eta=2", "--resume"]).wait()
      #expect(complete.status == 0 && complete.output.contains("the run is complete after 5 steps"))
      #expect(try workshop.read("run/config.yaml") == before)
      let longer = ["batch.micro=2", "duration=8steps", "mixture.eta=2", "--resume"]
      let going = try workshop.start(.alone, longer).wait()
      #expect(going.status == 0 && going.output.contains("batch.micro=4 gives the same bits"))
      let sentence =
        "Goes on with batch.micro 2 instead of 4, duration 8steps instead of 5steps, mixture.eta 2.0 instead of 0.5."
      #expect(try workshop.timelessMetrics().contains { $0.contains("\"settings\"") && $0.contains(sentence) })
      // Nothing is said if nothing is different.
      let same = try workshop.start(.alone, ["duration=5steps", "--resume"]).wait()
      #expect(!same.output.contains("Goes on with"))
    }

    @Test("A directory in which a run is alive is refused to others, and that run does not notice")
    func inUse() throws {
      let workshop = try Workshop()
      let program = try workshop.start(.alone, ["duration=1000000steps"])
      try wait(for: "the first step", of: program) { (try? workshop.read("run/metrics.jsonl"))?.isEmpty == false }
      for flags in [[], ["--resume"]] {
        let outcome = try workshop.start(.mpirun(2), flags).wait()
        expect(outcome, 73, ["\(workshop.path)/run belongs to a run that is still alive", "choose another `run`"])
      }
      kill(try #require(program.identifier), SIGUSR1)
      #expect(try program.wait().status == 75)
      let metrics = try workshop.metrics()
      #expect(metrics.filter { $0.kind == "step" }.map(\.step) == Array(1...metrics.last!.step))
    }

    @Test(
      "A full disk ends training with 74 and its last checkpoint whole; with more room it goes on to the same bits",
      .enabled(if: TinyDisk.isPossible, "mounting a file system takes more rights than these"))
    func fullWhileTraining() throws {
      let workshop = try Workshop()
      let settings = ["checkpoint.every=10steps", "checkpoint.keep=1"]
      let whole = try workshop.finish(.mpirun(2), run: "whole", settings)
      // A checkpoint has three floats a parameter, 0.42 MB; beside the old one there must be room for the new.
      try TinyDisk.mounted(at: workshop.path + "/disk", kilobytes: 800) { disk in
        let outcome = try workshop.start(.mpirun(2), run: "disk/run", settings).wait()
        expect(outcome, 74, ["\(workshop.path)/disk/run/checkpoints/", "space"])
        #expect(try workshop.checkpoints("disk/run") == ["step-00000010"])
        try disk.grow(kilobytes: 4000)
        #expect(try workshop.finish(.mpirun(2), run: "disk/run", settings + ["--resume"]) == whole)
      }
    }

    @Test(
      "A disk that is full between checkpoints ends all ranks with 74, whatever is on its way between them",
      .enabled(if: TinyDisk.isPossible, "mounting a file system takes more rights than these"), arguments: [2, 4])
    func fullBetweenCheckpoints(ranks: Int) throws {
      let workshop = try Workshop()
      // Only rank 0 writes metrics, and fails, while parameters of that step are still gathered.
      try TinyDisk.mounted(at: workshop.path + "/disk", kilobytes: 24) { _ in
        let outcome = try workshop.start(.mpirun(ranks), run: "disk/run", ["duration=100000steps"]).wait()
        expect(outcome, 74, ["\(workshop.path)/disk/run/metrics.jsonl", "space"])
        let metrics = try workshop.metrics("disk/run")
        #expect(metrics.filter { $0.kind == "step" }.map(\.step) == Array(1...metrics.last!.step))
      }
    }

    @Test(
      "A disk without room for anything lets nothing start, and nothing is left on it",
      .enabled(if: TinyDisk.isPossible, "mounting a file system takes more rights than these"))
    func fullFromTheStart() throws {
      let workshop = try Workshop()
      try TinyDisk.mounted(at: workshop.path + "/disk", kilobytes: 100) { _ in
        try workshop.write("disk/ballast", Data(count: 100 * 1024))
        expect(try workshop.train(.mpirun(2), run: "disk/new/run"), 74, ["\(workshop.path)/disk/new/run/", "space"])
        for output in ["disk/new/corpus", "disk/corpus"] {
          expect(try workshop.build(output: output), 74, ["\(workshop.path)/disk/", "no space left"])
        }
        #expect(try workshop.listing().filter { $0.hasPrefix("disk/") } == ["disk/", "disk/ballast 102400"])
        // Now there is room for the beginning of a corpus.
        try workshop.remove("disk/ballast")
        expect(try workshop.build(output: "disk/corpus"), 74, ["\(workshop.path)/disk/", "no space left"])
        #expect(try workshop.listing().filter { $0.hasPrefix("disk/") } == ["disk/"])
      }
    }
  }
}

/// A small file system in memory, to be filled.
private struct TinyDisk {
  let path: String

  /// Whether this user may mount file systems here.
  static let isPossible: Bool = {
    let path = NSTemporaryDirectory() + "disk-" + UUID().uuidString
    defer { rmdir(path) }
    return (try? mounted(at: path, kilobytes: 4) { _ in }) != nil
  }()

  /// Mounts it on a new directory for as long as `body` runs.
  static func mounted(at path: String, kilobytes: Int, _ body: (TinyDisk) throws -> Void) throws {
    mkdir(path, 0o755)
    let disk = TinyDisk(path: path)
    try disk.mount("size=\(kilobytes)k")
    defer { _ = try? run(["umount", path]) }
    try body(disk)
  }

  /// Makes room.
  func grow(kilobytes: Int) throws { try mount("remount,size=\(kilobytes)k") }

  private func mount(_ options: String) throws {
    let outcome = try run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", path])
    guard outcome.status == 0 else { throw CannotMount(reason: outcome.output) }
  }

  private struct CannotMount: Error {
    let reason: String
  }
}
