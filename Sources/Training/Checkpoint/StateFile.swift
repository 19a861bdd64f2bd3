import Columns
import Failures
import Foundation
import Mixing
import Printing
import Storage

/// A file of a checkpoint with a state as JSON; its long columns are in a file of the same name that ends with
/// `.columns`.
struct StateFile {
  private let base: String

  /// Names the file `name` `.json` of a checkpoint's directory.
  init(_ name: String, in directory: String) { base = "\(directory)/\(name)" }

  /// The JSON file.
  var path: String { base + ".json" }
  private var columnsPath: String { base + ".columns" }

  /// Writes a state.
  ///
  /// - Throws: `Failure`: `.cannotCreate`, `.inputOutput`.
  func write(_ state: some Encodable) throws {
    var columns: [UInt8] = []
    let writer = ColumnWriter { columns += $0 }
    let text = try JSON.state.data(state, userInfo: [.columns: writer])
    try text.write(to: URL(fileURLWithPath: path))
    guard !columns.isEmpty else { return }
    var file = try OutputFile(columnsPath)
    try file.write(columns)
    _ = try file.finish()
  }

  /// Reads a state with `decode`, and checks every number in its text.
  ///
  /// - Parameter measured: The keys of the top level below which a measurement may have overflowed.
  /// - Throws: `Failure(.badData)` that names file and key.
  func read<Result>(measured: Set<String>, _ decode: (Content) throws -> Result) throws -> Result {
    guard let text = FileManager.default.contents(atPath: path) else {
      throw Failure(.badData, "\(path) is missing or cannot be read.")
    }
    let columns = FileManager.default.fileExists(atPath: columnsPath) ? try MappedFile(columnsPath) : nil
    let result: Result
    do {
      result = try decode(Content(text: text, columns: columns))
    } catch let fault as StateFault {
      throw Failure(.badData, "\(path): the key \(fault.key) \(fault.problem).")
    } catch let error as DecodingError {
      throw Failure(.badData, "\(path) cannot be read: \(JSON.explanation(of: error))")
    }
    try StateText.check(text, of: path, measured: measured)
    return result
  }

  /// What is in the files.
  struct Content {
    fileprivate let text: Data
    fileprivate let columns: MappedFile?

    /// Decodes the state.
    ///
    /// - Throws: `DecodingError`.
    func decode<State: Decodable>(_ type: State.Type) throws -> State {
      guard let columns else { return try JSON.state.decode(type, from: text) }
      return try columns.withBytes { bytes in
        try JSON.state.decode(type, from: text, userInfo: [.columns: ColumnReader(bytes)])
      }
    }
  }
}
