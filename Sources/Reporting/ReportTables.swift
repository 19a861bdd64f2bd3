import Configuration
import Foundation
import Printing

/// The tables of a section of a report, besides those of `StudyTable`.
struct ReportTables: Sendable {
  let subject: ReportSubject
  /// What the names of their files begin with.
  let prefix: String

  /// The keys that differ between runs, a row for each value.
  ///
  /// - Throws: `Failure` if a configuration is malformed.
  func differences() throws -> Table? {
    let rows = try settings.differing
    guard !rows.isEmpty else { return nil }
    var table = Table(
      prefix + "configuration", "What differs between the runs", columns: ["key", "value", "runs"], headings: 2)
    for row in rows {
      table.rows.append([Table.Cell(row.path), Table.Cell(row.value), references(to: row.runs)])
    }
    return table
  }

  /// The keys that all runs share.
  ///
  /// - Throws: `Failure` if a configuration is malformed.
  func shared() throws -> Table? {
    let rows = try settings.shared
    guard !rows.isEmpty else { return nil }
    var table = Table(prefix + "shared", "What all runs share", columns: ["key", "value"], headings: 2)
    for row in rows { table.rows.append([Table.Cell(row.path), Table.Cell(row.value)]) }
    return table
  }

  private typealias Leaf = (path: String, value: String)

  private var settings: (differing: [(path: String, value: String, runs: [Int])], shared: [Leaf]) {
    get throws {
      var order: [String] = []
      var values: [String: [(value: String, runs: [Int])]] = [:]
      let known = subject.record.runs.enumerated().filter { subject.runs[$1.name] != nil }
      for (number, run) in known {
        let record = subject.runs[run.name]!
        for leaf in try Section.leaves(of: record.settings) + [("seed", "\(record.seed)")] {
          if values[leaf.path] == nil { order.append(leaf.path) }
          var entries = values[leaf.path] ?? []
          if let place = entries.firstIndex(where: { $0.value == leaf.value }) {
            entries[place].runs.append(number)
          } else {
            entries.append((leaf.value, [number]))
          }
          values[leaf.path] = entries
        }
      }
      let isShared = { (path: String) in values[path]!.count == 1 && values[path]![0].runs.count == known.count }
      return (
        order.filter { !isShared($0) }.flatMap { path in values[path]!.map { (path, $0.value, $0.runs) } },
        order.filter(isShared).map { ($0, values[$0]![0].value) }
      )
    }
  }

  /// What the points of a stage cost in tokens and time; nil without metrics.
  func cost(of stage: StudyTable.Stage) -> Table? {
    var table = Table(
      "\(prefix)\(ReportSubject.slug(stage.name))-cost", "\(stage.name): cost, means ± standard errors over seeds",
      columns: stage.axes + ["training tokens", "probe tokens", "seconds", "for measuring", "runs"],
      headings: stage.axes.count,
      note: "Probe tokens are read to measure domains and target. Seconds are those of all steps; evaluations and "
        + "checkpoints are not counted. For measuring: the share of these seconds that steps spent on it.")
    for row in stage.rows {
      let runs = row.runs.compactMap { subject.runs[$0.name] }
      guard !runs.isEmpty else { continue }
      let last = { (run: RunRecord) in run.evaluations[run.evaluations.count - 1] }
      let share = Estimate(runs.map { 100 * $0.time.overheadShare })
      let cells = [
        Estimate(runs.map { Double(last($0).tokens) }), Estimate(runs.map { Double($0.probeTokens(at: last($0))) }),
        Estimate(runs.map(\.time.total)),
      ].map { Table.Cell($0?.mean, NumberText.estimate($0)) }
      table.rows.append(
        stage.axes.map { Table.Cell(row.point[$0] ?? "-") } + cells
          + [Table.Cell(share?.mean, NumberText.estimate(share, most: 2) + " %"), references(to: row)])
    }
    return table.rows.isEmpty ? nil : table
  }

  /// What the domains of a panel got; nil without records of it.
  func domains(of panel: ReportPanel) -> Table? {
    let groups = panel.groups.filter { group in group.runs.contains { !$0.domains.isEmpty } }
    guard !groups.isEmpty else { return nil }
    var table = Table(
      "\(panel.name)-domains", "\(panel.title): what each domain got, means over seeds",
      columns: ["compared", "domain", "asked for (%)", "drawn (%)", "epochs", "last weight (%)", "last score"],
      headings: 2,
      note: "Shares are of the sequences of the whole run; ± is the standard error over seeds. A score of 1 is the "
        + "target's own text.")
    for group in groups {
      let shares = group.runs.map(\.shares)
      for domain in group.leaders(.max) {
        let estimates = [
          Estimate(shares.compactMap { $0.requested[domain].map { 100 * $0 } }),
          Estimate(shares.compactMap { $0.achieved[domain].map { 100 * $0 } }),
          group.estimate { $0.domains.last?.epochs[domain] },
          group.estimate { $0.mixtures.last?.weights[domain].map { 100 * $0 } },
          group.estimate { $0.mixtures.last?.score(domain) },
        ]
        table.rows.append(
          [Table.Cell(group.label), Table.Cell(domain)]
            + estimates.map { Table.Cell($0?.mean, NumberText.estimate($0)) })
      }
    }
    return table
  }

  /// Every run with its directory, and where its numbers stand.
  var list: Table {
    var table = Table(
      prefix + "directories", "Runs",
      columns: ["run", "name", "directory", "state", "last evaluation", "target loss", "generic loss"], headings: 3,
      note: "The losses are target and generic of the last line of the kind evaluation in the file metrics.jsonl "
        + "of the directory; settings are in its config.yaml."
        + (subject.directory.map { " Directories are relative to that of the study, \($0)." } ?? ""))
    for (number, run) in subject.record.runs.enumerated() {
      let last = subject.runs[run.name]?.evaluations.last
      let source = last.map { "\(run.directory)/metrics.jsonl, step \($0.step ?? 0)" }
      table.rows.append([
        Table.Cell("\(number + 1)"), Table.Cell(run.name), Table.Cell(run.directory),
        Table.Cell(run.state.rawValue),
        last?.step.map { Table.Cell(Double($0), "step \(NumberText.grouped($0))") } ?? Table.Cell("-", value: ""),
        Table.Cell(last?.target, last.map { String(format: "%.4f", $0.target) } ?? "-", source: source),
        Table.Cell(last?.generic, last.map { String(format: "%.4f", $0.generic) } ?? "-", source: source),
      ])
    }
    return table
  }

  // MARK: References to runs

  /// A table of a stage with its runs in a last column.
  func withRuns(_ table: Table, _ rows: [StudyTable.Row]) -> Table {
    var result = Table(
      prefix + ReportSubject.slug(table.name), table.title, columns: table.columns + ["runs"],
      headings: table.headings, note: table.note)
    result.rows = zip(table.rows, rows).map { $0 + [references(to: $1)] }
    return result
  }

  private func references(to row: StudyTable.Row) -> Table.Cell {
    let names = Set(row.runs.map(\.name))
    return references(to: subject.record.runs.indices.filter { names.contains(subject.record.runs[$0].name) })
  }

  private func references(to numbers: [Int]) -> Table.Cell {
    var cell = Table.Cell(numbers.map { "\($0 + 1)" }.joined(separator: " "))
    cell.links = numbers.map { ("\($0 + 1)", anchor($0)) }
    return cell
  }

  /// The place of a run in the page.
  func anchor(_ number: Int) -> String { "\(prefix)run-\(number + 1)" }
}
