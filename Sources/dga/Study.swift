import ArgumentParser
import Failures
import Printing
import Reporting
import Studies

/// Makes a grid of runs.
struct StudyCommand: Stoppable {
  static let configuration = CommandConfiguration(
    commandName: "study",
    abstract: "Make a grid of runs, methods by seeds by settings, and tabulate them; goes on where it stopped.",
    discussion: """
      Complete runs are not repeated, and a run that fails does not stop the others. docs/studies.md describes the file.
      """)

  @Argument(help: "The study, YAML or JSON.")
  var file: String

  @Argument(help: "Changes to the study, such as jobs=4.")
  var overrides: [String] = []

  @Flag(help: "Check every run, show the grid and what it will cost, and stop.")
  var dryRun = false

  @Flag(help: "Take the settings under the file's key `quick` in the place of others.")
  var quick = false

  @Flag(help: "Make runs anew whose settings have changed; what they have left is moved to `replaced` in the study.")
  var rerun = false

  @Flag(help: "End with one JSON object on standard output: the study's record.")
  var json = false

  func run() throws {
    let description = try StudyDescription(contentsOf: file, overrides: overrides, isQuick: quick)
    var study = try Study(description) { arguments in
      do {
        _ = try DGA.parseAsRoot(arguments)
      } catch {
        throw Failure(.usage, DGA.message(for: error))
      }
    }
    if dryRun {
      try Console.print(study.outlook(rate: study.expectedRate))
      return
    }
    Console.note(study.outlook(rate: study.expectedRate))
    try study.run(rerun: rerun)
    try Console.print(json ? JSON.line.text(study.record) : StudyTable(study.record, in: study.directory).text)
    do {
      Console.note("Tables and page: " + (try study.tabulate()).joined(separator: ", "))
    } catch let failure as Failure {
      Console.note("warning: \(failure.message)")
    }
    if let failure = study.failure { throw failure }
  }
}
