import Printing

extension StudyTable {
  /// For a terminal: the tables of each stage, then the runs without results.
  public var text: String {
    var parts = stages.flatMap { [summary(of: $0).table] + [differences(of: $0)].compactMap(\.self) }.map(\.text)
    if let missing = missingRuns { parts.append(missing.text) }
    return parts.joined(separator: "\n")
  }

  /// The files of a study's directory, by name: `runs.csv` has a row per run, `summary.csv` one per stage, point and
  /// result.
  public var csv: [String: String] { ["runs.csv": runsCSV, "summary.csv": summaryCSV] }

  /// More columns of results than a page has room for are rows instead.
  private static let columns = 14

  /// Means and standard errors of a stage's points, a row each; or one for each point and result, if there are many
  /// results.
  ///
  /// - Returns: The table and the point of each of its rows.
  func summary(of stage: Stage) -> (table: Table, rows: [Row]) {
    let points = stage.rows.map { row in stage.axes.map { Table.Cell(row.point[$0] ?? "-") } }
    let title = "\(stage.name): means ± standard errors over seeds"
    let name = "\(stage.name)-results"
    guard stage.results.count > Self.columns else {
      var table = Table(
        name, title, columns: stage.axes + ["seeds"] + stage.results.map(ResultName.title),
        headings: stage.axes.count, note: ResultName.explanation(of: stage.results))
      table.rows = zip(stage.rows, points).map { row, point in
        point + [Table.Cell(row.runs.count)] + stage.results.map { cell(of: row, $0) }
      }
      return (table, stage.rows)
    }
    var table = Table(
      name, title, columns: stage.axes + ["result", "seeds", "mean"], headings: stage.axes.count + 1,
      note: ResultName.explanation(of: stage.results))
    var rows: [Row] = []
    for (row, point) in zip(stage.rows, points) {
      for name in stage.results where row.results[name] != nil {
        let heading = Table.Cell(ResultName.title(name), value: name)
        table.rows.append(point + [heading, Table.Cell(row.runs.count), cell(of: row, name)])
        rows.append(row)
      }
    }
    return (table, rows)
  }

  private func cell(of row: Row, _ name: String) -> Table.Cell {
    let estimate = row.results[name]
    let isPartial = estimate.map { $0.count < row.runs.count } ?? false
    let text = NumberText.estimate(estimate) + (isPartial ? " (\(estimate!.count) of \(row.runs.count))" : "")
    return Table.Cell(estimate?.mean, text, source: source(of: row.runs, name))
  }

  /// The differences of a stage's points from the baseline; nil if nothing is compared in it.
  func differences(of stage: Stage) -> Table? {
    guard let comparison = record.comparison, stage.rows.contains(where: { !$0.differences.isEmpty }) else {
      return nil
    }
    var table = Table(
      "\(stage.name)-differences",
      "\(stage.name): differences from \(comparison.axis) = \(comparison.baseline), paired by seed",
      columns: stage.axes + ["result", "difference", "t", "p", "pairs", "verdict"], headings: stage.axes.count + 1,
      note: "± is the standard error over pairs; p is two-sided by Student's t with one degree of freedom less than "
        + "pairs, and is not corrected for the number of comparisons.")
    for row in stage.rows {
      for name in stage.results {
        guard let paired = row.differences[name] else { continue }
        table.rows.append(
          stage.axes.map { Table.Cell(row.point[$0] ?? "-") } + [
            Table.Cell(ResultName.title(name), value: name),
            Table.Cell(
              paired.difference.mean, NumberText.estimate(paired.difference), source: source(of: row.runs, name)),
            Table.Cell(paired.t, paired.t.map { NumberText.plain($0) } ?? "-"),
            Table.Cell(paired.p, NumberText.probability(paired.p)), Table.Cell(paired.difference.count),
            Table.Cell(paired.certainty),
          ])
      }
    }
    return table
  }

  /// Sentences on the losses on the target and on accuracies, one for each point that has a baseline.
  var findings: [String] {
    let shown = ["target_loss", "accuracy"]
    guard let comparison = record.comparison else { return [] }
    return stages.flatMap { stage in
      stage.rows.flatMap { row in
        let others = stage.axes.filter { $0 != comparison.axis }
        let point = others.compactMap { axis in row.point[axis].map { "\(axis) \($0)" } }
        let subject = ((stages.count > 1 ? [stage.name] : []) + point + [row.point[comparison.axis] ?? "-"]).joined(
          separator: ", ")
        return shown.filter { row.differences[$0] != nil }.map { name in
          let paired = row.differences[name]!
          let difference = NumberText.estimate(paired.difference)
          let sure = paired.p.map { "p \($0 < 0.001 ? "" : "= ")\(NumberText.probability($0)), " } ?? ""
          return "\(subject): \(ResultName.title(name)) \(NumberText.estimate(row.results[name])), difference from "
            + "\(comparison.baseline) \(difference) (\(Words.count(paired.difference.count, "pair")), \(sure)"
            + "\(paired.certainty))."
        }
      }
    }
  }

  /// The runs without results; nil if there is none.
  var missingRuns: Table? {
    guard !incomplete.isEmpty else { return nil }
    var table = Table("missing", "Runs without results", columns: ["run", "state", "message"], headings: 1)
    for run in incomplete {
      table.rows.append([run.name, run.state.rawValue, run.message ?? ""].map { Table.Cell($0) })
    }
    return table
  }

  /// The run directories whose values a cell is made of, with the values.
  private func source(of runs: [StudyRecord.Run], _ result: String) -> String? {
    let parts = runs.compactMap { run in run.results[result].map { "\(run.directory): \($0)" } }
    return parts.isEmpty ? nil : parts.joined(separator: "\n")
  }

  private var runsCSV: String {
    let axes = record.axes.map(\.name)
    let results = ResultName.inOrder(Set(stages.flatMap(\.results)))
    let rows = record.runs.map { run in
      [run.stage, run.name] + axes.map { run.point[$0] ?? "" } + [run.state.rawValue, run.directory]
        + results.map { name in run.state == .complete ? run.results[name].map { "\($0)" } ?? "" : "" }
        + [run.message ?? ""]
    }
    return CSV.text([["stage", "run"] + axes + ["state", "directory"] + results + ["message"]] + rows)
  }

  private var summaryCSV: String {
    let axes = record.axes.map(\.name).filter { $0 != Self.repetition }
    func number(_ value: Double?) -> String { value.map { "\($0)" } ?? "" }
    var rows = [
      ["stage"] + axes + ["result", "seeds", "mean", "standard_error", "baseline", "pairs", "difference"]
        + ["difference_standard_error", "t", "p"]
    ]
    for stage in stages {
      for row in stage.rows {
        for name in stage.results {
          guard let estimate = row.results[name] else { continue }
          let paired = row.differences[name]
          rows.append(
            [stage.name] + axes.map { row.point[$0] ?? "" } + [name, "\(estimate.count)", number(estimate.mean)]
              + [number(estimate.standardError), paired == nil ? "" : record.comparison?.baseline ?? ""]
              + [paired.map { "\($0.difference.count)" } ?? "", number(paired?.difference.mean)]
              + [number(paired?.difference.standardError), number(paired?.t), number(paired?.p)])
        }
      }
    }
    return CSV.text(rows)
  }
}
