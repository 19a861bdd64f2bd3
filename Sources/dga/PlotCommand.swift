import ArgumentParser
import Printing
import Reporting

/// Shows runs beside each other.
struct PlotCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "plot", abstract: "Compare runs: a table, and losses and weights as SVG and PNG.")

  @Argument(help: "Run directories.")
  var runs: [String]

  @Option(name: .shortAndLong, help: "The directory for the pictures; without it there is only the table.")
  var output: String?

  func run() throws {
    let records = try Plot.read(runs) { Console.note("note: \($0)") }
    try Console.print(RunComparison(records).text)
    guard let output else { return }
    let files = try Plot.draw(records, output: output)
    try Console.print("\nPictures: " + files.joined(separator: ", "))
  }
}
