import Failures
import Foundation

/// The text of a file: decompressed, without its byte order mark, and in UTF-8 if it was UTF-16 with such a mark.
///
/// Bytes that are not UTF-8 come as they are.
struct TextStream: ~Copyable {
  private var bytes: ByteStream
  private var transcoding: UTF16Transcoding?
  /// Text that was looked at and not read yet.
  private var ahead: [UInt8]
  private var isAtEnd = false
  /// The length of the byte order mark, which offsets count.
  private let markLength: Int

  /// A document is held in memory and has a 32-bit number of tokens, so it has to stay below this size.
  static let maximumDocument = 1 << 30

  private static let partSize = 1 << 16

  /// Opens a regular file.
  ///
  /// - Throws: `TextFault`, as reading does.
  init(_ path: String) throws(TextFault) {
    var bytes = try ByteStream(path)
    var ahead: [UInt8] = []
    while ahead.count < 4, try bytes.read(upTo: TextStream.partSize, appendingTo: &ahead) > 0 {}
    self.bytes = bytes
    markLength = ahead.starts(with: [0xEF, 0xBB, 0xBF]) ? 3 : 0
    if ahead.starts(with: [0xFF, 0xFE]) && !ahead.dropFirst(2).starts(with: [0, 0]) {
      transcoding = UTF16Transcoding(isBigEndian: false)
    } else if ahead.starts(with: [0xFE, 0xFF]) {
      transcoding = UTF16Transcoding(isBigEndian: true)
    }
    ahead.removeFirst(transcoding == nil ? markLength : 2)
    self.ahead = transcoding == nil ? ahead : transcoding!.transcode(ahead)
  }

  /// The path as messages show it.
  var name: String { bytes.name }

  /// Whether UTF-16 was not well-formed and what was wrong replaced by U+FFFD.
  var isRepaired: Bool { transcoding?.isRepaired ?? false }

  /// Looks at the beginning of the text, up to about `count` bytes; nothing may have been read yet.
  ///
  /// - Throws: `TextFault`, as reading does.
  mutating func head(_ count: Int) throws(TextFault) -> (text: [UInt8], isWhole: Bool) {
    while ahead.count < count, !isAtEnd { try fetch() }
    return (ahead, isAtEnd)
  }

  /// Appends the next part of the text and returns its length, 0 at the end.
  private mutating func read(appendingTo text: inout [UInt8]) throws(TextFault) -> Int {
    if ahead.isEmpty, !isAtEnd {
      guard transcoding != nil else { return try bytes.read(upTo: TextStream.partSize, appendingTo: &text) }
      while ahead.isEmpty, !isAtEnd { try fetch() }
    }
    let count = ahead.count
    text.append(contentsOf: ahead)
    ahead = []
    return count
  }

  private mutating func fetch() throws(TextFault) {
    var part: [UInt8] = []
    isAtEnd = try bytes.read(upTo: TextStream.partSize, appendingTo: &part) == 0
    if transcoding != nil { part = isAtEnd ? transcoding!.finish() : transcoding!.transcode(part) }
    ahead += part
  }

  /// Reads the whole text.
  ///
  /// - Throws: `TextFault(.badData)` if it is larger than a document may be.
  mutating func content() throws(TextFault) -> [UInt8] {
    var text: [UInt8] = []
    while try read(appendingTo: &text) > 0 {
      guard text.count <= TextStream.maximumDocument else {
        throw TextFault(
          kind: .badData, message: "\(name) is larger than 1 GiB, the most that one document may hold; split it.")
      }
    }
    return text
  }

  /// Reads the text line by line; lines come without their line feed, with their number from 1 on and their offset.
  ///
  /// - Throws: what the body throws, and `TextFault(.badData)` for a line larger than a document may be.
  mutating func forEachLine(
    _ body: (_ line: ArraySlice<UInt8>, _ number: Int, _ offset: Int) throws -> Void
  ) throws {
    var text: [UInt8] = []
    var number = 0
    var offset = markLength
    var searched = 0
    while try read(appendingTo: &text) > 0 {
      var start = 0
      while let end = text[max(start, searched)...].firstIndex(of: UInt8(ascii: "\n")) {
        number += 1
        try body(text[start..<end], number, offset + start)
        start = end + 1
      }
      text.removeSubrange(..<start)
      offset += start
      searched = text.count
      guard text.count <= TextStream.maximumDocument else {
        throw TextFault(
          kind: .badData,
          message: "\(name):\(number + 1): The line is larger than 1 GiB, the most that one document may hold.")
      }
    }
    if !text.isEmpty { try body(text[...], number + 1, offset) }
  }
}
