import Failures
import Foundation
import Kernels
import Printing
import Reporting
import Storage

/// A grid of runs that is made as far as it is not there yet.
public struct Study {
  private let plan: StudyPlan
  private let requests: StudyRequests
  /// The runs as they are in the directory.
  public private(set) var record: StudyRecord
  private var firstFailure: Failure.Kind?

  /// Works out a study, and looks what of it is there; writes nothing.
  ///
  /// - Parameter parse: Checks the arguments of dga's commands.
  /// - Throws: `Failure`: `.badConfiguration` and others, if runs are not possible; `.cannotCreate` if the directory
  ///   belongs to somebody else.
  public init(_ description: StudyDescription, parse: @escaping ([String]) throws -> Void) throws {
    plan = try StudyPlan(description)
    try StudyFiles.checkOwner(description.directory)
    requests = try StudyRequests(plan, parse: parse)
    var axes = description.axes
    for axis in description.stages.flatMap(\.own) where !axes.contains(where: { $0.name == axis.name }) {
      axes.append(axis)
    }
    let requests = requests
    record = StudyRecord(
      title: description.title,
      axes: axes.map { StudyRecord.Axis(name: $0.name, values: $0.values.map(\.label)) },
      stages: description.stages.map(\.name), comparison: description.comparison,
      runs: plan.runs.map { run in
        let (state, message, results) = StudyFiles.state(
          of: run, wanted: requests[run].text, in: description.directory)
        return StudyRecord.Run(
          name: run.name, stage: run.stage.name, point: run.point, directory: "runs/\(run.name)", state: state,
          message: message, buildsOn: run.buildsOn, results: results)
      })
  }

  /// Makes the runs that are not complete.
  ///
  /// - Parameter rerun: Whether runs that were made with other settings are made anew; what they have left is moved to
  ///   the directory `replaced`.
  /// - Throws: `Failure`: `.cannotCreate` if another process is at work on the study, `.preempted` after a signal.
  public mutating func run(rerun: Bool) throws {
    let files = try StudyFiles(at: plan.description.directory)
    if rerun {
      for (index, run) in record.runs.enumerated() where run.state == .changed {
        try files.setAside(plan.runs[index])
        (record.runs[index].state, record.runs[index].message) = (.waiting, nil)
      }
    }
    for (index, run) in record.runs.enumerated() where run.state == .waiting {
      guard let missing = run.buildsOn.first(where: { isChanged($0) }) else { continue }
      record.runs[index].state = .blocked
      record.runs[index].message = "It builds on \(missing), which was made with other settings."
    }
    var runner = StudyRunner(plan, requests, record, in: files)
    record = try runner.run()
    firstFailure = runner.firstFailure
  }

  /// The directory that the study writes.
  public var directory: String { plan.description.directory }

  /// Writes tables and the page of the study: `runs.csv`, `summary.csv` and `report.html` with its figures.
  ///
  /// - Returns: Their paths.
  /// - Throws: `Failure` if something cannot be written.
  public func tabulate() throws -> [String] {
    let table = try StudyTable(record, in: directory)
    var files: [String] = []
    for (name, text) in table.csv.sorted(by: { $0.key > $1.key }) {
      try DurableFile.replace("\(directory)/\(name)", with: Data(text.utf8))
      files.append("\(directory)/\(name)")
    }
    guard record.runs.contains(where: { $0.state == .complete && $0.results["target_loss"] != nil }) else {
      return files
    }
    return files + (try Report(of: [directory], title: record.title).write(to: "\(directory)/report.html").prefix(1))
  }

  /// What is to be said at the end if not all runs are complete; nil if they are.
  public var failure: Failure? {
    let rest = record.runs.count { $0.state != .complete }
    guard rest > 0 else { return nil }
    let changed = record.runs.count { $0.state == .changed }
    let remedy =
      changed > 0
      ? "\(Words.count(changed, "run")) had other settings: --rerun makes them anew, another `directory` keeps both."
      : "The table lists them; the same command tries them again."
    return Failure(
      firstFailure ?? .badConfiguration, "\(rest) of \(record.runs.count) runs have no results. \(remedy)")
  }

  private func isChanged(_ name: String) -> Bool {
    record.runs.contains { $0.name == name && [.changed, .blocked].contains($0.state) }
  }

  /// The runs and their price, for people.
  ///
  /// - Parameter rate: The floating-point operations per second that all runs side by side make together.
  public func outlook(rate: Double) -> String {
    var table = TextTable(["stage", "runs", "complete", "tokens per run", "tokens to come", "PFLOP to come", "hours"])
    var total = 0.0
    for stage in plan.description.stages {
      let runs = plan.runs.indices.filter { plan.runs[$0].stage.name == stage.name }
      let coming = runs.filter { record.runs[$0].state != .complete }
      let prices = runs.map { requests[plan.runs[$0]] }
      let tokens = prices.compactMap(\.price?.tokens)
      let operations = coming.reduce(0) { $0 + (requests[plan.runs[$1]].price?.operations ?? 0) }
      total += operations
      let isKnown = prices.allSatisfy { $0.price != nil }
      let span = tokens.min() == tokens.max() ? "\(tokens.first ?? 0)" : "\(tokens.min()!) to \(tokens.max()!)"
      table.append([
        stage.name, "\(runs.count)", "\(runs.count - coming.count)", tokens.isEmpty ? "-" : span,
        isKnown ? "\(coming.reduce(0) { $0 + (requests[plan.runs[$1]].price?.tokens ?? 0) })" : "-",
        isKnown ? String(format: "%.3g", operations / 1e15) : "-",
        isKnown ? String(format: "%.2g", operations / rate / 3600) : "-",
      ])
    }
    let axes = record.axes.map { "\($0.name): \($0.values.joined(separator: ", "))\n" }
    var lines = ["\(record.title), in \(directory)\n"] + axes + ["\n", table.text]
    for run in record.runs where run.state == .changed { lines.append("changed: \(run.name): \(run.message ?? "")\n") }
    lines.append(
      "About \(Words.time(total / rate)) for what is to come, at \(String(format: "%.0f", rate / 1e9)) GFLOP/s; "
        + "measurements, evaluations and stages without a number come on top.")
    return lines.joined()
  }

  /// The floating-point operations per second that runs side by side can be expected to make together on this machine.
  public var expectedRate: Double {
    let cores = ProcessInfo.processInfo.activeProcessorCount
    let busy = min(cores, plan.description.jobs * plan.description.ranks)
    // Small models reach about half of what a large matrix product does.
    return 0.5 * Double(busy) * BLAS.measureCeiling(seconds: 0.2)
  }
}
