import ArgumentParser
import Foundation
import Liveness
import MPI
import Printing
import Training

/// Measures how a run's domains align with its target; under `mpirun`, on all ranks.
struct Align: Stoppable {
  static let configuration = CommandConfiguration(
    abstract: "Show which domains are worth more than the average for the target, at a run's latest checkpoint.",
    usage: "mpirun -np N dga align RUN [key.path=value ...] [--repeat R] [--json]")

  @Argument(help: ArgumentHelp("The run directory.", valueName: "run"))
  var directory: String

  @Argument(
    help: "Changes to its configuration, such as mixture.estimator=ghost, mixture.probe.sequences=32 or target=other.")
  var overrides: [String] = []

  @Option(
    name: .customLong("repeat"),
    help: "Measure so many times, each time on other text; at least 2 for errors with the target's own noise in them.")
  var repetitions = 4

  @Flag(help: "Print one JSON object instead of a table.")
  var json = false

  func validate() throws {
    if !(1...100_000).contains(repetitions) { throw ValidationError("--repeat is from 1 to 100000.") }
  }

  func run() throws {
    try Ranks.run(watchedBy: Watchdog.Policy()) { world, _ in
      let survey = try AlignmentSurvey(of: directory, overrides: overrides, repetitions: repetitions, over: world)
      try world.agree {
        guard world.rank == 0 else { return }
        try Console.print(json ? JSON.line.text(survey) + "\n" : Self.text(survey), terminator: "")
      }
    }
  }

  /// The domains, the best aligned first.
  private static func text(_ survey: AlignmentSurvey) -> String {
    func number(_ value: Double?) -> String { value.map { String(format: "%.4f", $0) } ?? "-" }
    var table = TextTable(["domain", "score", "+-", "weight", "worth, at 95 %"])
    for domain in survey.domains.sorted(by: { ($0.score ?? -.infinity) > ($1.score ?? -.infinity) }) {
      table.append([
        domain.name, number(domain.score), number(domain.standard_error), number(domain.weight),
        domain.worth.map { "\($0.rawValue) than the average" } ?? "",
      ])
    }
    return table.text
      + "\nAfter step \(survey.step), by \(survey.estimator), each time on \(survey.target_sequences) sequences of the "
      + "target and \(survey.sequences) of the domains; the target's own score is 1.\n\(survey.finding)\n"
  }
}
