import Failures
import Foundation

#if _endian(big)
  #error("safetensors is little-endian, and floats are written as they are in memory")
#endif

/// A writer of a safetensors file: named tensors of floats, streamed one after another.
///
/// The format: 8 bytes of header length, a JSON header that says where each tensor is, then the data without gaps.
/// Nothing is collected, so a file may be as large as the disk. Who needs it whole or not at all writes into a
/// temporary directory.
///
/// ```swift
/// var writer = try SafetensorsWriter(path: path, tensors: [("wte.weight", [vocabulary, width])])
/// try writer.write("wte.weight", values.span)
/// try writer.finish()
/// ```
public struct SafetensorsWriter: ~Copyable {
  private var file: OutputFile
  private let tensors: [(name: String, shape: [Int])]
  private var index = 0
  private var written = 0  // elements of the tensor at `index`

  /// Creates the file and writes its header.
  ///
  /// - Parameters:
  ///   - tensors: name and shape of every tensor, in the order in which they will be written.
  ///   - metadata: free texts; `transformers` wants to know the framework whose layout the tensors have.
  /// - Precondition: names are distinct and none is `__metadata__`; sizes are not negative.
  /// - Throws: `Failure(.cannotCreate)` or `.inputOutput`.
  public init(
    path: String, tensors: [(name: String, shape: [Int])], metadata: [String: String] = ["format": "pt"]
  ) throws {
    precondition(Set(tensors.map(\.name) + ["__metadata__"]).count == tensors.count + 1, "names are distinct")
    precondition(tensors.allSatisfy { $0.shape.allSatisfy { $0 >= 0 } }, "sizes are not negative")
    var file = try OutputFile(path)
    try file.write(SafetensorsHeader.encoded(tensors, metadata: metadata))
    self.file = file
    self.tensors = tensors
  }

  /// Writes the next tensor, or the next part of it.
  ///
  /// - Precondition: `name` is the next tensor that is not complete, and `values` are no more than it lacks.
  /// - Throws: `Failure(.inputOutput)`; the file is then unfinished.
  public mutating func write(_ name: String, _ values: Span<Float>) throws {
    precondition(index < tensors.count && tensors[index].name == name, "tensors are written in the header's order")
    let count = tensors[index].shape.reduce(1, *)
    precondition(values.count <= count - written, "\(name) has \(count) elements")
    try values.withUnsafeBytes { try file.write($0) }
    written += values.count
    if written == count { (index, written) = (index + 1, 0) }
  }

  /// Brings the file to disk.
  ///
  /// - Precondition: every tensor has been written, those without elements included.
  /// - Throws: `Failure(.inputOutput)`.
  public mutating func finish() throws {
    precondition(index == tensors.count, "every tensor is written before the end")
    _ = try file.finish()
  }
}

/// A strict reader of a safetensors file: everything but the data is checked when it is opened.
public struct SafetensorsReader {
  /// One tensor of the file.
  public struct Tensor: Sendable, Equatable {
    /// The tensor's name.
    public let name: String
    /// The type of its elements as the format spells it: "F32", "BF16" and so on.
    public let type: String
    /// The sizes, the slowest first.
    public let shape: [Int]
    /// The place of its data in the file.
    public let bytes: Range<Int>

    /// The number of elements.
    public var count: Int { shape.reduce(1, *) }
  }

  /// The tensors, in the order of their data.
  public var tensors: [Tensor] { header.tensors }
  /// The free texts of the header.
  public var metadata: [String: String] { header.metadata }

  private let path: String
  private let file: FileHandle
  private let header: SafetensorsHeader

  /// The longest header that the format allows.
  private static let longestHeader = 100_000_000

  /// Opens a file, reads its header and holds it against the file's size.
  ///
  /// - Throws: `Failure(.missingInput)` if it cannot be opened; `.badData`, with the offset, if it is not a whole and
  ///   consistent safetensors file.
  public init(path: String) throws(Failure) {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
      throw Failure(.missingInput, "The file \(path) cannot be opened: \(String(cString: strerror(errno))).")
    }
    let file = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      throw Failure(.badData, "\(path) is not a regular file.")
    }
    let size = Int(status.st_size)
    guard size >= 8 else {
      throw Failure(.badData, "\(path) is no safetensors file: it ends at offset \(size), within the header's length.")
    }
    let length = try Self.bytes(0..<8, of: descriptor, path).reversed().reduce(0 as UInt64) { $0 << 8 | UInt64($1) }
    guard length <= min(size - 8, Self.longestHeader) else {
      throw Failure(
        .badData,
        """
        \(path) is no safetensors file, or truncated: the length at offset 0 announces a header of \(length) bytes; \
        the file has \(size), and a header at most \(Self.longestHeader).
        """)
    }
    let json = try Self.bytes(8..<8 + Int(length), of: descriptor, path)
    header = try SafetensorsHeader(json: json, dataCount: size - 8 - json.count, path: path)
    self.file = file
    self.path = path
  }

  /// Reads a tensor of floats into a range of `values`.
  ///
  /// - Precondition: the range lies within `values`.
  /// - Throws: `Failure(.badData)` if there is no such tensor, it is not of type F32, or has another number of elements
  ///   than the range; `.inputOutput` if reading fails.
  public func read(_ name: String, into values: inout MutableSpan<Float>, at range: Range<Int>) throws(Failure) {
    try read(name, count: range.count, elements: 0..<range.count, into: &values, at: range.lowerBound)
  }

  /// Reads the elements `part` of a tensor of `count` floats into `values`, from `start` on.
  ///
  /// - Precondition: the part lies within the tensor, and fits into `values` there.
  /// - Throws: `Failure(.badData)` if there is no such tensor, it is not of type F32, or has not `count` elements;
  ///   `.inputOutput` if reading fails.
  package func read(
    _ name: String, count: Int, elements part: Range<Int>, into values: inout MutableSpan<Float>, at start: Int
  ) throws(Failure) {
    precondition(part.lowerBound >= 0 && part.upperBound <= count, "the part lies within the tensor")
    precondition(start >= 0 && start + part.count <= values.count, "the part fits into the values")
    let tensor = try tensor(name, count: count)
    var bytes = values.mutableBytes
    let width = MemoryLayout<Float>.stride
    try Self.fill(
      &bytes, start * width..<(start + part.count) * width, from: tensor.bytes.lowerBound + part.lowerBound * width,
      of: file.fileDescriptor, path)
  }

  /// Reads a tensor of `count` floats a piece at a time and checks that all are finite.
  ///
  /// - Throws: `Failure(.badData)` if there is no such tensor, it is not of type F32, has not `count` elements, or one
  ///   of them is not finite; `.inputOutput` if reading fails.
  package func checkFinite(_ name: String, count: Int) throws(Failure) {
    _ = try tensor(name, count: count)
    var piece = [Float](repeating: 0, count: min(count, 1 << 16))
    for first in stride(from: 0, to: count, by: max(piece.count, 1)) {
      let part = first..<min(first + piece.count, count)
      var span = piece.mutableSpan
      try read(name, count: count, elements: part, into: &span, at: 0)
      // A sum of zeros times values is zero unless one of them is not finite.
      var sum: Float = 0
      for place in 0..<part.count { sum += 0 * piece[place] }
      guard sum != 0 else { continue }
      let place = part.lowerBound + (piece.firstIndex { !$0.isFinite } ?? 0)
      throw Failure(
        .badData, "The tensor \(name) of \(path) has the value \(piece[place - part.lowerBound]) at element \(place).")
    }
  }

  private func tensor(_ name: String, count: Int) throws(Failure) -> Tensor {
    guard let tensor = header.tensors.first(where: { $0.name == name }) else {
      throw Failure(.badData, "\(path) has no tensor \(name).")
    }
    guard tensor.type == "F32" else {
      throw Failure(.badData, "The tensor \(name) of \(path) has the type \(tensor.type); only F32 can be read.")
    }
    guard tensor.count == count else {
      throw Failure(
        .badData, "The tensor \(name) of \(path) has the shape \(tensor.shape), but \(count) elements are expected.")
    }
    return tensor
  }

  private static func bytes(_ range: Range<Int>, of descriptor: Int32, _ path: String) throws(Failure) -> [UInt8] {
    var result = [UInt8](repeating: 0, count: range.count)
    var span = result.mutableSpan
    var bytes = span.mutableBytes
    try fill(&bytes, 0..<range.count, from: range.lowerBound, of: descriptor, path)
    return result
  }

  private static func fill(
    _ bytes: inout MutableRawSpan, _ range: Range<Int>, from offset: Int, of descriptor: Int32, _ path: String
  ) throws(Failure) {
    var done = 0
    while done < range.count {
      let count = bytes.withUnsafeMutableBytes { all in
        pread(descriptor, all.baseAddress! + range.lowerBound + done, range.count - done, off_t(offset + done))
      }
      if count > 0 {
        done += count
      } else if count == 0 {
        throw Failure(.badData, "\(path) ended at offset \(offset + done): it was truncated while being read.")
      } else if errno != EINTR {
        throw Failure(
          .inputOutput, "\(path) cannot be read at offset \(offset + done): \(String(cString: strerror(errno))).")
      }
    }
  }
}
