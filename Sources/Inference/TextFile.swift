import Failures
import Foundation
import Storage

/// A file of UTF-8 text.
enum TextFile {
  /// The bytes of a file, without a byte order mark.
  ///
  /// - Throws: `Failure`: `.missingInput` if it cannot be opened, `.badData` with the line that is not UTF-8.
  static func content(of path: String) throws -> [UInt8] {
    let file = try MappedFile(path)
    let mark: [UInt8] = [0xEF, 0xBB, 0xBF]
    let bytes = Array(file.content)
    guard String(validating: bytes, as: UTF8.self) != nil else {
      let repaired = String(decoding: bytes, as: UTF8.self).utf8
      let place = zip(bytes, repaired).prefix { $0 == $1 }.count
      let line = bytes.prefix(place).count { $0 == UInt8(ascii: "\n") } + 1
      throw Failure(.badData, "\(path):\(line): This is not UTF-8 text.")
    }
    return bytes.starts(with: mark) ? Array(bytes.dropFirst(mark.count)) : bytes
  }
}
