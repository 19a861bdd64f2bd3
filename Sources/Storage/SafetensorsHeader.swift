import Failures

/// The JSON header of a safetensors file: which tensors there are, and where.
struct SafetensorsHeader {
  /// The tensors in the order of their data, which they fill without gaps or overlaps.
  var tensors: [SafetensorsReader.Tensor] = []
  /// The free texts under `__metadata__`.
  var metadata: [String: String] = [:]

  /// Writes the header of tensors of floats that follow each other: 8 bytes of length, JSON, spaces up to a multiple of
  /// 8.
  static func encoded(_ tensors: [(name: String, shape: [Int])], metadata: [String: String]) -> [UInt8] {
    var fields: [String] = []
    if !metadata.isEmpty {
      let texts = metadata.sorted { $0.key < $1.key }.map { "\(quoted($0.key)):\(quoted($0.value))" }
      fields.append("\"__metadata__\":{\(texts.joined(separator: ","))}")
    }
    var offset = 0
    for (name, shape) in tensors {
      let end = offset + 4 * shape.reduce(1, *)
      let sizes = shape.map(String.init).joined(separator: ",")
      fields.append("\(quoted(name)):{\"dtype\":\"F32\",\"shape\":[\(sizes)],\"data_offsets\":[\(offset),\(end)]}")
      offset = end
    }
    var json = Array("{\(fields.joined(separator: ","))}".utf8)
    json.append(contentsOf: repeatElement(UInt8(ascii: " "), count: (8 - json.count % 8) % 8))
    return (0..<8).map { UInt8(truncatingIfNeeded: json.count >> (8 * $0)) } + json
  }

  private static func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"", "\\": result += "\\\(scalar)"
      case "\u{0}"..<" ":
        let digits = String(scalar.value, radix: 16)
        result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }

  /// Reads a header and holds it against the size of the file.
  ///
  /// Accepts what the format allows and nothing beside it: known types, offsets that agree with type and shape, data
  /// without gaps, overlaps or an unused end.
  ///
  /// - Parameters:
  ///   - json: the header without its length, padding included.
  ///   - dataCount: how many bytes follow it in the file.
  ///   - path: the file's name, for errors.
  /// - Throws: `Failure(.badData)` with the offset in the file.
  init(json: [UInt8], dataCount: Int, path: String) throws(Failure) {
    var text = SafetensorsHeaderText(bytes: json, path: path)
    var names: Set<String> = []
    try text.object { (text, name) throws(Failure) in
      guard names.insert(name).inserted else { throw text.failure("the name \(name) occurs twice") }
      if name == "__metadata__" {
        try text.object { (text, key) throws(Failure) in self.metadata[key] = try text.string() }
      } else {
        self.tensors.append(try text.tensor(name, dataStart: 8 + json.count))
      }
    }
    try text.end()

    tensors.sort { ($0.bytes.lowerBound, $0.bytes.upperBound) < ($1.bytes.lowerBound, $1.bytes.upperBound) }
    var end = 8 + json.count
    for tensor in tensors {
      guard tensor.bytes.lowerBound == end else {
        let fault = tensor.bytes.lowerBound < end ? "overlaps the tensor before it" : "leaves a gap before it"
        throw Failure(.badData, "\(path) is damaged: \(tensor.name) at offset \(tensor.bytes.lowerBound) \(fault).")
      }
      end = tensor.bytes.upperBound
    }
    let size = 8 + json.count + dataCount
    guard end == size else {
      let fault = end > size ? "is truncated" : "has bytes that belong to no tensor"
      throw Failure(.badData, "\(path) \(fault): its tensors end at offset \(end), the file at \(size).")
    }
  }
}

/// A reader of the one kind of JSON that a header consists of.
///
/// What it keeps is in proportion to the bytes it has read, so no header makes it allocate more than a small multiple.
private struct SafetensorsHeaderText {
  let bytes: [UInt8]
  let path: String
  var position = 0

  /// The bytes of an element of each type of the format.
  private static let widths = [
    "F64": 8, "F32": 4, "F16": 2, "BF16": 2, "F8_E4M3": 1, "F8_E5M2": 1, "I64": 8, "I32": 4, "I16": 2, "I8": 1,
    "U64": 8, "U32": 4, "U16": 2, "U8": 1, "BOOL": 1,
  ]
  private static let mostDimensions = 16

  func failure(_ fault: String) -> Failure {
    Failure(.badData, "\(path) is no safetensors file: \(fault), at offset \(8 + position).")
  }

  private mutating func skipSpace() {
    while position < bytes.count, [0x20, 0x09, 0x0A, 0x0D].contains(bytes[position]) { position += 1 }
  }

  private mutating func take(_ character: Unicode.Scalar) -> Bool {
    skipSpace()
    guard position < bytes.count, bytes[position] == UInt8(ascii: character) else { return false }
    position += 1
    return true
  }

  private mutating func expect(_ character: Unicode.Scalar) throws(Failure) {
    guard take(character) else { throw failure("\(character) is expected") }
  }

  /// Reads `{"key": value, ...}`; `value` reads each value.
  mutating func object(
    _ value: (inout SafetensorsHeaderText, String) throws(Failure) -> Void
  ) throws(Failure) {
    try expect("{")
    if take("}") { return }
    repeat {
      let key = try string()
      try expect(":")
      try value(&self, key)
    } while take(",")
    try expect("}")
  }

  /// Reads `[1, 2, ...]`, up to a number of entries.
  private mutating func integers(atMost most: Int) throws(Failure) -> [Int] {
    try expect("[")
    if take("]") { return [] }
    var result: [Int] = []
    repeat {
      guard result.count < most else { throw failure("more than \(most) numbers are in a list") }
      result.append(try integer())
    } while take(",")
    try expect("]")
    return result
  }

  private mutating func integer() throws(Failure) -> Int {
    skipSpace()
    let start = position
    var value = 0
    while position < bytes.count, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(bytes[position]) {
      let (tens, overflow) = value.multipliedReportingOverflow(by: 10)
      let (sum, carry) = tens.addingReportingOverflow(Int(bytes[position] - UInt8(ascii: "0")))
      guard !overflow, !carry else { throw failure("a number is too large") }
      value = sum
      position += 1
    }
    guard position > start, position == start + 1 || bytes[start] != UInt8(ascii: "0") else {
      throw failure("a whole number is expected")
    }
    return value
  }

  /// Reads a string with its escapes.
  mutating func string() throws(Failure) -> String {
    try expect("\"")
    var units: [UInt8] = []
    while position < bytes.count, bytes[position] != UInt8(ascii: "\"") {
      let byte = bytes[position]
      guard byte >= 0x20 else { throw failure("a control character is in a string") }
      position += 1
      if byte == UInt8(ascii: "\\") {
        units.append(contentsOf: String(try escaped()).utf8)
      } else {
        units.append(byte)
      }
    }
    guard position < bytes.count else { throw failure("a string does not end") }
    position += 1
    guard let result = String(validating: units, as: UTF8.self) else { throw failure("a string is not UTF-8") }
    return result
  }

  private mutating func escaped() throws(Failure) -> Unicode.Scalar {
    guard position < bytes.count else { throw failure("a string does not end") }
    position += 1
    switch Unicode.Scalar(bytes[position - 1]) {
    case "\"": return "\""
    case "\\": return "\\"
    case "/": return "/"
    case "b": return "\u{8}"
    case "f": return "\u{C}"
    case "n": return "\n"
    case "r": return "\r"
    case "t": return "\t"
    case "u":
      var code = try hexadecimal()
      // Beyond the first 65,536 characters come in two halves.
      if (0xD800..<0xDC00).contains(code), bytes[position...].starts(with: "\\u".utf8) {
        position += 2
        let low = try hexadecimal()
        guard (0xDC00..<0xE000).contains(low) else { throw failure("half a character is escaped") }
        code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
      }
      guard let scalar = Unicode.Scalar(code) else { throw failure("half a character is escaped") }
      return scalar
    default: throw failure("an escape is unknown")
    }
  }

  private mutating func hexadecimal() throws(Failure) -> UInt32 {
    let digits = bytes[position...].prefix(4)
    let values = digits.compactMap { Character(Unicode.Scalar($0)).hexDigitValue }
    guard values.count == 4 else { throw failure("four hexadecimal digits are expected") }
    position += 4
    return values.reduce(0) { $0 << 4 | UInt32($1) }
  }

  /// Reads `{"dtype": ..., "shape": [...], "data_offsets": [begin, end]}`.
  mutating func tensor(_ name: String, dataStart: Int) throws(Failure) -> SafetensorsReader.Tensor {
    var (type, shape, offsets): (String?, [Int]?, [Int]?)
    try object { (text, key) throws(Failure) in
      switch key {
      case "dtype" where type == nil: type = try text.string()
      case "shape" where shape == nil: shape = try text.integers(atMost: Self.mostDimensions)
      case "data_offsets" where offsets == nil: offsets = try text.integers(atMost: 2)
      default: throw text.failure("\(name) has the key \(key), unknown or for a second time")
      }
    }
    guard let type, let shape, let offsets, offsets.count == 2 else {
      throw failure("\(name) lacks dtype, shape or data_offsets")
    }
    guard let width = Self.widths[type] else { throw failure("\(name) has the unknown type \(type)") }
    var size: Int? = width
    for length in shape {
      let (product, overflow) = (size ?? 0).multipliedReportingOverflow(by: length)
      size = overflow || size == nil ? nil : product
    }
    let (end, overflow) = offsets[1].addingReportingOverflow(dataStart)
    guard !overflow, let size, offsets[0] <= offsets[1], offsets[1] - offsets[0] == size else {
      throw failure("the data_offsets \(offsets) of \(name) do not fit the shape \(shape) of \(type)")
    }
    return SafetensorsReader.Tensor(name: name, type: type, shape: shape, bytes: (end - size)..<end)
  }

  /// Checks that only padding is left.
  mutating func end() throws(Failure) {
    skipSpace()
    guard position == bytes.count else { throw failure("something follows the header's last brace") }
  }
}
