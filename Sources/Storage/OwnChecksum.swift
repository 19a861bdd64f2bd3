/// The checksum that a manifest has of itself: of its text without the one line that holds it, which is the first.
package enum OwnChecksum {
  /// Computes it from a manifest's text.
  ///
  /// - Returns: Nil if there is no such line where `JSON.pretty` puts the key `checksum`.
  package static func computed(from text: [UInt8]) -> Checksum.Digest? {
    let start = Array("{\n  \"checksum\" : \"".utf8)
    let end = Array("\",\n".utf8)
    let length = start.count + 32 + end.count
    guard text.starts(with: start), text.prefix(length).suffix(end.count).elementsEqual(end) else { return nil }
    var checksum = Checksum()
    checksum.update(text[..<2])
    checksum.update(text[length...])
    return checksum.digest
  }
}
