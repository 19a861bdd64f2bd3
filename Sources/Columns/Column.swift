/// A number of a ``Column``: of a fixed size, stored as it is in memory.
public protocol ColumnElement: Codable, BitwiseCopyable, Equatable, Sendable {
  /// Whether a run can have this number: it is finite, and sums and products with it do not overflow.
  var isSound: Bool { get }
}

extension Double: ColumnElement {
  /// Below 1e100.
  public var isSound: Bool { abs(self) < 1e100 }
}

extension Int: ColumnElement {
  /// Up to 2^53, as whole numbers in JSON.
  public var isSound: Bool { magnitude <= 1 << 53 }
}

extension Bool: ColumnElement {
  /// Always.
  public var isSound: Bool { true }
}

/// An array with a number for each domain in a state that is written as JSON.
///
/// Short arrays are part of the text. Long ones are written beside it in binary, by the ``ColumnWriter`` in the
/// encoder's `userInfo`, and the text says where: a million domains would take minutes as text.
///
/// ```swift
/// struct State: Codable {
///   @Column var cursors: [Int]
/// }
/// ```
@propertyWrapper
public struct Column<Element: ColumnElement>: Codable, Equatable, Sendable {
  /// The numbers.
  public var wrappedValue: [Element]

  /// Takes numbers.
  public init(wrappedValue: [Element]) { self.wrappedValue = wrappedValue }

  /// Where the numbers of a long array are.
  private struct Place: Codable {
    let offset, count: Int
  }

  /// Writes a short array into the text, and where a long one is.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    guard wrappedValue.count > Columns.mostInText, let writer = encoder.userInfo[.columns] as? ColumnWriter else {
      return try container.encode(wrappedValue)
    }
    let offset = try wrappedValue.withUnsafeBytes { try writer.write($0) }
    try container.encode(Place(offset: offset, count: wrappedValue.count))
  }

  /// Reads what ``encode(to:)`` wrote.
  ///
  /// - Throws: `DecodingError` if the place is not in the file, or a number there is none that a run can have.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    guard let reader = decoder.userInfo[.columns] as? ColumnReader, let place = try? container.decode(Place.self) else {
      wrappedValue = try container.decode([Element].self)
      return
    }
    guard let numbers = reader.read(Element.self, at: place.offset, count: place.count) else {
      throw DecodingError.dataCorruptedError(in: container, debugDescription: "no such place in the file of columns")
    }
    guard numbers.allSatisfy(\.isSound) else {
      throw DecodingError.dataCorruptedError(in: container, debugDescription: "a number that no run can have")
    }
    wrappedValue = numbers
  }
}

/// What readers and writers of columns share.
public enum Columns {
  /// The most numbers of an array that is part of the text, where people can read it.
  public static let mostInText = 1024
}

extension CodingUserInfoKey {
  /// The key of the ``ColumnWriter`` or ``ColumnReader`` in `userInfo`.
  public static let columns = CodingUserInfoKey(rawValue: "columns")!
}

/// Takes the long arrays of a state while it is encoded, on one thread.
public final class ColumnWriter: @unchecked Sendable {
  private let append: (UnsafeRawBufferPointer) throws -> Void
  /// Bytes so far.
  public private(set) var count = 0

  /// Hands on bytes in the order in which they come.
  public init(append: @escaping (UnsafeRawBufferPointer) throws -> Void) { self.append = append }

  fileprivate func write(_ bytes: UnsafeRawBufferPointer) throws -> Int {
    defer { count += bytes.count }
    try append(bytes)
    return count
  }
}

/// Gives the long arrays of a state while it is decoded.
public final class ColumnReader: @unchecked Sendable {
  private let bytes: UnsafeRawBufferPointer

  /// Reads from bytes, which have to stay where they are while it is used.
  public init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

  fileprivate func read<Element: ColumnElement>(_ type: Element.Type, at offset: Int, count: Int) -> [Element]? {
    let size = MemoryLayout<Element>.stride
    guard offset >= 0, count >= 0, offset <= bytes.count, count <= (bytes.count - offset) / size else { return nil }
    // Any byte but 0 and 1 is no Bool.
    if Element.self == Bool.self, bytes[offset..<offset + count].contains(where: { $0 > 1 }) { return nil }
    return [Element](unsafeUninitializedCapacity: count) { target, filled in
      UnsafeMutableRawBufferPointer(target).copyMemory(
        from: UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + count * size]))
      filled = count
    }
  }
}
