import Corpus
import Failures
import Foundation
import Testing

/// Two lines, packed by the programs of the same names.
private let packed: [String: String] = [
  "gzip": "H4sIAAAAAAACA0vLLCouUcjJzEvlKk5Nzs9LgbABLFpFXRcAAAA=",
  "zstd": "KLUv/SQXuQAAZmlyc3QgbGluZQpzZWNvbmQgbGluZQofO7ig",
  "xz": "/Td6WFoAAATm1rRGAgAhARYAAAB0L+WjAQAWZmlyc3QgbGluZQpzZWNvbmQgbGluZQoAABLpMe+yotpkAAEvF4EISbEftvN9AQAAAAAEWVo=",
  "bzip2": "QlpoOTFBWSZTWYsT4YQAAATRgAAQQAAPJZwAIAAhoTIxlCAaAJEqMZVoywSC/VfxdyRThQkIsT4YQA==",
]
private let unpacked = "first line\nsecond line\n"

private func member(_ compression: String) -> [UInt8] { Array(Data(base64Encoded: packed[compression]!)!) }

/// Beginnings of files of other formats.
private let foreign: [String: [UInt8]] = [
  "Parquet": [0x50, 0x41, 0x52, 0x31, 0x15, 4],
  "zip": [0x50, 0x4B, 3, 4, 0x14, 0],
  "PDF": Array("%PDF-1.7".utf8),
  "tar": Array(String(repeating: "a", count: 257).utf8) + Array("ustar".utf8),
  "7-Zip": [0x37, 0x7A, 0xBC, 0xAF, 0x27, 0x1C],
  "UTF-32": [0xFF, 0xFE, 0, 0, 0x61, 0, 0, 0],
  "UTF-16 without": [0x70, 0, 0x6C, 0, 0x61, 0, 0x69, 0, 0x6E, 0],
  "SQLite": Array("SQLite format 3".utf8) + [0],
  "Git LFS": Array("version https://git-lfs.github.com/spec/v1".utf8),
  "gzip inside": [0x28, 0xB5, 0x2F, 0xFD, 0x20, 0x03, 0x19, 0, 0, 0x1F, 0x8B, 8],
]

@Suite struct FormatTests {
  // MARK: - Compression

  @Test(arguments: packed.keys.sorted())
  func `compressed text is read by its content, in several members and with zeros after them`(
    compression: String
  ) throws {
    let workshop = try Workshop()
    let one = member(compression)
    try workshop.write("d/one", one)
    try workshop.write("d/two", one + one)
    try workshop.write(
      "d/padded", one + [UInt8](repeating: 0, count: 4) + one + [UInt8](repeating: 0, count: 70_000) + one)
    #expect(try workshop.texts("paths: d").map(\.count).sorted() == [1, 2, 3].map { $0 * unpacked.count })
    #expect(try workshop.texts("paths: d").first == unpacked)
  }

  @Test(arguments: packed.keys.sorted())
  func `truncated compressed text is refused with file and offset`(compression: String) throws {
    let workshop = try Workshop()
    let one = member(compression)
    for length in [one.count - 1, one.count / 2, 11] {
      try workshop.write("a", one + one[..<length])
      expectFailure(.badData, mentioning: ["/a", "\(compression) data", "offset"]) {
        _ = try workshop.texts("paths: a")
      }
    }
  }

  @Test(arguments: packed.keys.sorted())
  func `a second member with a damaged header is refused, not passed over`(compression: String) throws {
    let workshop = try Workshop()
    let one = member(compression)
    for place in 0..<4 {
      var second = one
      second[place] ^= 0x40
      try workshop.write("a", one + second + one)
      expectFailure(.badData, mentioning: ["/a", "offset"]) { _ = try workshop.texts("paths: a") }
    }
    try workshop.write("a", one + Array("rubbish".utf8))
    expectFailure(.badData, mentioning: ["/a", "offset \(one.count)"]) { _ = try workshop.texts("paths: a") }
  }

  @Test func `patterns see through the names of compressed files`() throws {
    let workshop = try Workshop()
    for suffix in ["gz", "zst", "xz", "bz2"] { try workshop.write("d/\(suffix).txt.\(suffix)", suffix) }
    try workshop.write("d/other.pod.xz", "other")
    #expect(try workshop.texts("paths: d, include: \"*.txt\"") == ["bz2", "gz", "xz", "zst"])
  }

  // MARK: - JSON in any name

  private let lines = "{\"text\": \"first\", \"id\": 1}\n{\"text\": \"second\", \"id\": 2}\n"

  @Test(arguments: ["c4.00000.json", "part.JSONL", "notes.txt", "no-suffix"])
  func `JSON lines in any name are refused until the recipe says how to take them`(name: String) throws {
    let workshop = try Workshop()
    try workshop.write("d/" + name, lines)
    try workshop.writePacked("p/" + name, lines)
    for directory in ["d", "p"] {
      expectFailure(
        .badData, mentioning: ["recipe.yaml:3", name, "looks like JSON lines; say `field: text`", "`field: none`"]
      ) { _ = try workshop.texts("paths: \(directory)") }
      #expect(try workshop.texts("paths: \(directory), field: text") == ["first", "second"])
      #expect(try workshop.texts("paths: \(directory), field: none").joined() == lines)
    }
  }

  @Test(arguments: [
    "{}\n#[inline]\n{}{}\n", "{\n  \"pretty\": \"printed\"\n}\n", "{ block(); }\n", "[1, 2]\n[3]\n", "[{x}]\n",
    "[{\"a\": 1}].map(f)\nmore code\n", "{\"a\": 1}\nand\nmuch\nprose\n",
  ])
  func `text that only begins like JSON is text`(text: String) throws {
    let workshop = try Workshop()
    try workshop.write("d/a", text)
    try workshop.write("d/b", "other")
    #expect(try workshop.texts("paths: d").contains(text))
  }

  @Test func `a first line longer than what is looked at, and a fault in the second, are JSON lines still`() throws {
    let workshop = try Workshop()
    for text in [
      "{\"text\": \"" + String(repeating: "long ", count: 50_000) + "\"}\n", String(lines.dropLast(9)) + "\n",
    ] {
      try workshop.write("a", text)
      expectFailure(.badData, mentioning: ["looks like JSON lines"]) { _ = try workshop.texts("paths: a") }
    }
  }

  @Test func `an array of objects is read with a field and refused without`() throws {
    let workshop = try Workshop()
    for (name, text) in [
      ("flat", "[{\"text\": \"one\"}, {\"text\": \"two\"}]"),
      (
        "pretty",
        "\n[\n  {\n    \"id\": [1, {\"text\": \"no\"}],\n    \"text\": \"three\"\n  },\n  {\"text\": \"four\"}\n]\n"
      ),
    ] { try workshop.write("d/\(name).json", text) }
    #expect(try workshop.texts("paths: d, field: text") == ["four", "one", "three", "two"])
    expectFailure(.badData, mentioning: ["flat.json", "looks like a JSON array of objects", "`field: none`"]) {
      _ = try workshop.texts("paths: d")
    }
    try workshop.write("e.json", "[\n{\"text\": \"one\"},\n{\"txt\": \"two\"},\n3, {\"text\": 4},\n{\"text\": }]")
    expectFailure(.badData, mentioning: ["4 faults", "e.json:3", "'txt'", "e.json:4", "e.json:5", "well-formed"]) {
      _ = try workshop.texts("paths: e.json, field: text")
    }
  }

  @Test func `comma-separated values are named where JSON lines are expected, and text otherwise`() throws {
    let workshop = try Workshop()
    let table = "id,text\n1,\"first, with a comma\"\n2,second\n"
    try workshop.write("a.csv", table)
    try workshop.write("b.txt", "other")
    expectFailure(.badData, mentioning: ["a.csv", "looks like CSV"]) {
      _ = try workshop.texts("paths: a.csv, field: text")
    }
    #expect(try workshop.texts("paths: [a.csv, b.txt]") == [table, "other"])
  }

  // MARK: - Encodings and foreign formats

  @Test(arguments: [true, false])
  func `UTF-16 with a byte order mark is read`(isBigEndian: Bool) throws {
    let workshop = try Workshop()
    let encoding: String.Encoding = isBigEndian ? .utf16BigEndian : .utf16LittleEndian
    let mark: [UInt8] = isBigEndian ? [0xFE, 0xFF] : [0xFF, 0xFE]
    let text = "Grüße 😀 漢字 " + String(repeating: "many words ", count: 20_000)
    try workshop.write("d/a", mark + Array(text.data(using: encoding)!))
    try workshop.write("d/b", "other")
    #expect(try workshop.texts("paths: d") == [text, "other"])
    try workshop.write("l", mark + Array(lines.data(using: encoding)!))
    #expect(try workshop.texts("paths: l, field: text") == ["first", "second"])
    // Half a surrogate pair, and half a unit at the end.
    let broken: [UInt8] = isBigEndian ? [0, 0x61, 0xD8, 0x3D, 0, 0x62, 0] : [0x61, 0, 0x3D, 0xD8, 0x62, 0, 0x63]
    try workshop.write("d/a", mark + broken)
    let corpus = try workshop.build("tokenizer: {kind: bytes}\ndomains: {d: {paths: d}}")
    #expect(try corpus.allDocuments().contains("a\u{FFFD}b\u{FFFD}"))
    #expect(corpus.manifest.removed.repaired == 1)
  }

  @Test(arguments: foreign.keys.sorted())
  func `formats that are not read are named, with a field and without`(name: String) throws {
    let workshop = try Workshop()
    let content = try #require(foreign[name])
    try workshop.write("d/p.jsonl.zst", content)
    try workshop.write("d/good", "{\"text\": \"good\"}")
    for options in ["paths: d, field: text", "paths: d, field: none", "paths: d/p.jsonl.zst"] {
      expectFailure(.badData, mentioning: ["p.jsonl.zst", name, "not read here", "on_error: skip"]) {
        _ = try workshop.texts(options)
      }
    }
    let corpus = try workshop.build(
      "tokenizer: {kind: bytes}\non_error: skip\ndomains: {d: {paths: d, field: text}}")
    #expect(corpus.found(.faulty)?.count == 1)
    #expect(corpus.found(.faulty)?.first.contains(name) == true)
  }

  // MARK: - Damage

  @Test(arguments: 1...40)
  func `whatever happens to bytes, a build ends with a corpus or a sentence`(seed: Int) throws {
    var generator = SplitMix(state: UInt64(seed))
    let workshop = try Workshop()
    let seeds = packed.keys.sorted().map { member($0) + member($0) } + [Array(lines.utf8), Array("[\(lines)]".utf8)]
    for _ in 0..<5 {
      var bytes = seeds.randomElement(using: &generator)!
      for _ in 0..<Int.random(in: 1...4, using: &generator) {
        let place = Int.random(in: 0..<bytes.count, using: &generator)
        switch Int.random(in: 0..<4, using: &generator) {
        case 0: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
        case 1: bytes.insert(Array("{}[]\"\\,\n\0".utf8).randomElement(using: &generator)!, at: place)
        case 2: bytes.removeSubrange(place..<min(place + 4, bytes.count - 1))
        default: bytes.insert(contentsOf: Array(#"\ud83d"#.utf8), at: place)
        }
      }
      try workshop.write("a", bytes)
      let field = ["", ", field: text", ", field: none", ", field: a.b"].randomElement(using: &generator)!
      let handling = ["stop", "skip"].randomElement(using: &generator)!
      do {
        try workshop.build("tokenizer: {kind: bytes}\non_error: \(handling)\ndomains: {d: {paths: a\(field)}}").verify()
      } catch let failure as Failure {
        #expect(failure.kind == .badData, "\(failure)")
      }
    }
  }
}
