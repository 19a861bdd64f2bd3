/// Turns UTF-16 that comes in pieces into UTF-8.
struct UTF16Transcoding {
  private let isBigEndian: Bool
  /// A byte whose other half is still to come.
  private var halfUnit: UInt8?
  private var highSurrogate: UInt16?
  private var text: [UInt8] = []

  /// Whether something was replaced by U+FFFD: a surrogate without its other half, or half a unit at the end.
  private(set) var isRepaired = false

  init(isBigEndian: Bool) { self.isBigEndian = isBigEndian }

  /// Takes the next bytes and returns the characters that they complete.
  mutating func transcode(_ bytes: some Sequence<UInt8>) -> [UInt8] {
    text = []
    for byte in bytes {
      guard let first = halfUnit else {
        halfUnit = byte
        continue
      }
      halfUnit = nil
      take(isBigEndian ? UInt16(first) << 8 | UInt16(byte) : UInt16(byte) << 8 | UInt16(first))
    }
    return text
  }

  /// Returns what stands for a character that the text breaks off in.
  mutating func finish() -> [UInt8] {
    text = []
    if halfUnit != nil || highSurrogate != nil { replace() }
    halfUnit = nil
    highSurrogate = nil
    return text
  }

  private mutating func take(_ unit: UInt16) {
    if let high = highSurrogate {
      highSurrogate = nil
      guard !UTF16.isTrailSurrogate(unit) else {
        append(Unicode.Scalar(0x10000 + (UInt32(high) & 0x3FF) << 10 + UInt32(unit) & 0x3FF)!)
        return
      }
      replace()
    }
    if UTF16.isLeadSurrogate(unit) {
      highSurrogate = unit
    } else if let scalar = Unicode.Scalar(unit) {
      append(scalar)
    } else {
      replace()
    }
  }

  private mutating func replace() {
    isRepaired = true
    append("\u{FFFD}")
  }

  private mutating func append(_ scalar: Unicode.Scalar) { text.append(contentsOf: UTF8.encode(scalar)!) }
}
