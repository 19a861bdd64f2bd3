import Failures
import Foundation
import Reporting
import Testing

@Suite("Plots")
struct PlotTests {
  @Test("A run is read whatever unknown kinds and keys it has, and whether or not its last line is whole")
  func reading() throws {
    let runs = MadeUpRuns()
    let whole = try RunRecord(at: runs.make("whole", method: "dga", seed: 3, target: 4))
    let live = try RunRecord(at: runs.make("live", method: "dga", seed: 3, target: 4, ending: #"{"kind":"evalu"#))
    for run in [whole, live] {
      #expect(run.evaluations.map(\.tokens) == (1...10).map { 200_000 * $0 })
      #expect(run.evaluations[9].target == 4 && run.evaluations[9].generic == 4.5)
      #expect(run.mixtures.count == 10 && run.mixtures[9].weights["perl"] == 0.7)
      #expect(run.method == "dga" && run.seed == 3 && run.target == "git")
    }
  }

  @Test("Counts of tokens whose sum is no number are a damaged line")
  func overflow() throws {
    let runs = MadeUpRuns()
    let counts = #""tokens":{"a":9223372036854775807,"b":1}"#
    let ending =
      #"{"kind":"domains","loss":{},"share_requested":{},"share_achieved":{},\#(counts)}"# + "\n"
    let path = try runs.make("overflow", method: "dga", seed: 3, target: 4, ending: ending)
    let failure = #expect(throws: Failure.self) { _ = try RunRecord(at: path) }
    #expect(failure?.kind == .badData && failure?.message.contains("line 32") == true, "\(failure?.message ?? "")")
  }

  @Test("Pictures are drawn again over earlier ones, and never over somebody else's")
  func ownership() throws {
    let runs = MadeUpRuns()
    let run = try runs.make("run", method: "dga", seed: 1, target: 4)
    let output = runs.directory + "/plots"
    let first = try Plot.draw(runs: [run], output: output)
    #expect(try Plot.draw(runs: [run], output: output) == first)
    let other = runs.directory + "/other"
    try FileManager.default.createDirectory(atPath: other, withIntermediateDirectories: true)
    try Data("precious".utf8).write(to: URL(filePath: other + "/losses.svg"))
    let failure = try #require(throws: Failure.self) { try Plot.draw(runs: [run], output: other) }
    #expect(failure.kind == .cannotCreate && failure.message.contains("other/losses.svg was not drawn by this program"))
    #expect(try FileManager.default.contentsOfDirectory(atPath: other) == ["losses.svg"])
  }

  @Test("A damaged line before the last, or a directory that is no run, is refused with its place")
  func damage() throws {
    let runs = MadeUpRuns()
    let damaged = try runs.make(
      "damaged", method: "dga", seed: 1, target: 4, ending: #"{"kind""# + "\n" + #"{"kind":"step"}"# + "\n")
    // One unknown line, ten times step, mixture and evaluation, then the damage.
    #expect { try RunRecord(at: damaged) } throws: { error in
      let failure = error as? Failure
      return failure?.kind == .badData && failure?.message.contains("metrics.jsonl, line 32") == true
    }
    #expect { try RunRecord(at: runs.directory) } throws: { ($0 as? Failure)?.kind == .missingInput }
    #expect { try Plot.read([]) } throws: { ($0 as? Failure)?.kind == .usage }
  }

  @Test("The table says by how much a method beats uniform, and only calls it a win beyond the difference of seeds")
  func findings() throws {
    let runs = MadeUpRuns()
    let uniform = try [
      RunRecord(at: runs.make("u1", method: "uniform", seed: 1, target: 5.00)),
      RunRecord(at: runs.make("u2", method: "uniform", seed: 2, target: 5.04)),
    ]
    func dga(_ losses: [Double], tokens: Int = 2_000_000) throws -> [RunRecord] {
      try losses.enumerated().map {
        try RunRecord(at: runs.make("d\($0)", method: "dga", seed: $0 + 1, target: $1, tokens: tokens))
      }
    }
    // 5.02 - 4.61 = 0.41, which is 7.9 times the larger difference of seeds, 0.052.
    let dgaRuns = try dga([4.584, 4.636])
    let win = RunComparison([uniform[0], dgaRuns[0], uniform[1], dgaRuns[1]])
    #expect(win.rows.map(\.label) == ["uniform", "uniform", "dga", "dga"])
    #expect(win.rows[2].leaders[0].name == "perl" && win.rows[2].leaders[0].weight == 0.7)
    #expect(win.rows[0].leaders.isEmpty)
    #expect(win.findings.count == 1)
    #expect(win.findings[0].contains("dga wins by 0.410; seeds of one method differ by up to 0.052, 7.9 times less."))
    #expect(win.text.contains("dga         1     4.584      2.292         5.084  perl 70 %, "))

    #expect(RunComparison(uniform + (try dga([5.00, 5.03]))).findings[0].contains("this shows nothing"))
    #expect(RunComparison(uniform + (try dga([5.40, 5.42]))).findings[0].contains("dga LOSES by 0.390"))
    #expect(RunComparison(uniform + (try dga([4.5]))).findings[0].contains("no more than a hint"))
    #expect(RunComparison(uniform + (try dga([4.5, 4.6], tokens: 3_000_000))).findings[0].contains("no comparison"))
  }

  @Test("Runs that have nothing to show yet or are named twice are passed over and told of")
  func passedOver() throws {
    let runs = MadeUpRuns()
    let whole = try runs.make("whole", method: "dga", seed: 1, target: 4)
    let begun = try runs.make("begun", method: "dga", seed: 2, target: 4)
    try #"{"kind":"step","step":1}"#.write(toFile: begun + "/metrics.jsonl", atomically: true, encoding: .utf8)
    let link = runs.directory + "/link"
    try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: whole)
    var reports: [String] = []
    let records = try Plot.read([whole, begun, whole + "/", link, runs.directory + "/begun/../whole"]) {
      reports.append($0)
    }
    #expect(records.map(\.path) == [whole])
    #expect(reports.count == 4 && reports[0].contains("begun has not been evaluated yet"))
    #expect(reports.dropFirst().allSatisfy { $0.contains("is the same run as") })
    #expect { try Plot.read([begun]) } throws: { ($0 as? Failure)?.kind == .missingInput }
    #expect { try Plot.read([runs.directory + "/none", whole]) } throws: { ($0 as? Failure)?.kind == .missingInput }
  }

  @Test("Weights of many domains are told from nothing")
  func smallWeights() throws {
    let runs = MadeUpRuns()
    let weights = (0..<2000).map { "\"d\($0)\":0.0005" }.joined(separator: ",")
    let path = try runs.make(
      "many", method: "dga", seed: 1, target: 4,
      ending: #"{"kind":"mixture","tokens":1,"weights":{\#(weights)}}"# + "\n")
    #expect(try RunComparison([RunRecord(at: path)]).text.contains("d0 0.05 %, "))
  }

  @Test("Runs of one method with other settings are not taken for seeds of each other")
  func settings() throws {
    let runs = MadeUpRuns()
    let table = try RunComparison([
      RunRecord(at: runs.make("gentle", method: "dga", seed: 1, target: 4.6, settings: "threads: 1")),
      RunRecord(at: runs.make("bold", method: "dga", seed: 2, target: 4.4, settings: "threads: 2")),
    ])
    #expect(table.rows.map(\.label) == ["gentle", "bold"])
  }

  @Test("Losses and weights are drawn as SVG and PNG; without moving weights there are only losses")
  func pictures() throws {
    let runs = MadeUpRuns()
    let uniform = try runs.make("u1", method: "uniform", seed: 1, target: 5.0)
    let moving = try runs.make("d'1", method: "dga", seed: 1, target: 4.5)
    let output = runs.directory + "/plots"
    let files = try Plot.draw(runs: [uniform, moving], output: output)
    let names = ["losses.png", "losses.svg", "weights.png", "weights.svg"]
    #expect(files.map { URL(fileURLWithPath: $0).lastPathComponent } == names)
    for file in files {
      let data = try #require(FileManager.default.contents(atPath: file))
      if file.hasSuffix(".png") {
        // The signature of a PNG file, then the header chunk with width and height (RFC 2083, sections 3.1 and 4.1.1).
        #expect(Array(data.prefix(8)) == [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A])
        let width = data[data.startIndex + 16..<data.startIndex + 20].reduce(0) { $0 << 8 | Int($1) }
        #expect(width == (file.contains("losses") ? 2400 : 1200))
      } else {
        let text = String(decoding: data, as: UTF8.self)
        #expect(text.contains("<svg") && text.contains(file.contains("losses") ? "dga 4.50" : "perl 70 %"))
      }
    }
    let drawn = try FileManager.default.contentsOfDirectory(atPath: output).filter { !$0.hasPrefix(".") }
    #expect(drawn.count == 4)
    #expect(try Plot.draw(runs: [uniform], output: output + "/uniform").count == 2)
  }

  @Test("Scores whose unit is next to nothing are left out of their picture")
  func hugeScores() throws {
    let runs = MadeUpRuns()
    let records = [(20, "1e-320"), (21, "0.5"), (22, "1e-320")].map { step, unit in
      #"{"kind":"mixture","step":\#(step),"tokens":\#(100_000 * step),"weights":{"perl":0.5,"python":0.5},"#
        + #""alignment":{"perl":0.4,"python":-0.1},"standard_error":{"perl":0.1,"python":0.1},"#
        + #""target_alignment":\#(unit),"reliability":0.5}"#
    }
    for some in [records, records.reversed(), [records[0]]] {
      let path = try runs.make("dga", method: "dga", seed: 1, target: 5, ending: some.joined(separator: "\n") + "\n")
      let files = try Plot.draw(runs: [path], output: runs.directory + "/plots")
      #expect(files.contains { $0.hasSuffix("scores.svg") })
    }
  }

  @Test("What each domain got is drawn, gaps where a domain was not read included")
  func domains() throws {
    let runs = MadeUpRuns()
    let records = [(1, "4.5", "null"), (2, "4.0", "3.5")].map { step, perl, python in
      #"{"kind":"domains","step":\#(step),"loss":{"perl":\#(perl),"python":\#(python)},"#
        + #""tokens":{"perl":\#(600 * step),"python":\#(400 * step)},"share_requested":{"perl":0.6,"python":0.4},"#
        + #""share_achieved":{"perl":0.7,"python":0.3},"epochs":{"perl":0.1,"python":0.2}}"#
    }
    let path = try runs.make(
      "run", method: "uniform", seed: 1, target: 5, ending: records.joined(separator: "\n") + "\n")
    let run = try RunRecord(at: path)
    #expect(run.domains.map(\.tokens) == [1000, 2000] && run.domains[1].achieved["perl"] == 0.7)
    #expect(run.domains[0].loss["python"] == .some(nil) && run.domains[1].loss["python"] == 3.5)
    let files = try Plot.draw([run], output: runs.directory + "/plots")
    let picture = try #require(files.first { $0.hasSuffix("domains.svg") })
    let text = try String(contentsOfFile: picture, encoding: .utf8)
    #expect(text.contains("perl 60") && text.contains("python 3.50"))
  }
}
