/// Reads comma-separated values as RFC 4180 has them: fields may be in quotes, where commas and line ends are text and
/// a quote is doubled.
package struct CSVReader {
  /// The fields of one record, and the line that it begins on.
  package struct Record: Equatable {
    package let fields: [String]
    package let line: Int
  }

  /// What is wrong, and where.
  package struct Fault: Error {
    package let line: Int
    package let problem: String
  }

  private let bytes: [UInt8]
  private var position = 0
  private var line = 1

  /// Begins with the text of a file.
  package init(_ bytes: [UInt8]) { self.bytes = bytes }

  /// The next record; nil at the end. Empty lines are passed over.
  package mutating func next() throws(Fault) -> Record? {
    while let byte = peek(), isLineEnd(byte) { skipLineEnd() }
    guard peek() != nil else { return nil }
    let first = line
    var fields: [String] = []
    while true {
      fields.append(try peek() == UInt8(ascii: "\"") ? quotedField() : plainField())
      guard let byte = peek(), byte == UInt8(ascii: ",") else { break }
      position += 1
    }
    if peek() != nil { skipLineEnd() }
    return Record(fields: fields, line: first)
  }

  private mutating func quotedField() throws(Fault) -> String {
    let first = line
    var text: [UInt8] = []
    position += 1
    while let byte = peek() {
      position += 1
      if byte == UInt8(ascii: "\"") {
        guard peek() == UInt8(ascii: "\"") else {
          if let next = peek(), next != UInt8(ascii: ","), !isLineEnd(next) {
            throw Fault(
              line: line, problem: "After a field in quotes, a comma or the end of the line follows")
          }
          return String(decoding: text, as: UTF8.self)
        }
        position += 1
      } else if byte == UInt8(ascii: "\n") {
        line += 1
      }
      text.append(byte)
    }
    throw Fault(line: first, problem: "A field begins with a quote and has none at its end")
  }

  private mutating func plainField() throws(Fault) -> String {
    let start = position
    while let byte = peek(), byte != UInt8(ascii: ","), !isLineEnd(byte) {
      if byte == UInt8(ascii: "\"") {
        throw Fault(line: line, problem: "A field with a quote in it has to be in quotes, and the quote doubled")
      }
      position += 1
    }
    return String(decoding: bytes[start..<position], as: UTF8.self)
  }

  private func peek() -> UInt8? { position < bytes.count ? bytes[position] : nil }

  private func isLineEnd(_ byte: UInt8) -> Bool { byte == UInt8(ascii: "\n") || byte == UInt8(ascii: "\r") }

  private mutating func skipLineEnd() {
    if bytes[position] == UInt8(ascii: "\r") { position += 1 }
    if peek() == UInt8(ascii: "\n") { position += 1 }
    line += 1
  }
}
