/// What a file holds, as its beginning tells whatever its name.
enum ContentFormat: Equatable {
  case text
  /// Text whose lines are JSON objects, or that is a JSON array of objects.
  case jsonLines, jsonArray
  /// Lines with as many commas, semicolons or tabs as the first: comma-separated values or the like.
  case table
  /// A format with text in it that is not read here, with what to do about it.
  case foreign(name: String, advice: String)
  /// Not text, such as a picture or a program.
  case binary

  /// How much of a file is looked at.
  static let headLength = 1 << 16

  /// So many lines are looked at; at least half of them have to be alike.
  private static let comparedLines = 4

  /// Recognises the format.
  ///
  /// - Parameters:
  ///   - head: The beginning of the content, decompressed.
  ///   - isWhole: Whether that is all of it.
  init(head: [UInt8], isWhole: Bool) {
    if let signature = Signature.all.first(where: { $0.matches(head) }) {
      self = .foreign(name: signature.name, advice: signature.advice)
    } else if let bytes = ContentFormat.unmarkedUTF16(head) {
      self = .foreign(
        name: "UTF-16 without a byte order mark", advice: "convert it: iconv -f UTF-16\(bytes) -t UTF-8")
    } else if TextRepair.isBinary(head) {
      self = .binary
    } else {
      self = ContentFormat.textFormat(head[...], isWhole: isWhole)
    }
  }

  private static func textFormat(_ head: ArraySlice<UInt8>, isWhole: Bool) -> ContentFormat {
    let text = head.drop { TextRepair.isBlank($0) }
    if text.first == UInt8(ascii: "[") {
      return JSONScanner.isArrayOfObjects(text, isCutOff: !isWhole) ? .jsonArray : .text
    }
    let lines = text.split(separator: UInt8(ascii: "\n"), maxSplits: comparedLines).prefix(comparedLines)
      .filter { !$0.allSatisfy { TextRepair.isBlank($0) } }
    guard let first = lines.first else { return .text }
    if text.first == UInt8(ascii: "{") {
      // An object that goes on in the next line is no line of JSON, so pretty-printed JSON is text.
      func isObject(_ line: ArraySlice<UInt8>) -> Bool {
        JSONScanner.isObject(line, isCutOff: line.endIndex == text.endIndex && !isWhole)
      }
      return isObject(first) && 2 * lines.count(where: isObject) >= lines.count ? .jsonLines : .text
    }
    let isTable =
      lines.count >= 2
      && [",", ";", "\t"].contains { (separator: Unicode.Scalar) in
        let counts = lines.map { line in line.count { $0 == UInt8(ascii: separator) } }
        return counts[0] >= 1 && 2 * counts.count { $0 >= counts[0] } > counts.count
      }
    return isTable ? .table : .text
  }

  /// `LE` or `BE` if every other byte of the head is NUL, as in UTF-16 of European text.
  private static func unmarkedUTF16(_ head: [UInt8]) -> String? {
    let head = head.prefix(512)
    guard head.count >= 8 else { return nil }
    let even = head.indices.count { $0 % 2 == 0 && head[$0] == 0 }
    let odd = head.indices.count { $0 % 2 == 1 && head[$0] == 0 }
    let most = head.count * 7 / 16
    if odd >= most, even == 0 { return "LE" }
    return even >= most && odd == 0 ? "BE" : nil
  }

  /// The bytes by which a foreign format is known.
  private struct Signature {
    let name: String
    let bytes: [UInt8]
    var offset = 0
    let advice: String

    init(_ name: String, _ bytes: [UInt8], at offset: Int = 0, _ advice: String) {
      self.name = name
      self.bytes = bytes
      self.offset = offset
      self.advice = advice
    }

    init(_ name: String, _ text: String, at offset: Int = 0, _ advice: String) {
      self.init(name, Array(text.utf8), at: offset, advice)
    }

    func matches(_ head: [UInt8]) -> Bool { head.dropFirst(offset).starts(with: bytes) }

    private static let toLines = "turn its rows into JSON lines and say `field`"
    private static let unpack = "unpack it and name the files that it holds"
    private static let unpackOnce = "the content is compressed twice; unpack it once"

    static let all = [
      Signature("Parquet", "PAR1", toLines),
      Signature("Apache Arrow", "ARROW1", toLines),
      Signature("Feather", "FEA1", toLines),
      Signature("Avro", "Obj\u{1}", toLines),
      Signature("HDF5", [0x89, 0x48, 0x44, 0x46, 0x0D, 0x0A, 0x1A, 0x0A], toLines),
      Signature("SQLite", "SQLite format 3\u{0}", toLines),
      Signature("NumPy", [0x93, 0x4E, 0x55, 0x4D, 0x50, 0x59], "turn it back into text"),
      Signature(
        "zip (office documents and EPUB are zip files, too)", [0x50, 0x4B, 3, 4],
        "unpack it, or export an office document as text"),
      Signature("tar", "ustar", at: 257, unpack),
      Signature("7-Zip", [0x37, 0x7A, 0xBC, 0xAF, 0x27, 0x1C], unpack),
      Signature("RAR", [0x52, 0x61, 0x72, 0x21, 0x1A, 7], unpack),
      Signature("PDF", "%PDF-", "extract its text, such as by pdftotext"),
      Signature("DjVu", "AT&TFORM", "extract its text, such as by djvutxt"),
      Signature(
        "an office document of the old binary kind", [0xD0, 0xCF, 0x11, 0xE0, 0xA1, 0xB1, 0x1A, 0xE1],
        "export it as text"),
      Signature("lz4", [0x04, 0x22, 0x4D, 0x18], "unpack it, or compress it with gzip, zstd, xz or bzip2"),
      Signature("compress", [0x1F, 0x9D], "unpack it, or compress it with gzip, zstd, xz or bzip2"),
      Signature("lzip", [0x4C, 0x5A, 0x49, 0x50, 1], "unpack it, or compress it with gzip, zstd, xz or bzip2"),
      Signature("gzip inside another compression", [0x1F, 0x8B, 8], unpackOnce),
      Signature("zstd inside another compression", [0x28, 0xB5, 0x2F, 0xFD], unpackOnce),
      Signature("xz inside another compression", [0xFD, 0x37, 0x7A, 0x58, 0x5A, 0], unpackOnce),
      Signature("UTF-32", [0xFF, 0xFE, 0, 0], "convert it: iconv -f UTF-32 -t UTF-8"),
      Signature("UTF-32", [0, 0, 0xFE, 0xFF], "convert it: iconv -f UTF-32 -t UTF-8"),
      Signature(
        "a pointer of Git LFS instead of the file", "version https://git-lfs.github.com/spec/",
        "fetch the file itself with 'git lfs pull'"),
    ]
  }
}
