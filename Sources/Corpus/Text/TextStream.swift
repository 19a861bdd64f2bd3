import Failures
internal import CZlib
import Foundation

/// The bytes of a file in order, decompressed if the content is gzip, whatever its name.
struct TextStream: ~Copyable {
  let path: String
  private let file: gzFile
  private var isClosed = false

  /// Opens a regular file.
  ///
  /// - Throws: `Failure(.missingInput)` if it cannot be opened.
  init(_ path: String) throws {
    self.path = path
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
      throw Failure(.missingInput, "The file \(path) cannot be opened: \(String(cString: strerror(errno))).")
    }
    guard let file = gzdopen(descriptor, "rb") else {
      close(descriptor)
      throw Failure(.internalError, "There is no memory to read \(path).")
    }
    gzbuffer(file, 1 << 17)
    self.file = file
  }

  deinit {
    if !isClosed { gzclose_r(file) }
  }

  /// Appends up to `count` bytes and returns how many there were, 0 at the end.
  ///
  /// - Throws: `Failure`: `.badData` if compressed data is damaged or truncated, `.inputOutput` if reading fails.
  mutating func read(upTo count: Int, appendingTo bytes: inout [UInt8]) throws -> Int {
    guard !isClosed else { return 0 }
    let old = bytes.count
    bytes.append(contentsOf: repeatElement(0, count: count))
    let read = Int(bytes.withUnsafeMutableBytes { gzread(file, $0.baseAddress! + old, UInt32(count)) })
    bytes.removeLast(count - max(read, 0))
    if read < 0 { throw failure() }
    if read == 0 {
      // Closing is what tells a file that ended inside a compressed block.
      isClosed = true
      let isTruncated = gzerrorCode() == Z_BUF_ERROR
      let status = gzclose_r(file)
      if isTruncated || status == Z_BUF_ERROR {
        throw Failure(.badData, "\(path) is truncated: the gzip data ends in the middle. Fetch or pack it again.")
      }
    }
    return read
  }

  private func gzerrorCode() -> Int32 {
    var code: Int32 = 0
    _ = gzerror(file, &code)
    return code
  }

  private func failure() -> Failure {
    let code = gzerrorCode()
    if code == Z_ERRNO { return Failure(.inputOutput, "\(path): \(String(cString: strerror(errno))).") }
    let problem = code == Z_BUF_ERROR ? "it ends in the middle" : "its gzip data is damaged"
    return Failure(.badData, "\(path), near offset \(gzoffset(file)): \(problem). Fetch or pack it again.")
  }
}

extension TextStream {
  /// A document is held in memory and has a 32-bit number of tokens, so it has to stay below this size.
  static let maximumDocument = 1 << 30

  /// Reads the whole file.
  ///
  /// - Throws: `Failure(.badData)` if it is larger than a document may be.
  static func content(of path: String) throws -> [UInt8] {
    var stream = try TextStream(path)
    var bytes: [UInt8] = []
    var status = stat()
    if stat(path, &status) == 0 { bytes.reserveCapacity(min(Int(status.st_size), maximumDocument) + 1 << 16) }
    while try stream.read(upTo: 1 << 16, appendingTo: &bytes) > 0 {
      guard bytes.count <= maximumDocument else {
        throw Failure(.badData, "\(path) is larger than 1 GiB, the most that one document may hold; split it.")
      }
    }
    return bytes
  }

  /// Reads a file line by line; lines come without their line feed.
  ///
  /// - Throws: what the body throws, and `Failure(.badData)` for a line larger than a document may be.
  static func forEachLine(
    of path: String, _ body: (_ line: ArraySlice<UInt8>, _ number: Int, _ offset: Int) throws -> Void
  ) throws {
    var stream = try TextStream(path)
    var bytes: [UInt8] = []
    var number = 0
    var offset = 0
    var searched = 0
    while try stream.read(upTo: 1 << 16, appendingTo: &bytes) > 0 {
      var start = 0
      while let end = bytes[max(start, searched)...].firstIndex(of: UInt8(ascii: "\n")) {
        number += 1
        try body(bytes[start..<end], number, offset + start)
        start = end + 1
      }
      bytes.removeSubrange(..<start)
      offset += start
      searched = bytes.count
      guard bytes.count <= maximumDocument else {
        throw Failure(.badData, "\(path):\(number + 1): The line is larger than 1 GiB, the most one document may hold.")
      }
    }
    if !bytes.isEmpty { try body(bytes[...], number + 1, offset) }
  }
}
