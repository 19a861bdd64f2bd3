import Failures
import Foundation

/// A file that is read at given places. Unlike a mapped one it takes no memory of the process.
package final class PositionalFile {
  /// The path the file was opened by.
  package let path: String
  private let descriptor: Int32

  /// Opens a file.
  ///
  /// - Throws: `Failure(.inputOutput)` if it cannot be opened.
  package init(_ path: String) throws {
    self.path = path
    descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
      throw Failure(.inputOutput, "\(path) cannot be read: \(String(cString: strerror(errno))).")
    }
  }

  deinit { close(descriptor) }

  /// Fills memory with what is in the file from an offset on.
  ///
  /// - Throws: `Failure(.inputOutput)` if reading fails or the file ends before.
  package func read(at offset: Int, into target: UnsafeMutableRawBufferPointer) throws {
    var done = 0
    while done < target.count {
      let count = pread(descriptor, target.baseAddress! + done, target.count - done, offset + done)
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else {
        let reason = count == 0 ? "it has become shorter" : String(cString: strerror(errno))
        throw Failure(.inputOutput, "Reading \(path) failed at offset \(offset + done): \(reason).")
      }
      done += count
    }
  }

  /// Reads values as they lie in memory, the first at the place `range.lowerBound * stride`.
  ///
  /// - Throws: `Failure(.inputOutput)` if reading fails or the file ends before.
  package func values<Value: BitwiseCopyable>(_ range: Range<Int>, as type: Value.Type) throws -> [Value] {
    try values(range.count, at: range.lowerBound * MemoryLayout<Value>.stride, as: type)
  }

  /// Reads values as they lie in memory from an offset on.
  ///
  /// - Throws: `Failure(.inputOutput)` if reading fails or the file ends before.
  package func values<Value: BitwiseCopyable>(_ count: Int, at offset: Int, as type: Value.Type) throws -> [Value] {
    try [Value](unsafeUninitializedCapacity: count) { values, initialized in
      let bytes = UnsafeMutableRawBufferPointer(values)
      try read(at: offset, into: .init(rebasing: bytes[..<(count * MemoryLayout<Value>.stride)]))
      initialized = count
    }
  }

  /// The number of values that the file has room for.
  package func count<Value: BitwiseCopyable>(of type: Value.Type) -> Int {
    var status = stat()
    return fstat(descriptor, &status) == 0 ? Int(status.st_size) / MemoryLayout<Value>.stride : 0
  }

  /// Calls a body with values as they lie in memory, one after the other, of which some thousand are read at a time.
  ///
  /// - Throws: `Failure(.inputOutput)` if reading fails or the file ends before; what the body throws.
  package func forEach<Value: BitwiseCopyable>(
    _ range: Range<Int>, as type: Value.Type, _ body: (Value) throws -> Void
  ) throws {
    let step = 1 << 12
    for start in stride(from: range.lowerBound, to: range.upperBound, by: step) {
      for value in try values(start..<min(start + step, range.upperBound), as: type) { try body(value) }
    }
  }
}
