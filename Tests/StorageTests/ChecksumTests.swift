import Foundation
import Storage
import Testing

@Suite struct ChecksumTests {
  @Test func `the checksum of nothing is the one that xxhsum prints`() {
    // XXH3's published value for no bytes and seed 0.
    #expect(Checksum.digest(of: [UInt8]()).description == "99aa06d3014798d86001c324468d497f")
    #expect(Checksum().digest == Checksum.digest(of: "".utf8))
  }

  @Test func `parts give the same checksum as the whole`() {
    let bytes = (0..<100_000).map { UInt8(truncatingIfNeeded: $0 &* 31 ^ $0 >> 5) }
    let whole = bytes.withUnsafeBytes { Checksum.digest(of: $0) }
    var parts = Checksum()
    for start in stride(from: 0, to: bytes.count, by: 777) {
      parts.update(bytes[start..<min(start + 777, bytes.count)])
    }
    #expect(parts.digest == whole)
    var spans = Checksum()
    spans.update(bytes.span)
    #expect(spans.digest == whole)
    var changed = bytes
    changed[50_000] ^= 1
    #expect(Checksum.digest(of: changed) != whole)
  }

  @Test func `a digest is read back from its text and from JSON`() throws {
    let digest = Checksum.Digest(high: 0x12, low: UInt64.max)
    #expect(digest.description == "0000000000000012ffffffffffffffff")
    #expect(Checksum.Digest(digest.description) == digest)
    #expect(try JSONDecoder().decode([Checksum.Digest].self, from: JSONEncoder().encode([digest])) == [digest])
    for text in ["", "12", "+000000000000012ffffffffffffffff", "0000000000000012fffffffffffffffg"] {
      #expect(Checksum.Digest(text) == nil)
    }
  }
}
