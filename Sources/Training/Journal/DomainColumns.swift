import Foundation
import Storage

/// Whole columns of a run, a number for each domain in the order of the corpus: `columns/step-00001000/weights.npy` and
/// others in NumPy's format.
struct DomainColumns {
  private let path: String

  /// Makes the directory for the columns after a step.
  ///
  /// - Throws: `Failure(.cannotCreate)` with the system's reason.
  init(of run: String, after step: Int) throws {
    path = run + "/" + Self.directoryName + String(format: "/step-%08d", step)
    _ = try OutputDirectory.createDirectories(path)
  }

  static let directoryName = "columns"

  /// Writes a column: Doubles, with NaN where nothing is known, or whole numbers as Int64.
  ///
  /// - Throws: `Failure(.inputOutput)` with the system's reason.
  func write<Element: NumPyStorable>(_ values: [Element], to name: String) throws {
    var writer = try NumPyWriter<Element>(path: "\(path)/\(name).npy", shape: [values.count])
    try writer.write(values.span)
    try writer.finish()
  }
}
