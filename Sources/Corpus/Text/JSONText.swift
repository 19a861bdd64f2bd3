import Foundation

/// The text of one line of JSON.
enum JSONText {
  /// Why a line gives no text.
  struct Fault: Error {
    let problem: String
  }

  /// Reads the string under a key of a JSON object.
  static func value(of key: String, in line: [UInt8]) throws(Fault) -> String {
    let object: Any
    do {
      object = try JSONSerialization.jsonObject(with: Data(line))
    } catch {
      throw Fault(problem: "The line is not well-formed JSON.")
    }
    guard let object = object as? [String: Any] else {
      throw Fault(problem: "The line is JSON, but not an object with the key '\(key)'.")
    }
    guard let value = object[key] else {
      let keys = object.keys.sorted().prefix(10).map { "'\($0)'" }.joined(separator: ", ")
      throw Fault(
        problem: "The object has no key '\(key)', but \(keys.isEmpty ? "none at all" : keys); "
          + "'field' in the recipe names the key of the text.")
    }
    guard let text = value as? String else { throw Fault(problem: "The value of '\(key)' is not a string.") }
    return text
  }
}
