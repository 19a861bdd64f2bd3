import Failures
import Foundation
import Printing

/// Something wrong with a file of text, or with a document in it.
struct TextFault: Error {
  let kind: Failure.Kind
  /// A whole sentence with the file, and the line and offset if there are any.
  let message: String
}

/// The bytes of a file in order, decompressed if the content is compressed, whatever its name.
///
/// Members that follow each other are read as one text; zeros between and after them are padding.
struct ByteStream: ~Copyable {
  /// The path as messages show it.
  let name: String

  private let descriptor: Int32
  private var decoding: (compression: Compression, decompressor: any Decompressor)?
  /// What was read of the file; the part from `next` on is not used yet and begins at `offset` in the file.
  private var input: [UInt8] = []
  private var next = 0
  private var offset = 0
  private var isAtEnd = false
  private var isInsideMember = false

  private static let inputSize = 1 << 16

  /// Opens a regular file.
  ///
  /// - Throws: `TextFault`: `.missingInput` if it cannot be opened, `.inputOutput` if it cannot be read.
  init(_ path: String) throws(TextFault) {
    name = path.printable
    descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
      let reason = String(cString: strerror(errno))
      throw TextFault(kind: .missingInput, message: "The file \(name) cannot be opened: \(reason).")
    }
    try fill(Compression.magicLength)
    guard let compression = Compression(magic: input) else { return }
    do throws(DamagedData) {
      decoding = (compression, try compression.decompressor())
    } catch {
      throw damage(error.reason)
    }
  }

  deinit { if descriptor >= 0 { close(descriptor) } }

  /// Appends some bytes, up to `count`, and returns how many there were, 0 at the end.
  ///
  /// - Throws: `TextFault`: `.badData` if compressed data is damaged or truncated, `.inputOutput` if reading fails.
  mutating func read(upTo count: Int, appendingTo bytes: inout [UInt8]) throws(TextFault) -> Int {
    guard decoding != nil else {
      guard next < input.count else {
        return try ByteStream.read(descriptor, name, upTo: count, appendingTo: &bytes)
      }
      let part = input[next...].prefix(count)
      bytes.append(contentsOf: part)
      next += part.count
      return part.count
    }
    while true {
      if !isInsideMember {
        guard try beginMember() else { return 0 }
      } else if next == input.count {
        try fill(1)
      }
      let produced = try decode(upTo: count, appendingTo: &bytes)
      if produced > 0 { return produced }
    }
  }

  /// Passes over padding to the next member; tells whether there is one.
  private mutating func beginMember() throws(TextFault) -> Bool {
    let isFirst = offset == 0
    repeat {
      try fill(Compression.magicLength)
      let padding = isFirst ? 0 : input[next...].prefix { $0 == 0 }.count
      next += padding
      offset += padding
    } while input.count - next < Compression.magicLength && !isAtEnd
    guard next < input.count else { return false }
    guard Compression(magic: input[next...]) == decoding!.compression else {
      throw TextFault(
        kind: .badData,
        message: "\(name), offset \(offset): After complete \(decoding!.compression) data, other bytes follow that "
          + "are none: the file is damaged. Fetch or pack it again.")
    }
    isInsideMember = true
    return true
  }

  /// Decodes what there is of the input; returns the number of bytes.
  private mutating func decode(upTo count: Int, appendingTo bytes: inout [UInt8]) throws(TextFault) -> Int {
    let old = bytes.count
    bytes.append(contentsOf: repeatElement(0, count: count))
    let decompressor = decoding!.decompressor
    let result = input.withUnsafeBytes { input in
      bytes.withUnsafeMutableBytes { output in
        Result { () throws(DamagedData) in
          try decompressor.decode(
            UnsafeRawBufferPointer(rebasing: input[next...]),
            into: UnsafeMutableRawBufferPointer(rebasing: output[old...]))
        }
      }
    }
    let step: DecodingStep
    do throws(DamagedData) { step = try result.get() } catch {
      bytes.removeLast(count)
      throw damage(error.reason)
    }
    bytes.removeLast(count - step.produced)
    next += step.consumed
    offset += step.consumed
    if step.isEnd {
      isInsideMember = false
      do throws(DamagedData) { try decompressor.reset() } catch { throw damage(error.reason) }
    } else if step.produced == 0, step.consumed == 0, isAtEnd {
      throw TextFault(
        kind: .badData,
        message: "\(name) is truncated: its \(decoding!.compression) data ends in the middle, at offset \(offset). "
          + "Fetch or pack it again.")
    }
    return step.produced
  }

  private func damage(_ reason: String) -> TextFault {
    let kind = decoding.map { "\($0.compression)" } ?? "compressed"
    return TextFault(
      kind: .badData,
      message: "\(name), near offset \(offset): its \(kind) data is damaged (\(reason)). Fetch or pack it again.")
  }

  /// Reads on until some bytes are there that are not used yet, or the file ends.
  private mutating func fill(_ count: Int) throws(TextFault) {
    while input.count - next < count, !isAtEnd {
      input.removeSubrange(..<next)
      next = 0
      isAtEnd = try ByteStream.read(descriptor, name, upTo: ByteStream.inputSize, appendingTo: &input) == 0
    }
  }

  private static func read(
    _ descriptor: Int32, _ name: String, upTo count: Int, appendingTo bytes: inout [UInt8]
  ) throws(TextFault) -> Int {
    let old = bytes.count
    bytes.append(contentsOf: repeatElement(0, count: count))
    var got = -1
    repeat {
      got = bytes.withUnsafeMutableBytes { Glibc.read(descriptor, $0.baseAddress! + old, count) }
    } while got < 0 && errno == EINTR
    let reason = errno
    bytes.removeLast(count - max(got, 0))
    guard got >= 0 else {
      throw TextFault(kind: .inputOutput, message: "Reading \(name) failed: \(String(cString: strerror(reason))).")
    }
    return got
  }
}
