import Failures

/// The header of an `.npy` file: a Python literal that says what the elements are and how many there are.
///
///     offset 0   6 bytes       "\x93NUMPY"
///            6   u8, u8        version: 1.0, 2.0 or 3.0
///            8   u16 or u32    length of the literal: 16 bits in version 1.0, 32 bits later
///                text          {'descr': '<f4', 'fortran_order': False, 'shape': (3, 256), }, spaces, a line feed
struct NumPyHeader: Equatable {
  /// The type of the elements.
  var element: NumPyElement
  /// The sizes, the slowest first; none for a single number.
  var shape: [Int]

  static let magic: [UInt8] = [0x93] + Array("NUMPY".utf8)
  private static let alignment = 64
  /// Longer headers are those of tables with names for columns, which are not read here.
  private static let longest = 1 << 16

  /// The bytes of a header of version 1.0, padded as NumPy pads it.
  var encoded: [UInt8] {
    let sizes = shape.map { "\($0)" }.joined(separator: ", ") + (shape.count == 1 ? "," : "")
    var literal = Array("{'descr': '\(element.rawValue)', 'fortran_order': False, 'shape': (\(sizes)), }".utf8)
    let used = Self.magic.count + 4 + literal.count + 1
    literal += [UInt8](repeating: UInt8(ascii: " "), count: (Self.alignment - used % Self.alignment) % Self.alignment)
    literal.append(UInt8(ascii: "\n"))
    let length = UInt16(literal.count)
    return Self.magic + [1, 0, UInt8(truncatingIfNeeded: length), UInt8(length >> 8)] + literal
  }

  /// Reads the header at the beginning of a file.
  ///
  /// - Returns: The header, and the offset of the first element.
  /// - Throws: `Failure(.badData)` that names the file and what is wrong.
  static func read(_ bytes: UnsafeRawBufferPointer, of path: String) throws(Failure) -> (Self, dataOffset: Int) {
    guard bytes.count >= 10, bytes.prefix(6).elementsEqual(magic) else {
      throw Failure(.badData, "\(path) is no .npy file: it does not begin with \\x93NUMPY.")
    }
    let version = bytes[6]
    guard (1...3).contains(version), bytes[7] == 0 else {
      throw Failure(
        .badData, "\(path) has version \(version).\(bytes[7]) of the .npy format, where 1.0, 2.0 and 3.0 are known.")
    }
    let start = version == 1 ? 10 : 12
    var length = 0
    for place in (8..<start).reversed() where place < bytes.count { length = length << 8 | Int(bytes[place]) }
    guard start + length <= bytes.count else {
      throw Failure(.badData, "\(path) ends within its header of \(length) bytes; it is truncated.")
    }
    guard length <= longest else {
      throw Failure(.badData, "\(path) has a header of \(length) bytes; it does not hold an array of plain numbers.")
    }
    var literal = PythonLiteral(Array(bytes[start..<start + length]))
    return (try literal.header(of: path), start + length)
  }
}

/// A scanner of the part of Python's literals that headers are written in.
private struct PythonLiteral {
  private var rest: ArraySlice<UInt8>

  init(_ text: [UInt8]) { rest = text[...] }

  /// Reads a dictionary of the three keys of a header, in any order.
  mutating func header(of path: String) throws(Failure) -> NumPyHeader {
    var element: NumPyElement?
    var shape: [Int]?
    var isColumnMajor: Bool?
    let damaged = Failure(.badData, "\(path) has a damaged header, which is no dictionary as NumPy writes it.")
    guard take("{") else { throw damaged }
    while !take("}") {
      guard let key = string(), take(":") else { throw damaged }
      switch key {
      case "descr":
        // A list describes a table with columns of several types.
        guard let name = string() ?? (take("[") ? "a table with named columns" : nil) else { throw damaged }
        element = NumPyElement(rawValue: name)
        guard element != nil else {
          throw Failure(
            .badData,
            "\(path) has elements of type '\(name)'; known are \(NumPyElement.names). Convert it with numpy.astype.")
        }
      case "fortran_order": isColumnMajor = word("True") ? true : word("False") ? false : nil
      case "shape": shape = tuple()
      default: throw damaged
      }
      guard take(",") || rest.first == UInt8(ascii: "}") else { throw damaged }
    }
    guard let element, let shape, let isColumnMajor, isAtEnd() else { throw damaged }
    guard !isColumnMajor || shape.count < 2 else {
      throw Failure(
        .badData, "\(path) is stored column by column (Fortran order). Write it from numpy.ascontiguousarray.")
    }
    return NumPyHeader(element: element, shape: shape)
  }

  private mutating func skipSpace() {
    while let byte = rest.first, byte == UInt8(ascii: " ") || (9...13).contains(byte) { rest = rest.dropFirst() }
  }

  private mutating func isAtEnd() -> Bool {
    skipSpace()
    return rest.isEmpty
  }

  private mutating func take(_ mark: Unicode.Scalar) -> Bool {
    skipSpace()
    guard rest.first == UInt8(ascii: mark) else { return false }
    rest = rest.dropFirst()
    skipSpace()
    return true
  }

  private mutating func word(_ word: String) -> Bool {
    guard rest.starts(with: word.utf8) else { return false }
    rest = rest.dropFirst(word.utf8.count)
    skipSpace()
    return true
  }

  private mutating func string() -> String? {
    skipSpace()
    guard let quote = rest.first, quote == UInt8(ascii: "'") || quote == UInt8(ascii: "\""),
      let end = rest.dropFirst().firstIndex(of: quote)
    else { return nil }
    let text = String(decoding: rest[(rest.startIndex + 1)..<end], as: UTF8.self)
    rest = rest[(end + 1)...]
    skipSpace()
    return text
  }

  private mutating func tuple() -> [Int]? {
    guard take("(") else { return nil }
    var sizes: [Int] = []
    while !take(")") {
      let digits = rest.prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
      guard let size = Int(String(decoding: digits, as: UTF8.self)) else { return nil }
      sizes.append(size)
      rest = rest.dropFirst(digits.count)
      // Python 2 marked long integers.
      _ = take("L")
      guard take(",") || rest.first == UInt8(ascii: ")") else { return nil }
    }
    return sizes
  }
}
