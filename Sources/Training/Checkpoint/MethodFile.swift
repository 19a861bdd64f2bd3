import Failures
import Foundation
import Mixing
import Printing

/// The file of a checkpoint with the mixing method's state.
enum MethodFile {
  static let name = "method.json"

  /// Writes the state into a checkpoint's directory.
  static func write(_ mixture: Mixture, to directory: String) throws {
    func encode(_ method: some MixingMethod) throws -> Data { try JSON.state.data(method.state) }
    try encode(mixture.method).write(to: URL(fileURLWithPath: "\(directory)/\(name)"))
  }

  /// Goes on with the state of a checkpoint.
  ///
  /// - Throws: `Failure(.badData)` that names file and key if it is damaged, another method's, or of another corpus.
  static func read(_ mixture: inout Mixture, from directory: String) throws {
    struct File: MethodStateDecoder {
      let data: Data
      func decode<State: Decodable>(_ type: State.Type) throws -> State { try JSON.state.decode(type, from: data) }
    }
    let path = "\(directory)/\(name)"
    guard let text = FileManager.default.contents(atPath: path) else {
      throw Failure(.badData, "\(path) is missing or cannot be read.")
    }
    do {
      try mixture.restoreMethod(from: File(data: text))
    } catch let fault as StateFault {
      throw Failure(.badData, "\(path): the key \(fault.key) \(fault.problem).")
    } catch {
      throw Failure(.badData, "\(path) cannot be read: \(JSON.explanation(of: error))")
    }
    // Scores that overflowed are found by the method when it moves the weights.
    try StateText.check(text, of: path, measured: ["scores", "unit", "targets"])
  }
}
