import Foundation
import Launching
import Testing

extension CommandLineTests {
  /// Training on shards that lie in different directories, as on the disks of different nodes.
  @Suite struct ShardTests {
    private static let settings = ["model.context=128", "duration=20steps", "mixture.every=5steps", "batch.micro=2"]

    @Test("Shards in different directories give the bits of the whole", arguments: [(2, 2), (2, 3), (4, 3), (8, 2)])
    func sameBits(ranks: Int, shards: Int) throws {
      let workshop = try Workshop()
      let whole = try workshop.finish(.alone, run: "whole", Self.settings)
      try workshop.cut(into: shards)
      #expect(try workshop.finish(.alone, run: "alone", Self.settings + ["corpus=\(workshop.path)/cut"]) == whole)
      let disks = try workshop.spread(shards: shards, over: ranks)
      let parted = try workshop.finish(on: disks, run: "parted", Self.settings)
      #expect(parted == whole)
      #expect(try workshop.mixture("parted") == workshop.mixture("whole"))
      let seconds = try workshop.stepSeconds("parted")
      #expect(seconds.count == 20 && seconds.allSatisfy { $0["exchange"] ?? 0 > 0 })
    }

    @Test(
      "Everything that reads text to train on reads the same of shards",
      arguments: [
        ["mixture.estimator=gradients"], ["mixture.estimator=dots", "mixture.direction.retention=0.5"],
        ["mixture.estimator=ghost"], ["mixture.estimator=last-layer"],
        ["mixture.method=doge", "mixture.weighting=loss"],
        ["mixture.method=doge", "mixture.doge.universal=true"],
        ["mixture.method=doremi", "mixture.reference=PATH/first"],
      ])
    func measurements(method: [String]) throws {
      let workshop = try Workshop()
      let settings = Self.settings + method.map { $0.replacing("PATH", with: workshop.path) }
      if method.contains(where: { $0.contains("reference") }) {
        _ = try workshop.finish(run: "first", Self.settings + ["mixture.method=uniform"])
      }
      let whole = try workshop.finish(run: "whole", settings)
      try workshop.cut(into: 3)
      let disks = try workshop.spread(shards: 3, over: 2)
      #expect(try workshop.finish(on: disks, run: "parted", settings) == whole)
      #expect(try workshop.mixture("parted") == workshop.mixture("whole"))
    }

    @Test("A run goes on from whole to shards and back, with other ranks, and has the same bits")
    func resumed() throws {
      let workshop = try Workshop()
      let settings = Self.settings + ["optimizer.schedule=constant", "optimizer.warmup=1steps", "mixture.every=3steps"]
      let whole = try workshop.finish(.alone, run: "whole", settings)
      try workshop.cut(into: 2)
      let disks = try workshop.spread(shards: 2, over: 2)
      _ = try workshop.finish(.alone, run: "changing", settings + ["duration=7steps"])
      _ = try workshop.finish(on: disks, run: "changing", settings + ["duration=13steps", "--resume"])
      #expect(try workshop.finish(.alone, run: "changing", settings + ["--resume"]) == whole)
    }

    @Test("A survey of alignments reads the same of shards")
    func survey() throws {
      let workshop = try Workshop()
      _ = try workshop.finish(run: "run", Self.settings)
      try workshop.cut(into: 2)
      let disks = try workshop.spread(shards: 2, over: 2)
      let arguments = ["align", "\(workshop.path)/run", "--repeat", "2", "--json", "mixture.estimator=ghost"]
      let whole = try Launching.run(Launch.mpirun(2).command("dga", arguments))
      let parted = try Launching.run(workshop.command(on: disks, arguments))
      let (expected, found) = (try survey(whole), try survey(parted))
      #expect(found == expected)
    }

    /// What a survey says but for its time.
    private func survey(_ outcome: Outcome) throws -> String {
      try #require(outcome.status == 0, "\(outcome.output)")
      var record =
        try JSONSerialization.jsonObject(with: Data(outcome.standardOutput.utf8)) as? [String: Any] ?? [:]
      record["seconds"] = nil
      return String(decoding: try JSONSerialization.data(withJSONObject: record, options: .sortedKeys), as: UTF8.self)
    }

    @Test("A rank opens the files of its own shards and no others")
    func openFiles() throws {
      let workshop = try Workshop()
      try workshop.cut(into: 2)
      let disks = try workshop.spread(shards: 2, over: 2)
      let program = try Program(
        workshop.command(
          on: disks, ["train", "\(workshop.path)/run.yaml", "run=\(workshop.path)/run", "duration=100000steps"]))
      let started = ContinuousClock.now
      while !workshop.exists("run/metrics.jsonl"), program.isRunning, started.duration(to: .now) < .seconds(60) {
        usleep(10_000)
      }
      let ranks = program.children
      try #require(ranks.count == 2)
      let files = ranks.map { rank in
        let maps = (try? String(contentsOfFile: "/proc/\(rank)/maps", encoding: .utf8)) ?? ""
        return Set(maps.split(separator: "\n").compactMap { $0.split(separator: " ").last.map(String.init) })
          .filter { $0.hasPrefix(workshop.path) && $0.contains("/disk-") }
      }
      kill(try #require(program.identifier), SIGTERM)
      _ = try program.wait()
      for (own, other) in [(0, 1), (1, 0)] {
        let texts = files.filter { $0.contains("\(disks[own])/shard-00\(own)/train.bin") }
        #expect(texts.count == 1)
        #expect(texts.first?.contains { $0.hasPrefix(disks[other]) } == false, "\(files)")
      }
    }

    /// As for text in one file; see `AllocationTests`. Of the steps that a run has more, each would allocate once at
    /// least.
    @Test("A steady step that exchanges windows allocates nothing more than one that does not")
    func allocations() throws {
      let workshop = try Workshop()
      try workshop.cut(into: 2)
      let disks = try workshop.spread(shards: 2, over: 2)
      let counter = "LD_PRELOAD=" + buildDirectory.appending(path: "liballocation-counter.so").path
      func counts(_ steps: Int, on corpora: [String]) throws -> [Int] {
        let arguments = [
          "train", "\(workshop.path)/run.yaml", "run=\(workshop.path)/\(UUID().uuidString)",
          "duration=\(steps)steps", "mixture.method=uniform", "evaluation.every=1000steps",
        ]
        let command = workshop.command(on: corpora, arguments).flatMap {
          $0.hasSuffix("/dga") ? ["env", counter, $0] : [$0]
        }
        let outcome = try Launching.run(command)
        try #require(outcome.status == 0, "\(outcome.output)")
        return outcome.lines(with: " allocations").filter { $0.hasPrefix("dga: ") }
          .compactMap { Int($0.split(separator: " ")[1]) }.sorted()
      }
      let whole = ["\(workshop.path)/corpus", "\(workshop.path)/corpus"]
      func growth(_ corpora: [String]) throws -> [Int] {
        let (few, many) = (try counts(20, on: corpora), try counts(60, on: corpora))
        try #require(few.count == 2 && many.count == 2)
        return zip(few, many).map { $1 - $0 }
      }
      for (parted, expected) in zip(try growth(disks), try growth(whole)) { #expect(parted < expected + 40) }
    }

    @Test("What is missing or does not go together is a sentence")
    func refusals() throws {
      let workshop = try Workshop()
      try workshop.cut(into: 3)
      let disks = try workshop.spread(shards: 3, over: 3)
      func expect(_ status: Int32, _ command: [String], _ fragments: String...) throws {
        let outcome = try Launching.run(command)
        #expect(outcome.status == status, "\(outcome.output)")
        for fragment in fragments { #expect(outcome.output.contains(fragment), "\(fragment): \(outcome.output)") }
        #expect(outcome.lines(with: "error:").count == 1, "\(outcome.output)")
      }
      let train = ["train", "\(workshop.path)/run.yaml", "run=\(workshop.path)/none", "batch.sequences=12"]
      func alone(_ arguments: [String]) -> [String] { Launch.alone.command("dga", arguments) }
      try expect(66, workshop.command(on: [disks[0], disks[2]], train), "No rank has shard 1 of 3", "has 0, 2")
      try expect(66, alone(train + ["corpus=\(disks[0])"]), "No rank has shards 1, 2 of 3")
      try expect(
        78, alone(train + ["placement=sharded"]), "placement", "\(workshop.path)/corpus is whole", "--shards")
      try expect(
        66, alone(["cluster", disks[1], "-o", "\(workshop.path)/c", "--domains", "2"]), "shard 1 of 3", "whole")
      try expect(66, alone(["corpus", "vectors", disks[1], "-o", "\(workshop.path)/c"]), "shard 1 of 3", "whole")
      try expect(66, workshop.command(on: disks, train + ["placement=whole"]), "only shard 0 of 3")
      try expect(
        66, workshop.command(on: disks, train + ["mixture.method=importance"]), "only shard 0 of 3", "whole corpus")
      let outcome = try workshop.build(output: "cut", ["--shards", "0"])
      #expect(outcome.status == 64 && outcome.output.contains("--shards is from 1"), "\(outcome.output)")
      let many = try workshop.build(output: "cut", ["--shards", "9999"])
      #expect(many.status == 78 && many.output.contains("cannot be cut into 9999 shards"), "\(many.output)")
      _ = try workshop.build(output: "other", ["--shards", "3", "seed=2"])
      try workshop.remove("disk-1/shard-001")
      try FileManager.default.moveItem(
        atPath: "\(workshop.path)/other/shard-001", toPath: "\(disks[1])/shard-001")
      try expect(65, workshop.command(on: disks, train), "rank 1", "another one than that of rank 0")
      #expect(!workshop.exists("none") && !workshop.exists("c"))
    }

    @Test("Clusters are cut as well, and shards that are all here are clustered")
    func clusters() throws {
      let workshop = try Workshop(build: false)
      let pieces = ["tokenizer.kind=sentencepiece", "tokenizer.vocabulary=400"]
      let built = try workshop.build(pieces)
      try #require(built.status == 0, "\(built.output)")
      func cluster(_ corpus: String, _ output: String, _ options: String...) throws {
        let outcome = try workshop.dga(
          ["cluster", "\(workshop.path)/\(corpus)", "-o", "\(workshop.path)/\(output)", "--domains", "3"] + options)
        try #require(outcome.status == 0, "\(outcome.output)")
      }
      try workshop.cut(into: 2, pieces)
      try cluster("corpus", "clusters")
      try cluster("cut", "again")
      #expect(try workshop.read("again/manifest.json") == workshop.read("clusters/manifest.json"))
      try cluster("corpus", "parted", "--shards", "2")
      let whole = try workshop.finish(.alone, run: "whole", Self.settings + ["corpus=\(workshop.path)/clusters"])
      let disks = try workshop.spread(shards: 2, over: 2, of: "parted")
      #expect(try workshop.finish(on: disks, run: "parted-run", Self.settings) == whole)
      #expect(workshop.exists("parted-run/checkpoints/step-00000020/tokenizer.model"))
    }
  }
}

extension Workshop {
  /// Builds the corpus in shards beside the whole one.
  fileprivate func cut(into shards: Int, _ overrides: [String] = []) throws {
    let outcome = try build(output: "cut", ["--shards", "\(shards)"] + overrides)
    try #require(outcome.status == 0, "\(outcome.output)")
  }

  /// Moves shards to directories, rank after rank; ranks without one share that of another.
  fileprivate func spread(shards: Int, over ranks: Int, of corpus: String = "cut") throws -> [String] {
    let disks = (0..<min(shards, ranks)).map { "\(path)/disk-\($0)" }
    for shard in 0..<shards {
      let disk = disks[shard % disks.count]
      try FileManager.default.createDirectory(atPath: disk, withIntermediateDirectories: true)
      try FileManager.default.moveItem(
        atPath: "\(path)/\(corpus)/shard-00\(shard)", toPath: "\(disk)/shard-00\(shard)")
    }
    return (0..<ranks).map { disks[$0 % disks.count] }
  }

  /// The command that starts a rank for each directory, which is its corpus.
  fileprivate func command(on disks: [String], _ arguments: [String]) -> [String] {
    let all = Launch.mpirun(1).command("dga", [])
    let options = Array(all.dropFirst(3).dropLast())
    let ranks = disks.map { ["-np", "1", all.last!] + arguments + ["corpus=\($0)"] }
    return ["mpirun"] + options + Array(ranks.joined(separator: [":"]))
  }

  fileprivate func finish(on disks: [String], run name: String, _ overrides: [String]) throws -> Ending {
    let outcome = try Launching.run(
      command(on: disks, ["train", "\(path)/run.yaml", "--json", "run=\(path)/\(name)"] + overrides))
    try #require(outcome.status == 0, "\(outcome.output)")
    return try ending(of: outcome)
  }

  /// Where the time of each step went.
  fileprivate func stepSeconds(_ run: String) throws -> [[String: Double]] {
    try read("\(run)/metrics.jsonl").split(separator: UInt8(ascii: "\n")).compactMap { line in
      let record = try JSONSerialization.jsonObject(with: line) as? [String: Any]
      return record?["kind"] as? String == "step" ? record?["seconds"] as? [String: Double] : nil
    }
  }
}
