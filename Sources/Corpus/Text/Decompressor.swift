/// A streaming decoder of compressed data, one member at a time: a gzip member, a zstd frame, an xz or bzip2 stream.
protocol Decompressor: AnyObject {
  /// Decodes what the input gives and the output holds.
  ///
  /// - Throws: `DamagedData` if the input is not what it has to be.
  func decode(
    _ input: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer
  ) throws(DamagedData) -> DecodingStep

  /// Gets ready for the next member.
  func reset() throws(DamagedData)
}

/// What one call of a decoder did.
struct DecodingStep {
  /// Bytes of the input that were used, and bytes of the output that were filled.
  let consumed: Int, produced: Int
  /// Whether the member is complete.
  let isEnd: Bool
}

/// Why compressed data cannot be decoded, as words that complete "its gzip data is damaged: ...".
struct DamagedData: Error {
  let reason: String
}

/// The compressions that are read, recognised by their first bytes whatever the name of a file.
enum Compression: String, CaseIterable {
  case gzip, zstd, xz, bzip2

  /// How many bytes are needed to recognise a member.
  static let magicLength = 10

  /// What file names of compressed files end with.
  static let suffixes = [".gz", ".zst", ".xz", ".bz2"]

  /// Recognises the beginning of a member.
  init?(magic bytes: some Collection<UInt8>) {
    guard let compression = Compression.allCases.first(where: { $0.begins(Array(bytes.prefix(10))) }) else {
      return nil
    }
    self = compression
  }

  private func begins(_ bytes: [UInt8]) -> Bool {
    switch self {
    case .gzip: bytes.starts(with: [0x1F, 0x8B])
    // A frame, or one with data that decoders pass over.
    case .zstd:
      bytes.starts(with: [0x28, 0xB5, 0x2F, 0xFD])
        || (bytes.count >= 4 && bytes[0] & 0xF0 == 0x50 && bytes[1...3].elementsEqual([0x2A, 0x4D, 0x18]))
    case .xz: bytes.starts(with: [0xFD, 0x37, 0x7A, 0x58, 0x5A, 0])
    // "BZh" alone could be text; the number of a block, or of the end, follows the level.
    case .bzip2:
      bytes.starts(with: Array("BZh".utf8)) && bytes.count == 10
        && (bytes[4...].elementsEqual([0x31, 0x41, 0x59, 0x26, 0x53, 0x59])
          || bytes[4...].elementsEqual([0x17, 0x72, 0x45, 0x38, 0x50, 0x90]))
    }
  }

  /// Makes a decoder.
  func decompressor() throws(DamagedData) -> any Decompressor {
    switch self {
    case .gzip: try GzipDecompressor()
    case .zstd: try ZstdDecompressor()
    case .xz: try XzDecompressor()
    case .bzip2: try Bzip2Decompressor()
    }
  }

  /// The name of a file without what a compressor added to it.
  static func bareName(_ name: String) -> String {
    guard let suffix = suffixes.first(where: { name.hasSuffix($0) }) else { return name }
    return String(name.dropLast(suffix.count))
  }
}
