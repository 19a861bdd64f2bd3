import Failures
import Foundation

/// A check of every number in the text of a state, with its key.
///
/// A checksum says that a file is what was written, not that it makes sense. Numbers that no run has are found here,
/// whatever they are for: not finite, or so large that sums and products with them overflow.
struct StateText {
  /// What the magnitude of a number with a fraction or an exponent is below, and that of a whole one (2^53).
  private static let limit = 1e100, limitOfWhole = 9_007_199_254_740_992.0

  private let path: String
  /// The keys of the top level below which a measurement may have overflowed.
  private let measured: Set<String>
  private let bytes: [UInt8]
  private var position = 0
  private var keys: [Key] = []

  private enum Key {
    case name(String), place(Int)
  }

  /// Checks a well-formed JSON text.
  ///
  /// - Parameters:
  ///   - path: The file, for messages.
  ///   - measured: The keys of the top level below which `inf` and `nan` are expected and dealt with.
  /// - Throws: `Failure(.badData)` that names file and key.
  static func check(_ text: Data, of path: String, measured: Set<String>) throws {
    var text = StateText(path: path, measured: measured, bytes: Array(text))
    try text.value()
  }

  private init(path: String, measured: Set<String>, bytes: [UInt8]) {
    (self.path, self.measured, self.bytes) = (path, measured, bytes)
  }

  private mutating func value() throws {
    skipSpace()
    guard position < bytes.count else { return }
    switch bytes[position] {
    case UInt8(ascii: "{"): try members(until: UInt8(ascii: "}"), named: true)
    case UInt8(ascii: "["): try members(until: UInt8(ascii: "]"), named: false)
    case UInt8(ascii: "\""):
      let word = string()
      if ["inf", "-inf", "nan"].contains(word), !isMeasured { throw failure(word) }
    default: try scalar()
    }
  }

  private var isMeasured: Bool {
    if case .name(let name)? = keys.first { measured.contains(name) } else { false }
  }

  private mutating func members(until end: UInt8, named: Bool) throws {
    position += 1
    var index = 0
    while true {
      skipSpace()
      guard position < bytes.count, bytes[position] != end else { break }
      if bytes[position] == UInt8(ascii: ",") { position += 1 }
      skipSpace()
      if named {
        keys.append(.name(string()))
        skipSpace()
        position += 1
      } else {
        keys.append(.place(index))
      }
      try value()
      keys.removeLast()
      index += 1
    }
    position += 1
  }

  private mutating func string() -> String {
    let start = position + 1
    position = start
    while position < bytes.count, bytes[position] != UInt8(ascii: "\"") {
      position += bytes[position] == UInt8(ascii: "\\") ? 2 : 1
    }
    let word = String(decoding: bytes[min(start, bytes.count)..<min(position, bytes.count)], as: UTF8.self)
    position += 1
    return word
  }

  /// A number, or one of the words `true`, `false` and `null`.
  private mutating func scalar() throws {
    let start = position
    while position < bytes.count, !Self.ends.contains(bytes[position]) { position += 1 }
    // A byte that cannot begin a value must not be looked at for ever.
    if position == start { position += 1 }
    // Nothing that short is large.
    guard position - start > 4 else { return }
    let word = String(decoding: bytes[start..<position], as: UTF8.self)
    guard let number = Double(word) else { return }
    let isWhole = word.allSatisfy { $0.isNumber || $0 == "-" }
    if !(abs(number) < (isWhole ? Self.limitOfWhole : Self.limit)) { throw failure(word) }
  }

  private static let ends = Set(",]} \t\r\n".utf8)

  private mutating func skipSpace() {
    while position < bytes.count, [0x20, 0x09, 0x0A, 0x0D].contains(bytes[position]) { position += 1 }
  }

  private func failure(_ number: String) -> Failure {
    let key = keys.reduce("") { path, key in
      switch key {
      case .name(let name): path.isEmpty ? name : path + "." + name
      case .place(let place): path + "[\(place)]"
      }
    }
    return Failure(.badData, "\(path): the key \(key) has the value \(number), which is not finite or too large.")
  }
}
