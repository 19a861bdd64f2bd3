import Foundation
import Launching
import Testing

extension CommandLineTests {
  /// Corpora that several ranks build, and builds that end in the middle.
  @Suite struct BuildingTests {
    /// Texts of 12 MB, so that there are several blocks for each rank: two domains and a target, with copies of a text
    /// in files that lie far from each other, and JSON lines.
    private func workshop(bytes: Int = 12_000_000) throws -> Workshop {
      let workshop = try Workshop(build: false)
      let size = 60_000
      for number in 0..<bytes / size {
        // Each line is another one, so documents have little in common.
        var text = ""
        while text.utf8.count < size { text += "line \(text.utf8.count) of document \(number)\n" }
        try workshop.write("many/a/\(number).txt", text)
        if number % 20 == 0 { try workshop.write("many/b/\(number).txt", text + "\n\n") }
        let other = text.replacing("line", with: "verse")
        if number % 30 == 0 { try workshop.write("many/t/\(number).txt", other) }
        if number % 30 == 0 { try workshop.write("many/b/of-target-\(number).txt", other) }
        if number % 30 == 1 { try workshop.write("many/b/\(number).txt", other) }
      }
      try workshop.write(
        "many/b/lines.jsonl", (0..<500).map { #"{"text": "an entry, \#($0 % 400)"}"# }.joined(separator: "\n"))
      try workshop.write(
        "recipe.yaml",
        """
        tokenizer: {kind: sentencepiece, vocabulary: 400, sample: 200000bytes}
        domains: {a: {paths: many/a}, b: {paths: many/b}}
        targets: {t: {paths: many/t}}
        """)
      return workshop
    }

    private func command(_ workshop: Workshop, _ launch: Launch, output: String = "corpus") -> [String] {
      launch.command("dga", ["corpus", "build", "\(workshop.path)/recipe.yaml", "-o", "\(workshop.path)/\(output)"])
    }

    /// All files of a corpus, by name.
    private func files(_ workshop: Workshop, _ output: String = "corpus") throws -> [String: Data] {
      let names = try FileManager.default.contentsOfDirectory(atPath: "\(workshop.path)/\(output)")
      return Dictionary(uniqueKeysWithValues: try names.map { ($0, try workshop.read("\(output)/\($0)")) })
    }

    /// Results of the build at work whose names begin so.
    private func results(_ workshop: Workshop, _ kind: String) -> [String] {
      let names = try? FileManager.default.contentsOfDirectory(atPath: "\(workshop.path)/.corpus.dga-building/work")
      return (names ?? []).filter { $0.hasPrefix(kind) && $0.hasSuffix(".json") }
    }

    @Test("Any number of ranks builds the same bytes, and finds the same duplicates")
    func ranks() throws {
      let workshop = try workshop()
      let alone = try run(command(workshop, .alone, output: "alone"))
      try #require(alone.status == 0, "\(alone.output)")
      // 10 of a, and 100 of the JSON lines; and what only the target has.
      #expect(alone.standardError.contains("  duplicates, left out: 110, first"), "\(alone.output)")
      #expect(alone.standardError.contains("  documents of a target, kept out of the domain: 7, first"))
      let expected = try files(workshop, "alone")
      for ranks in 1...3 {
        let outcome = try run(command(workshop, .mpirun(ranks)))
        try #require(outcome.status == 0, "\(outcome.output)")
        #expect(try files(workshop) == expected, "with \(ranks) ranks")
        #expect(outcome.lines(with: "Read ") == alone.lines(with: "Read "))
        try workshop.remove("corpus")
      }
    }

    @Test("A build that was killed while reading, and again later, goes on to the same bytes")
    func killed() throws {
      let workshop = try workshop(bytes: 30_000_000)
      _ = try run(command(workshop, .mpirun(2), output: "alone"))
      let expected = try files(workshop, "alone")
      for kind in ["text-", "tokens-"] {
        let program = try Program(command(workshop, .mpirun(2)))
        try wait(for: "results of \(kind)", of: program) { results(workshop, kind).count >= 2 }
        for rank in program.children { kill(rank, SIGKILL) }
        #expect(try program.wait().status == 128 + SIGKILL)
        try #require(!workshop.exists("corpus"), "the build was over before it was killed")
      }
      // A result whose file was damaged meanwhile is made again, and somebody else's file is in nobody's way.
      let damaged = try #require(results(workshop, "text-").first).replacing(".json", with: ".text")
      try workshop.write(".corpus.dga-building/work/\(damaged)", "damaged")
      let outcome = try run(command(workshop, .mpirun(3)))
      #expect(outcome.status == 0, "\(outcome.output)")
      #expect(outcome.lines(with: "by a build that did not end; this one goes on from there").count == 2)
      #expect(try files(workshop) == expected)
      #expect(!workshop.exists(".corpus.dga-building"))
    }

    /// What somebody changes between a build that was killed and the next.
    enum Change: CaseIterable {
      /// One text of a domain, which keeps its length: blocks of files end where they did.
      case text
      /// The seed of the order of documents.
      case seed
      /// The size of the vocabulary.
      case vocabulary
      /// The first domain is a target now: the files are the same, in the same order.
      case target
    }

    @Test("What a build has left is not taken for another recipe or other texts", arguments: Change.allCases)
    func changed(_ change: Change) throws {
      let workshop = try workshop()
      let program = try Program(command(workshop, .alone))
      try wait(for: "tokens", of: program) { results(workshop, "tokens-").count >= 2 }
      kill(try #require(program.identifier), SIGKILL)
      _ = try program.wait()
      var overrides: [String] = []
      switch change {
      case .text:
        let text = try String(decoding: workshop.read("many/a/1.txt"), as: UTF8.self)
        try workshop.write("many/a/1.txt", text.replacing("line", with: "Line"))
      case .seed: overrides = ["seed=2"]
      case .vocabulary: overrides = ["tokenizer.vocabulary=390"]
      case .target:
        try workshop.write(
          "recipe.yaml",
          """
          tokenizer: {kind: sentencepiece, vocabulary: 400, sample: 200000bytes}
          domains: {b: {paths: many/b}}
          targets: {t: {paths: many/t}, a: {paths: many/a}}
          """)
      }
      let outcome = try run(command(workshop, .alone) + overrides)
      #expect(outcome.status == 0, "\(outcome.output)")
      // The texts that are the same are not read again.
      #expect(outcome.output.contains("were read by a build that did not end"), "\(outcome.output)")
      let fresh = try run(command(workshop, .alone, output: "fresh") + overrides)
      #expect(fresh.status == 0 && !fresh.output.contains("goes on from there"), "\(fresh.output)")
      #expect(try files(workshop) == files(workshop, "fresh"))
    }

    @Test("A signal to one rank stops all with 75, and the same command goes on")
    func stopped() throws {
      let workshop = try workshop(bytes: 30_000_000)
      let program = try Program(command(workshop, .mpirun(2)))
      try wait(for: "texts", of: program) { results(workshop, "text-").count >= 2 }
      kill(try #require(program.children.last), SIGUSR1)
      let stopped = try program.wait()
      #expect(stopped.status == 75, "\(stopped.output)")
      #expect(stopped.lines(with: "the same command goes on from here").count == 1)
      let outcome = try run(command(workshop, .mpirun(2)))
      #expect(outcome.status == 0 && outcome.output.contains("goes on from there"), "\(outcome.output)")
    }

    @Test("A signal while the corpus is written stops with 75, and the same command goes on")
    func stoppedWhileWriting() throws {
      let workshop = try workshop(bytes: 30_000_000)
      let output = ".corpus.dga-building/output"
      var outcome: Outcome?
      // The moment is short, so the first attempt may come too late.
      for _ in 0..<10 where outcome == nil {
        let program = try Program(command(workshop, .alone))
        try wait(for: "the first file of the corpus", of: program) { workshop.exists("\(output)/train.bin") }
        let process = try #require(program.identifier)
        kill(process, SIGSTOP)
        usleep(20_000)
        let isInTime = workshop.exists("\(output)/train.bin") && !workshop.exists("\(output)/evaluation.bin")
        if isInTime { kill(process, SIGUSR1) }
        kill(process, SIGCONT)
        let ended = try program.wait()
        if isInTime { outcome = ended } else { try workshop.remove("corpus") }
      }
      let stopped = try #require(outcome, "the corpus was always complete before")
      #expect(stopped.status == 75, "\(stopped.output)")
      #expect(!workshop.exists("corpus") && !workshop.exists(output))
      let next = try run(command(workshop, .mpirun(2)))
      #expect(next.status == 0, "\(next.output)")
      #expect(next.lines(with: "this one goes on from there").count == 2, "\(next.output)")
    }

    @Test("A fault that one rank finds ends all with its exit code, said once; what is done stays for the next build")
    func failed() throws {
      let workshop = try workshop()
      try workshop.write("many/b/5.txt", Data([0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3]))
      let before = try workshop.listing()
      let outcome = try run(command(workshop, .mpirun(2)))
      #expect(outcome.status == 65, "\(outcome.output)")
      #expect(outcome.lines(with: "error: ").count == 1)
      #expect(outcome.lines(with: "many/b/5.txt").count == 1)
      #expect(outcome.lines(with: "the next build of this corpus goes on from there").count == 1, "\(outcome.output)")
      let hidden = ".corpus.dga-building/"
      #expect(try workshop.listing().filter { !$0.hasPrefix(hidden) } == before)
      // Only what is whole is left: of each result its record and its files.
      let left = try workshop.listing().filter { $0.hasPrefix(hidden + "work/") && !$0.hasSuffix("/") }
      #expect(left.count == 4 * results(workshop, "text-").count && !left.isEmpty, "\(left)")
      try workshop.write("many/b/5.txt", "mended")
      let mended = try run(command(workshop, .mpirun(2)))
      #expect(mended.status == 0 && mended.output.contains("goes on from there"), "\(mended.output)")
      #expect(!workshop.exists(".corpus.dga-building"))
    }

    @Test("Memory does not grow with the text")
    func memory() throws {
      var peaks: [Int] = []
      for bytes in [16_000_000, 48_000_000] {
        let workshop = try workshop(bytes: bytes)
        let program = try Program(command(workshop, .alone))
        var peak = 0
        while program.isRunning {
          if let identifier = program.identifier { peak = max(peak, Self.peakMemory(of: identifier)) }
          usleep(2000)
        }
        #expect(try program.wait().status == 0)
        peaks.append(peak)
      }
      // Of 32 MB more text there are a few documents in memory, and words that are remembered up to a limit.
      #expect(peaks[0] > 0 && peaks[1] - peaks[0] < 8_000_000, "\(peaks)")
    }

    /// The most memory that a process ever had, in bytes, as the system says.
    private static func peakMemory(of process: pid_t) -> Int {
      let status = (try? String(contentsOfFile: "/proc/\(process)/status", encoding: .ascii)) ?? ""
      let line = status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
      return (line?.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0) * 1000
    }
  }
}
