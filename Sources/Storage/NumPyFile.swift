import Failures

#if _endian(big)
  #error(".npy files are written little-endian, as numbers are in memory")
#endif

/// The types of elements that `.npy` files are read and written with; the raw value is NumPy's name.
public enum NumPyElement: String, CaseIterable, Sendable {
  /// 16-bit floating point; read only.
  case float16 = "<f2"
  /// 32-bit floating point.
  case float32 = "<f4"
  /// 64-bit floating point.
  case float64 = "<f8"
  /// 32-bit signed integers.
  case int32 = "<i4"
  /// 64-bit signed integers.
  case int64 = "<i8"

  /// Bytes of one element.
  public var size: Int {
    switch self {
    case .float16: 2
    case .float32, .int32: 4
    case .float64, .int64: 8
    }
  }

  static var names: String { allCases.map(\.rawValue).joined(separator: ", ") }
}

/// A type whose values `.npy` files are written from.
public protocol NumPyStorable: BitwiseCopyable {
  /// The type's name in the format.
  static var numPyElement: NumPyElement { get }
}

extension Float: NumPyStorable {
  /// `<f4`.
  public static var numPyElement: NumPyElement { .float32 }
}

extension Double: NumPyStorable {
  /// `<f8`.
  public static var numPyElement: NumPyElement { .float64 }
}

extension Int32: NumPyStorable {
  /// `<i4`.
  public static var numPyElement: NumPyElement { .int32 }
}

extension Int64: NumPyStorable {
  /// `<i8`.
  public static var numPyElement: NumPyElement { .int64 }
}

/// An array in an `.npy` file, mapped: nothing of it is loaded before it is read.
///
/// Read are versions 1.0 to 3.0 of the format, row-major, with little-endian numbers of ``NumPyElement``.
public struct NumPyFile: Sendable {
  /// The path that the file was opened by.
  public var path: String { file.path }
  /// The type of the elements.
  public let element: NumPyElement
  /// The sizes, the slowest first; none for a single number.
  public let shape: [Int]
  /// The number of elements.
  public let count: Int

  private let file: MappedFile
  private let dataOffset: Int

  /// Opens a file and holds its size against its header.
  ///
  /// - Throws: `Failure`: `.missingInput` if it cannot be opened; `.badData` if it is no `.npy` file, truncated, of
  ///   another element type, or column-major.
  public init(path: String) throws { try self.init(MappedFile(path)) }

  package init(_ file: MappedFile) throws(Failure) {
    let read = { (bytes: UnsafeRawBufferPointer) throws(Failure) in try NumPyHeader.read(bytes, of: file.path) }
    let (header, offset) = try file.withBytes(read)
    var size = header.element.size
    for length in header.shape {
      let (product, overflow) = size.multipliedReportingOverflow(by: length)
      guard !overflow else { throw Failure(.badData, "\(file.path) has an impossible shape, \(header.shape).") }
      size = product
    }
    guard file.count - offset == size else {
      throw Failure(
        .badData,
        "\(file.path) has \(file.count - offset) bytes of elements, where its shape \(header.shape) makes \(size); it "
          + "is truncated or damaged.")
    }
    (self.file, dataOffset) = (file, offset)
    (element, shape, count) = (header.element, header.shape, size / header.element.size)
  }

  /// Reads consecutive elements as floats.
  ///
  /// - Precondition: The range lies within the array, and `values` has as many elements.
  /// - Throws: `Failure`: `.badData` if the elements are integers, `.inputOutput` if the file has become shorter.
  public func read(_ range: Range<Int>, into values: inout MutableSpan<Float>) throws(Failure) {
    precondition(range.lowerBound >= 0 && range.upperBound <= count, "a part of the array")
    precondition(values.count == range.count, "room for the part")
    try file.checkSize()
    file.withBytes { bytes in
      let first = dataOffset + range.lowerBound * element.size
      func fill<Stored: BitwiseCopyable>(_ type: Stored.Type, _ convert: (Stored) -> Float) {
        for place in 0..<range.count {
          values[place] = convert(bytes.loadUnaligned(fromByteOffset: first + place * element.size, as: type))
        }
      }
      switch element {
      case .float16: fill(Float16.self) { Float($0) }
      case .float32: fill(Float.self) { $0 }
      case .float64: fill(Double.self) { Float($0) }
      case .int32, .int64: break
      }
    }
    try file.checkSize()
    if element == .int32 || element == .int64 {
      throw Failure(.badData, "\(path) has integers (\(element.rawValue)), where numbers with a fraction are expected.")
    }
  }

  /// Reads consecutive elements as integers.
  ///
  /// - Precondition: The range lies within the array.
  /// - Throws: `Failure`: `.badData` if the elements are no integers, `.inputOutput` if the file has become shorter.
  public func integers(_ range: Range<Int>) throws(Failure) -> [Int] {
    precondition(range.lowerBound >= 0 && range.upperBound <= count, "a part of the array")
    guard element == .int32 || element == .int64 else {
      throw Failure(.badData, "\(path) has elements of type \(element.rawValue), where integers are expected.")
    }
    try file.checkSize()
    let first = dataOffset
    let numbers = file.withBytes { bytes in
      range.map { place in
        element == .int32
          ? Int(bytes.loadUnaligned(fromByteOffset: first + 4 * place, as: Int32.self))
          : Int(bytes.loadUnaligned(fromByteOffset: first + 8 * place, as: Int64.self))
      }
    }
    try file.checkSize()
    return numbers
  }
}

/// A writer of an `.npy` file, which takes the elements one part after another.
///
/// ```swift
/// var writer = try NumPyWriter<Float>(path: path, shape: [documents, 256])
/// for row in rows { try writer.write(row.span) }
/// let record = try writer.finish()
/// ```
public struct NumPyWriter<Element: NumPyStorable>: ~Copyable {
  private var file: OutputFile
  private var missing: Int

  /// Creates the file and writes its header.
  ///
  /// - Precondition: No size is negative, and there are at most 16 of them.
  /// - Throws: `Failure(.cannotCreate)` or `.inputOutput`.
  public init(path: String, shape: [Int]) throws {
    precondition(shape.allSatisfy { $0 >= 0 } && shape.count <= 16, "an impossible shape")
    var file = try OutputFile(path)
    try file.write(NumPyHeader(element: Element.numPyElement, shape: shape).encoded)
    self.file = file
    missing = shape.reduce(1, *)
  }

  /// Writes the next elements.
  ///
  /// - Precondition: No more than the shape has room for.
  /// - Throws: `Failure(.inputOutput)`.
  public mutating func write(_ values: Span<Element>) throws {
    precondition(values.count <= missing, "more elements than the shape has")
    try values.withUnsafeBytes { try file.write($0) }
    missing -= values.count
  }

  /// Brings the file to disk.
  ///
  /// - Precondition: Every element has been written.
  /// - Throws: `Failure(.inputOutput)`.
  @discardableResult public mutating func finish() throws -> FileRecord {
    precondition(missing == 0, "\(missing) elements are missing")
    return try file.finish()
  }
}
