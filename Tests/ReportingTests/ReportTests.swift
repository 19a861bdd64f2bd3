import Failures
import Foundation
import FoundationXML
import Reporting
import Testing

/// What a parser finds in a page or picture: its elements with their attributes, and its text.
private final class Reader: NSObject, XMLParserDelegate {
  var elements: [(name: String, attributes: [String: String])] = []
  var text = ""

  init(_ file: String) throws {
    super.init()
    let parser = XMLParser(data: try #require(FileManager.default.contents(atPath: file)))
    parser.delegate = self
    #expect(parser.parse(), "\(file), line \(parser.lineNumber): \(String(describing: parser.parserError))")
  }

  func parser(
    _ parser: XMLParser, didStartElement name: String, namespaceURI: String?, qualifiedName: String?,
    attributes: [String: String]
  ) {
    elements.append((name, attributes))
  }

  func parser(_ parser: XMLParser, foundCharacters string: String) { text += string }

  func attributes(_ key: String) -> [String] { elements.compactMap { $0.attributes[key] } }
}

@Suite("Reports")
struct ReportTests {
  /// A domain whose name means something to parsers and spreadsheets.
  private static let odd = "<b>&amp;\"'"

  /// Records of scores and of what two domains got.
  private static func records(seed: Int) -> String {
    let name = odd.replacingOccurrences(of: "\"", with: "\\\"")
    let mixtures = [20, 21].map { step in
      #"{"kind":"mixture","step":\#(step),"tokens":\#(100_000 * step),"weights":{"perl":0.6,"\#(name)":0.4},"#
        + #""alignment":{"perl":0.4,"\#(name)":-0.1},"standard_error":{"perl":0.1,"\#(name)":null},"#
        + #""target_alignment":0.5,"probe_tokens":\#(1000 * step)}"#
    }
    let domains =
      #"{"kind":"domains","step":22,"loss":{"perl":5,"\#(name)":null},"tokens":{"perl":900,"\#(name)":100},"#
      + #""share_requested":{"perl":0.5\#(seed),"\#(name)":0.4},"share_achieved":{"perl":0.9,"\#(name)":0.1},"#
      + #""epochs":{"perl":1.25,"\#(name)":0.5}}"#
    return (mixtures + [domains]).joined(separator: "\n") + "\n"
  }

  /// Two methods with two seeds each: 5.00 and 5.04, 4.584 and 4.636.
  private func makeRuns(_ runs: borrowing MadeUpRuns) throws -> [String] {
    try [
      runs.make("u1", method: "uniform", seed: 1, target: 5.00),
      runs.make("u2", method: "uniform", seed: 2, target: 5.04),
      runs.make("d<1>&", method: "dga", seed: 1, target: 4.584, ending: Self.records(seed: 1)),
      runs.make("d2", method: "dga", seed: 2, target: 4.636, ending: Self.records(seed: 2)),
    ]
  }

  @Test("The page is well-formed, holds every number, and names where it comes from")
  func page() throws {
    let runs = MadeUpRuns()
    let paths = try makeRuns(runs)
    let page = runs.directory + "/page.html"
    let files = try Report(of: paths, title: "A <title> & \"more\"").write(to: page, drawsPNG: false)
    #expect(files == [page, runs.directory + "/page-figures", runs.directory + "/page-tables"])
    let reader = try Reader(page)
    #expect(reader.text.contains("A <title> & \"more\""))
    // Means 5.02 and 4.61; the difference is -0.41 with an error of 0.006, t is -68.333 with one degree of freedom.
    for number in ["5.020 ± 0.020", "4.610 ± 0.026", "-0.4100 ± 0.0060", "-68.333", "0.009", "lower, strong evidence"] {
      #expect(reader.text.contains(number), "\(number)")
    }
    // Losses fall by 3 in a line: DGA reaches 5.00 with 1 - 0.416 / 3 of the tokens, and 5.04 with 1 - 0.404 / 3.
    #expect(reader.text.contains("1.1583 ± 0.0027"))
    for path in paths { #expect(reader.text.contains(path)) }
    #expect(reader.text.contains(Self.odd) && !reader.elements.contains { $0.name == "b" })
    // A cell says which runs its mean is made of.
    #expect(reader.attributes("title").contains { $0 == "\(paths[2]): 4.584\n\(paths[3]): 4.636" })
    #expect(reader.attributes("title").contains { $0 == "\(paths[0])/metrics.jsonl, step 10" })
  }

  @Test("Every link leads somewhere, nothing is loaded, and whoever cannot see the figures is told of them")
  func links() throws {
    let runs = MadeUpRuns()
    let page = runs.directory + "/my page.html"
    _ = try Report(of: makeRuns(runs)).write(to: page, drawsPNG: false)
    let reader = try Reader(page)
    let identifiers = reader.attributes("id")
    #expect(Set(identifiers).count == identifiers.count)
    for target in reader.attributes("href") {
      let isThere =
        target.hasPrefix("#")
        ? identifiers.contains(String(target.dropFirst()))
        : FileManager.default.fileExists(atPath: runs.directory + "/" + (target.removingPercentEncoding ?? ""))
      #expect(isThere, "\(target)")
    }
    #expect(!reader.elements.contains { ["script", "link", "img", "iframe"].contains($0.name) })
    #expect(reader.attributes("src").isEmpty)
    let pictures = reader.elements.filter { $0.name == "svg" }
    #expect(pictures.count == 6, "two losses, weights, scores, shares, epochs")
    for picture in pictures {
      let named = picture.attributes["aria-labelledby"]?.split(separator: " ") ?? []
      #expect(named.count == 2 && named.allSatisfy { identifiers.contains(String($0)) })
    }
    #expect(reader.elements.filter { $0.name == "th" }.allSatisfy { $0.attributes["scope"] != nil })
    let figures = try FileManager.default.contentsOfDirectory(atPath: runs.directory + "/my page-figures")
    for figure in figures where figure.hasSuffix(".svg") {
      _ = try Reader("\(runs.directory)/my page-figures/\(figure)")
    }
  }

  @Test("The same runs give the same bytes, and a page of fewer figures takes away those of the one before")
  func repetition() throws {
    let runs = MadeUpRuns()
    let paths = try makeRuns(runs)
    let page = runs.directory + "/page.html"
    func files() throws -> [String: Data] {
      let names = try FileManager.default.subpathsOfDirectory(atPath: runs.directory).filter { $0.hasPrefix("page") }
      return names.reduce(into: [:]) { $0[$1] = FileManager.default.contents(atPath: "\(runs.directory)/\($1)") }
    }
    _ = try Report(of: paths).write(to: page, drawsPNG: false)
    let first = try files()
    _ = try Report(of: paths).write(to: page, drawsPNG: false)
    #expect(try files() == first)
    _ = try Report(of: [paths[0]]).write(to: page, drawsPNG: false)
    let names = try files().keys.filter { $0.hasSuffix(".svg") }.sorted()
    #expect(names == ["page-figures/train-1-loss-generic.svg", "page-figures/train-1-loss-target.svg"])
  }

  @Test("Figures are drawn by gnuplot, too")
  func png() throws {
    let runs = MadeUpRuns()
    _ = try Report(of: makeRuns(runs)).write(to: runs.directory + "/page.html")
    let figures = try FileManager.default.contentsOfDirectory(atPath: runs.directory + "/page-figures")
    #expect(figures.filter { $0.hasSuffix(".png") }.count == 6)
  }

  @Test("Files of somebody else are not replaced")
  func ownership() throws {
    let runs = MadeUpRuns()
    let paths = try makeRuns(runs)
    let page = runs.directory + "/page.html"
    try Data("<html>precious</html>".utf8).write(to: URL(filePath: page))
    let failure = try #require(throws: Failure.self) { try Report(of: paths).write(to: page, drawsPNG: false) }
    #expect(failure.kind == .cannotCreate && failure.message.contains("page.html was not written by dga report"))
    #expect(!FileManager.default.fileExists(atPath: runs.directory + "/page-figures"))
    let other = runs.directory + "/other-tables"
    try FileManager.default.createDirectory(atPath: other, withIntermediateDirectories: true)
    try Data("precious".utf8).write(to: URL(filePath: other + "/runs.csv"))
    let second = try #require(throws: Failure.self) {
      try Report(of: paths).write(to: runs.directory + "/other.html", drawsPNG: false)
    }
    #expect(second.kind == .cannotCreate && second.message.contains("other-tables/runs.csv"))
    #expect(!FileManager.default.fileExists(atPath: runs.directory + "/other.html"))
  }

  @Test("A study has a panel for each value of the axes that are not compared, and lists what failed")
  func study() throws {
    let runs = MadeUpRuns()
    var record = madeUpStudy()
    for run in record.runs {
      let method = run.point["method"]!, name = "study/" + run.directory
      _ = try runs.make(name, method: method, seed: Int(run.point["seed"]!)!, target: run.results["target_loss"]!)
    }
    record.runs[11].state = .failed
    record.runs[11].message = "The loss is <NaN>."
    let directory = runs.directory + "/study"
    try JSONEncoder().encode(record).write(to: URL(filePath: directory + "/study.json"))
    let page = runs.directory + "/page.html"
    _ = try Report(of: [directory]).write(to: page, drawsPNG: false)
    let reader = try Reader(page)
    for text in ["train, size small", "train, size large", "The loss is <NaN>.", "lower, evidence", directory] {
      #expect(reader.text.contains(text), "\(text)")
    }
    let tables = runs.directory + "/page-tables/"
    for (name, text) in StudyTable(record).csv where name == "summary.csv" {
      let file = try String(contentsOfFile: tables + name, encoding: .utf8)
      for line in text.split(separator: "\n") { #expect(file.contains(line)) }
    }
    #expect(throws: Failure.self) { try Report(of: []) }
    #expect(throws: Failure.self) { try Report(of: [runs.directory + "/none"]) }
  }
}
