import Failures
import Foundation

/// A file mapped into memory for reading; nothing of it is loaded before it is touched.
///
/// Corpora are replaced by renaming, never rewritten in place. A file that shrinks all the same, while it is mapped, is
/// found by ``checkSize()``; a read of the lost part ends the process with 74 and the file's name.
package final class MappedFile: @unchecked Sendable {
  /// The path the file was opened by.
  package let path: String

  private let bytes: UnsafeRawBufferPointer
  /// The open file, or -1 for bytes in memory of their own.
  private let descriptor: Int32

  /// Maps a file.
  ///
  /// - Throws: `Failure(.missingInput)` if it does not exist or cannot be read, `.badData` if it is no regular file.
  package init(_ path: String) throws {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
      throw Failure(.missingInput, "The file \(path) cannot be opened: \(String(cString: strerror(errno))).")
    }
    do {
      bytes = try Self.map(descriptor, path)
    } catch {
      close(descriptor)
      throw error
    }
    self.path = path
    self.descriptor = descriptor
    if !bytes.isEmpty { MappedRanges.insert(bytes, sentence: Self.shrunk(path)) }
  }

  private static func map(_ descriptor: Int32, _ path: String) throws -> UnsafeRawBufferPointer {
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      throw Failure(.badData, "\(path) is not a regular file.")
    }
    let count = Int(status.st_size)
    guard count > 0 else { return UnsafeRawBufferPointer(start: nil, count: 0) }
    guard let base = mmap(nil, count, PROT_READ, MAP_SHARED, descriptor, 0), base != MAP_FAILED else {
      throw Failure(.inputOutput, "\(path) cannot be mapped into memory: \(String(cString: strerror(errno))).")
    }
    return UnsafeRawBufferPointer(start: base, count: count)
  }

  private static func shrunk(_ path: String) -> String {
    "\(path) has become shorter while it was read. Put the whole file back; a run goes on from its last checkpoint "
      + "with --resume."
  }

  /// Says which process this is, such as `rank 3`, where one has to end because a file has become shorter.
  package static func setReader(_ name: String) { MappedRanges.setPrefix("error: \(name): ") }

  /// Checks that the file is as long as it was when it was mapped.
  ///
  /// A reader looks before and after: beyond the file's new end the last page reads as zeros, without any signal.
  ///
  /// - Throws: `Failure(.inputOutput)` that names the file.
  package func checkSize() throws(Failure) {
    guard descriptor >= 0 else { return }
    var status = stat()
    guard fstat(descriptor, &status) == 0, Int(status.st_size) >= count else {
      throw Failure(.inputOutput, Self.shrunk(path))
    }
  }

  /// Takes bytes in memory for a file.
  ///
  /// - Parameter name: What stands for the path in messages.
  package init(_ name: String, memory: [UInt8]) {
    path = name
    let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: memory.count, alignment: 16)
    copy.copyBytes(from: memory)
    bytes = UnsafeRawBufferPointer(copy)
    descriptor = -1
  }

  /// Takes out of memory what was read of the file; it is read again where it is touched.
  package func dropPages() {
    guard descriptor >= 0, let base = bytes.baseAddress else { return }
    madvise(UnsafeMutableRawPointer(mutating: base), bytes.count, MADV_DONTNEED)
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
    guard descriptor >= 0 else { return bytes.deallocate() }
    if let base = bytes.baseAddress {
      MappedRanges.remove(bytes)
      munmap(UnsafeMutableRawPointer(mutating: base), bytes.count)
    }
    close(descriptor)
  }
}
