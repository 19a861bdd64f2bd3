import Failures
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
    // A file of that name is whole.
    let unfinished = "\(path)/.\(name).npy"
    var writer = try NumPyWriter<Element>(path: unfinished, shape: [values.count])
    try writer.write(values.span)
    try writer.finish()
    guard rename(unfinished, "\(path)/\(name).npy") == 0 else {
      throw Failure(.inputOutput, "\(unfinished) cannot be renamed: \(String(cString: strerror(errno))).")
    }
  }

  /// Removes the columns of later steps, which a run that goes back has not made yet.
  static func remove(of run: String, after step: Int) {
    let directory = "\(run)/\(directoryName)"
    for name in (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? [] {
      guard name.hasPrefix("step-"), let found = Int(name.dropFirst(5)), found > step else { continue }
      try? FileManager.default.removeItem(atPath: "\(directory)/\(name)")
    }
  }
}
