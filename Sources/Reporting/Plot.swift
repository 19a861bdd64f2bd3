import Failures
import Foundation

/// Pictures and a table of runs: the losses of all, the weights of those whose weights move with the scores that they
/// follow, and what each domain got.
public enum Plot {
  /// Draws runs as `losses`, `weights`, `scores` and `domains`, each as SVG and PNG, into a directory that is created
  /// if needed.
  ///
  /// - Returns: The paths of the files written.
  /// - Throws: `Failure` if a run cannot be read, gnuplot is not installed or the directory cannot be written.
  public static func draw(runs: [String], output: String) throws -> [String] {
    try draw(read(runs), output: output)
  }

  /// Draws runs that have been read.
  ///
  /// - Throws: `Failure` if gnuplot is not installed or the directory cannot be written.
  public static func draw(_ runs: [RunRecord], output: String) throws -> [String] {
    let gnuplot = try Gnuplot()
    let figures = [
      LossFigure(runs).figure, WeightFigure(runs)?.figure, ScoreFigure(runs)?.figure, DomainFigure(runs)?.figure,
    ]
    .compactMap(\.self)
    try OwnedFiles.take(figures.flatMap { gnuplot.files(of: $0) }, in: output)
    return try figures.flatMap { try gnuplot.draw($0, in: output) }
  }

  /// Reads runs, each named by its directory; passes over those that have nothing to show yet, and those that are
  /// named twice.
  ///
  /// - Parameter report: Called with a sentence about each run that is passed over.
  /// - Throws: `Failure` if no run is left, or one cannot be read.
  public static func read(_ runs: [String], reportingTo report: (String) -> Void = { _ in }) throws -> [RunRecord] {
    guard !runs.isEmpty else { throw Failure(.usage, "At least one run directory is needed.") }
    var records: [RunRecord] = []
    var names: [String: String] = [:]
    var empty: Failure?
    for run in runs {
      let place = URL(fileURLWithPath: run).resolvingSymlinksInPath().standardizedFileURL.path
      if let first = names.updateValue(run, forKey: place) {
        report("\(run) is the same run as \(first), so it is shown once.")
        continue
      }
      do {
        records.append(try RunRecord(at: run))
      } catch let failure as Failure where failure.kind == .missingInput && FileManager.default.fileExists(atPath: run)
      {
        empty = failure
        report(failure.message)
      }
    }
    if records.isEmpty, let empty { throw empty }
    return records
  }
}
