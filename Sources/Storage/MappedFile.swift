import Failures
import Foundation

/// A file mapped into memory for reading; nothing of it is loaded before it is touched.
///
/// A file that shrinks while it is mapped ends the process when the lost part is read (SIGBUS); corpora are therefore
/// replaced by renaming, never rewritten in place.
package final class MappedFile: @unchecked Sendable {
  /// The path the file was opened by.
  package let path: String

  private let bytes: UnsafeRawBufferPointer
  /// Whether the bytes are mapped from a file, or memory of their own.
  private let isMapped: Bool

  /// Maps a file.
  ///
  /// - Throws: `Failure(.missingInput)` if it does not exist or cannot be read, `.badData` if it is no regular file.
  package init(_ path: String) throws {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
      throw Failure(.missingInput, "The file \(path) cannot be opened: \(String(cString: strerror(errno))).")
    }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      throw Failure(.badData, "\(path) is not a regular file.")
    }
    self.path = path
    isMapped = true
    let count = Int(status.st_size)
    guard count > 0 else {
      bytes = UnsafeRawBufferPointer(start: nil, count: 0)
      return
    }
    guard let base = mmap(nil, count, PROT_READ, MAP_SHARED, descriptor, 0), base != MAP_FAILED else {
      throw Failure(.inputOutput, "\(path) cannot be mapped into memory: \(String(cString: strerror(errno))).")
    }
    bytes = UnsafeRawBufferPointer(start: base, count: count)
  }

  /// Takes bytes in memory for a file.
  ///
  /// - Parameter name: What stands for the path in messages.
  package init(_ name: String, memory: [UInt8]) {
    path = name
    let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: memory.count, alignment: 16)
    copy.copyBytes(from: memory)
    bytes = UnsafeRawBufferPointer(copy)
    isMapped = false
  }

  /// The size of the file.
  package var count: Int { bytes.count }

  /// Calls a body with the whole file, which stays mapped that long and no longer.
  package func withBytes<Result, Fault: Error>(
    _ body: (UnsafeRawBufferPointer) throws(Fault) -> Result
  ) throws(Fault) -> Result {
    // Without this the compiler may free an object that is not used after its pointer was taken.
    defer { withExtendedLifetime(self) {} }
    return try body(bytes)
  }

  /// Reads a number at an offset, little-endian.
  ///
  /// - Precondition: it lies within the file.
  package func load<Number: FixedWidthInteger & BitwiseCopyable>(at offset: Int, as type: Number.Type) -> Number {
    withBytes { Number(littleEndian: $0.loadUnaligned(fromByteOffset: offset, as: type)) }
  }

  /// The whole file, copied.
  package var content: [UInt8] { withBytes { Array($0) } }

  deinit {
    guard isMapped else { return bytes.deallocate() }
    if let base = bytes.baseAddress { munmap(UnsafeMutableRawPointer(mutating: base), bytes.count) }
  }
}
