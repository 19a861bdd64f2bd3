internal import CXXHash
import Failures
import Foundation

/// An incremental 128-bit XXH3 checksum of bytes, as `xxhsum -H2` prints it.
///
/// Not cryptographic: it finds damage and duplicates, not forgery.
///
///     var checksum = Checksum()
///     checksum.update("text".utf8)
///     print(checksum.digest)
public struct Checksum: ~Copyable {
  private let state: OpaquePointer

  /// Creates the checksum of no bytes yet.
  public init() {
    guard let state = XXH3_createState() else { preconditionFailure("no memory for a checksum") }
    self.state = state
    XXH3_128bits_reset(state)
  }

  deinit { XXH3_freeState(state) }

  /// Forgets all bytes.
  public mutating func reset() { XXH3_128bits_reset(state) }

  /// Adds bytes in memory.
  public mutating func update(_ bytes: UnsafeRawBufferPointer) {
    guard let base = bytes.baseAddress else { return }
    XXH3_128bits_update(state, base, bytes.count)
  }

  /// Adds the bytes of a span.
  public mutating func update(_ bytes: RawSpan) {
    bytes.withUnsafeBytes { update($0) }
  }

  /// Adds the bytes in memory of trivial elements.
  public mutating func update<Element: BitwiseCopyable>(_ elements: Span<Element>) {
    update(elements.bytes)
  }

  /// Adds bytes of a collection, such as a string's UTF-8 view.
  public mutating func update(_ bytes: some Collection<UInt8>) {
    if bytes.withContiguousStorageIfAvailable({ update(UnsafeRawBufferPointer($0)) }) == nil {
      Array(bytes).withUnsafeBytes { update($0) }
    }
  }

  /// The checksum of all bytes so far; more may follow.
  public var digest: Digest {
    let hash = XXH3_128bits_digest(state)
    return Digest(high: hash.high64, low: hash.low64)
  }

  /// Computes the checksum of bytes at once.
  public static func digest(of bytes: UnsafeRawBufferPointer) -> Digest {
    let hash = XXH3_128bits(bytes.baseAddress ?? UnsafeRawPointer(bitPattern: 1)!, bytes.count)
    return Digest(high: hash.high64, low: hash.low64)
  }

  /// Computes the checksum of bytes at once.
  public static func digest(of bytes: some Collection<UInt8>) -> Digest {
    var checksum = Checksum()
    checksum.update(bytes)
    return checksum.digest
  }

  /// A 64-bit hash of bytes, for tables in memory.
  package static func hash(of bytes: UnsafeRawBufferPointer) -> UInt64 {
    XXH3_64bits(bytes.baseAddress ?? UnsafeRawPointer(bitPattern: 1)!, bytes.count)
  }

  /// Computes the checksum of a file, a part at a time: a mapped one would count as memory of the process.
  ///
  /// - Throws: `Failure(.missingInput)` if the file cannot be read.
  public static func digest(ofFile path: String) throws -> Digest {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
      throw Failure(.missingInput, "\(path) cannot be read: \(String(cString: strerror(errno))).")
    }
    defer { close(descriptor) }
    var checksum = Checksum()
    let part = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 64)
    defer { part.deallocate() }
    while true {
      let count = read(descriptor, part.baseAddress, part.count)
      if count < 0 && errno == EINTR { continue }
      guard count >= 0 else {
        throw Failure(.missingInput, "\(path) cannot be read: \(String(cString: strerror(errno))).")
      }
      if count == 0 { return checksum.digest }
      checksum.update(UnsafeRawBufferPointer(rebasing: part[..<count]))
    }
  }

  /// A 128-bit checksum as a value; in JSON and as text it is 32 hexadecimal digits.
  public struct Digest: Hashable, Sendable, BitwiseCopyable, CustomStringConvertible, Codable {
    /// The upper and lower 64 bits.
    public let high: UInt64, low: UInt64

    /// Creates a digest from its two halves.
    public init(high: UInt64, low: UInt64) {
      self.high = high
      self.low = low
    }

    /// Reads 32 hexadecimal digits; nil for anything else.
    public init?(_ text: String) {
      guard text.utf8.count == 32, text.utf8.allSatisfy({ isxdigit(Int32($0)) != 0 }),
        let high = UInt64(text.prefix(16), radix: 16), let low = UInt64(text.suffix(16), radix: 16)
      else { return nil }
      self.init(high: high, low: low)
    }

    /// 32 hexadecimal digits, the highest first.
    public var description: String { Digest.hexadecimal(high) + Digest.hexadecimal(low) }

    private static func hexadecimal(_ value: UInt64) -> String {
      let digits = String(value, radix: 16)
      return String(repeating: "0", count: 16 - digits.count) + digits
    }

    /// Reads the hexadecimal text.
    public init(from decoder: any Decoder) throws {
      let container = try decoder.singleValueContainer()
      guard let digest = Digest(try container.decode(String.self)) else {
        throw DecodingError.dataCorruptedError(in: container, debugDescription: "a checksum has 32 hexadecimal digits")
      }
      self = digest
    }

    /// Writes the hexadecimal text.
    public func encode(to encoder: any Encoder) throws {
      var container = encoder.singleValueContainer()
      try container.encode(description)
    }

    /// A hash of this digest under a key: a fixed pseudo-random number for each document and seed.
    package func keyed(by seed: UInt64) -> UInt64 {
      withUnsafeBytes(of: (high.littleEndian, low.littleEndian)) {
        XXH3_64bits_withSeed($0.baseAddress!, $0.count, seed)
      }
    }
  }
}
