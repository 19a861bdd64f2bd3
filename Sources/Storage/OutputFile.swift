import Failures
import Foundation

/// A file being written, with its checksum; durable once it is finished.
package struct OutputFile: ~Copyable {
  package let path: String
  /// -1 once the file is finished.
  private var descriptor: Int32
  private var buffer: [UInt8] = []
  private var checksum = Checksum()
  private var written = 0

  private static let bufferSize = 1 << 20

  /// Creates the file, or empties an existing one.
  ///
  /// - Parameter isNew: Whether there must not be one, nor a link of that name.
  /// - Throws: `Failure(.cannotCreate)`.
  package init(_ path: String, isNew: Bool = false) throws {
    let flags = isNew ? O_EXCL : O_TRUNC
    let descriptor = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0o644)
    guard descriptor >= 0 else {
      throw Failure(.cannotCreate, "\(path) cannot be created: \(String(cString: strerror(errno))).")
    }
    self.path = path
    self.descriptor = descriptor
    buffer.reserveCapacity(OutputFile.bufferSize)
  }

  deinit { if descriptor >= 0 { close(descriptor) } }

  /// The number of bytes so far.
  package var count: Int { written + buffer.count }

  /// Appends bytes.
  ///
  /// - Throws: `Failure(.inputOutput)`, for instance on a full disk.
  package mutating func write(_ bytes: UnsafeRawBufferPointer) throws {
    if buffer.count + bytes.count > OutputFile.bufferSize { try flush() }
    if bytes.count > OutputFile.bufferSize {
      try writeThrough(bytes)
    } else {
      buffer.append(contentsOf: bytes)
    }
  }

  /// Appends bytes in memory of trivial elements.
  package mutating func write<Element: BitwiseCopyable>(_ elements: [Element]) throws {
    try elements.withUnsafeBytes { try write($0) }
  }

  /// Appends one number, little-endian.
  package mutating func write<Number: FixedWidthInteger & BitwiseCopyable>(_ number: Number) throws {
    try withUnsafeBytes(of: number.littleEndian) { try write($0) }
  }

  /// Hands everything to the system, so that other readers of the file see it.
  package mutating func flush() throws {
    let bytes = buffer
    buffer.removeAll(keepingCapacity: true)
    try bytes.withUnsafeBytes { try writeThrough($0) }
  }

  /// Appends the content of a file, from a byte on.
  ///
  /// - Throws: `Failure(.inputOutput)` if reading or writing fails.
  package mutating func write(contentOf file: PositionalFile, from first: Int = 0, bytes: Int) throws {
    let part = UnsafeMutableRawBufferPointer.allocate(byteCount: OutputFile.bufferSize, alignment: 64)
    defer { part.deallocate() }
    for offset in stride(from: 0, to: bytes, by: part.count) {
      let piece = UnsafeMutableRawBufferPointer(rebasing: part[..<min(part.count, bytes - offset)])
      try file.read(at: first + offset, into: piece)
      try write(UnsafeRawBufferPointer(piece))
    }
  }

  /// Writes what is left and closes the file, without waiting for the disk: for files that nobody needs after the
  /// machine has failed.
  ///
  /// - Throws: `Failure(.inputOutput)`.
  package mutating func finishInMemory() throws -> FileRecord {
    try flush()
    let result = close(descriptor)
    descriptor = -1
    // Network file systems tell only now of what could not be written.
    guard result == 0 else { throw failure() }
    return FileRecord(bytes: written, checksum: checksum.digest)
  }

  /// Writes what is left, waits until the disk has it and closes the file.
  ///
  /// - Throws: `Failure(.inputOutput)`.
  package mutating func finish() throws -> FileRecord {
    try flush()
    guard fsync(descriptor) == 0 else { throw failure() }
    return try finishInMemory()
  }

  private mutating func writeThrough(_ bytes: UnsafeRawBufferPointer) throws {
    checksum.update(bytes)
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = Glibc.write(descriptor, rest.base.baseAddress! + rest.startIndex, rest.count)
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else { throw failure() }
      rest = rest.dropFirst(count)
      written += count
    }
  }

  private func failure() -> Failure {
    let reason =
      errno == ENOSPC || errno == EDQUOT
      ? "there is no space left; free some or choose another disk for the output" : String(cString: strerror(errno))
    return Failure(.inputOutput, "Writing \(path) failed at offset \(written): \(reason).")
  }
}

/// Size and checksum of a file.
public struct FileRecord: Codable, Equatable, Sendable {
  /// The size in bytes.
  public var bytes: Int
  /// The checksum of the content.
  public var checksum: Checksum.Digest

  /// Creates the record of a file.
  public init(bytes: Int, checksum: Checksum.Digest) {
    self.bytes = bytes
    self.checksum = checksum
  }
}
