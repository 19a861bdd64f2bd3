import Failures
import Foundation
import Printing

/// A page about runs and studies, with its figures and tables as files beside it.
public struct Report: Sendable {
  /// What a page says that we have written, so that it can be written again.
  static let generator = "dga report"

  private let title: String
  private let subjects: [ReportSubject]

  /// Reads run directories and directories of studies.
  ///
  /// - Parameter title: Of the page; nil is the study's, or `Runs`.
  /// - Parameter report: Called with a sentence about each run that is passed over.
  /// - Throws: `Failure` if there is nothing to show, or something cannot be read.
  public init(of paths: [String], title: String? = nil, reportingTo report: (String) -> Void = { _ in }) throws {
    guard !paths.isEmpty else { throw Failure(.usage, "At least one directory of a run or study is needed.") }
    let isStudy = { (path: String) in FileManager.default.fileExists(atPath: "\(path)/\(StudyRecord.fileName)") }
    let runs = paths.filter { !isStudy($0) }
    var subjects = try paths.filter(isStudy).map { try ReportSubject(study: $0, reportingTo: report) }
    if !runs.isEmpty { subjects.append(try ReportSubject(Plot.read(runs, reportingTo: report))) }
    self.subjects = subjects
    self.title = title ?? subjects.map(\.record.title).joined(separator: "; ")
  }

  /// Writes the page, and beside it the directories `NAME-figures` and `NAME-tables`.
  ///
  /// - Parameter drawsPNG: Whether figures are drawn as PNG, too, which needs gnuplot.
  /// - Returns: The paths of the page and the directories.
  /// - Throws: `Failure` if there are files in the way that we have not written, or something cannot be written.
  public func write(to page: String, drawsPNG: Bool = true) throws -> [String] {
    let gnuplot = drawsPNG ? try Gnuplot() : nil
    try Self.checkIsOurs(page)
    let stem = page.hasSuffix(".html") ? String(page.dropLast(5)) : page
    let (figures, tables) = ("\(stem)-figures", "\(stem)-tables")
    let reference = { (path: String) in
      URL(filePath: path).lastPathComponent.addingPercentEncoding(withAllowedCharacters: .urlPathAllowed) ?? ""
    }
    let content = try ReportPage(
      title: title, subjects: subjects, figuresDirectory: reference(figures), tablesDirectory: reference(tables),
      hasPNG: drawsPNG
    ).content()

    let kinds = drawsPNG ? ["svg", "png"] : ["svg"]
    let pictures = content.charts.flatMap { chart in kinds.map { "\(chart.name).\($0)" } }
    var sheets = Dictionary(content.tables.map { ("\($0.name).csv", $0.csv) }) { $1 }
    sheets.merge(content.files) { $1 }
    try OwnedFiles.take(pictures, in: figures)
    try OwnedFiles.take(sheets.keys.sorted(), in: tables)
    for chart in content.charts {
      try OwnedFiles.write(ChartDrawing(chart).svg(isFile: true).source, to: "\(figures)/\(chart.name).svg")
      _ = try gnuplot?.draw(chart.figure, as: ["png"], in: figures)
    }
    for (name, text) in sheets { try OwnedFiles.write(text, to: "\(tables)/\(name)") }
    try OwnedFiles.write(content.source, to: page)
    try OwnedFiles.keep(only: pictures, in: figures)
    try OwnedFiles.keep(only: Array(sheets.keys), in: tables)
    return [page, figures, tables]
  }

  /// - Throws: `Failure(.cannotCreate)` if there is a file that is no page of ours.
  private static func checkIsOurs(_ page: String) throws {
    guard FileManager.default.fileExists(atPath: page) else { return }
    let file = FileHandle(forReadingAtPath: page)
    let start = String(decoding: (try? file?.read(upToCount: 1000)) ?? Data(), as: UTF8.self)
    guard start.contains("name=\"generator\" content=\"\(generator)\"") else {
      throw Failure(
        .cannotCreate, "\(page) was not written by dga report, so it is not replaced; choose another name.")
    }
  }
}
