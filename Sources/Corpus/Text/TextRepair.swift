/// What is done to bytes before they count as text.
enum TextRepair {
  /// Replaces every ill-formed part by U+FFFD, as browsers do; the offset of the first one, or nil if there was none.
  static func repair(_ bytes: inout [UInt8]) -> Int? {
    let fault: Int? = bytes.withUnsafeBufferPointer {
      guard case .some(let error) = validationError($0) else { return nil }
      return error
    }
    guard let fault else { return nil }
    bytes = Array(String(decoding: bytes, as: UTF8.self).utf8)
    return fault
  }

  /// Finds the offset of the first byte that is not part of well-formed UTF-8.
  private static func validationError(_ bytes: UnsafeBufferPointer<UInt8>) -> Int? {
    do {
      _ = try UTF8Span(validating: bytes.span)
      return nil
    } catch {
      return error.byteOffsets.lowerBound
    }
  }

  /// Tells whether bytes are no text: text has no NUL among its first 8 KiB.
  static func isBinary(_ bytes: [UInt8]) -> Bool { bytes.prefix(8192).contains(0) }

  /// Tells whether a byte is white space of ASCII.
  static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }

  /// Tells whether there is nothing but white space.
  static func isBlank(_ bytes: UnsafeRawBufferPointer) -> Bool { bytes.allSatisfy { isBlank($0) } }
}

/// Whether invalid text of a document was replaced, and where.
struct Repair: BitwiseCopyable {
  /// The offset of the first fault in the file, or one of the values below.
  private let offset: Int

  /// Nothing was replaced.
  static let none = Repair(at: -1)

  /// Something was replaced before offsets could be counted.
  static let somewhere = Repair(at: -2)

  /// A repair at an offset in the file.
  init(at offset: Int) { self.offset = offset }

  var isNone: Bool { offset == -1 }

  /// The name of a document with the place of the repair.
  func named(in name: String) -> String { offset >= 0 ? "\(name), offset \(offset)" : name }
}
