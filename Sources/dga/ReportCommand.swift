import ArgumentParser
import Printing
import Reporting

/// Shows runs and studies on a page.
struct ReportCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "report", abstract: "Show runs and studies on one HTML page: figures, and tables with errors.",
    discussion: """
      The page needs no network and no other file. Beside page.html the directories page-figures and page-tables hold \
      each figure as SVG and PNG and each table as CSV.
      """)

  @Argument(help: "Directories of runs and of studies.")
  var directories: [String]

  @Option(name: .shortAndLong, help: "The page, such as page.html.")
  var output: String

  @Option(help: "The page's title; if not given, that of the study.")
  var title: String?

  @Flag(help: "Leave out the PNG files, which gnuplot draws.")
  var withoutPng = false

  func run() throws {
    let report = try Report(of: directories, title: title) { Console.note("note: \($0)") }
    let files = try report.write(to: output, drawsPNG: !withoutPng)
    try Console.print("Page: \(files[0]); beside it " + files.dropFirst().joined(separator: " and "))
  }
}
