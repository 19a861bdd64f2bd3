import Corpus
import Foundation
import Testing

@Suite struct TextTests {
  /// The texts that one domain with these options yields, sorted.
  private func texts(_ workshop: Workshop, _ options: String) throws -> [String] {
    let corpus = try workshop.build("tokenizer: {kind: bytes}\ndomains:\n  d: {\(options)}\n")
    return try (corpus.documents(corpus.domains[0].train) + corpus.documents(corpus.domains[0].validation)).sorted()
  }

  @Test func `directories, files and packed files are read`() throws {
    let workshop = try Workshop()
    try workshop.write("d/one.txt", "one")
    try workshop.write("d/deep/er/two.txt", "two")
    try workshop.writePacked("d/three.txt", "three")
    try workshop.write("d/.hidden", "hidden")
    try workshop.write("single", "four")
    try workshop.writePacked("five", "five")
    #expect(try texts(workshop, "paths: [d, single, five.gz]") == ["five", "four", "one", "three", "two"])
  }

  @Test func `gzip is recognised by content, not by name`() throws {
    let workshop = try Workshop()
    try workshop.writePacked("d/a", "packed")
    try FileManager.default.moveItem(atPath: workshop.path + "/d/a.gz", toPath: workshop.path + "/d/a.txt")
    try workshop.write("d/b.gz", "not packed")
    #expect(try texts(workshop, "paths: d") == ["not packed", "packed"])
  }

  @Test func `patterns choose files by name or, with a slash, by path`() throws {
    let workshop = try Workshop()
    for name in ["a.pod", "a.txt", "x/b.pod", "x/b.txt", "x/y/c.pod"] { try workshop.write("d/" + name, name) }
    try workshop.writePacked("d/z.pod", "z")
    #expect(try texts(workshop, "paths: d, include: [\"*.pod\"]") == ["a.pod", "x/b.pod", "x/y/c.pod", "z"])
    #expect(try texts(workshop, "paths: d, include: [\"x/*\", a.txt]") == ["a.txt", "x/b.pod", "x/b.txt", "x/y/c.pod"])
  }

  @Test func `JSON lines are read with their field`() throws {
    let workshop = try Workshop()
    let lines = [
      "{\"text\": \"first\\nline \\u00e9 \\ud83d\\ude00\", \"id\": 1}", "",
      "{\"id\": {\"text\": 2}, \"text\":\"second\"}",
    ]
    try workshop.write("a.jsonl", lines.joined(separator: "\r\n"))
    #expect(try texts(workshop, "paths: a.jsonl") == ["first\nline é 😀", "second"])
    try workshop.writePacked("b.jsonl", "{\"body\": \"packed\"}\n{\"body\": \"lines\"}\n")
    #expect(try texts(workshop, "paths: b.jsonl.gz, field: body") == ["lines", "packed"])
    try workshop.write("c", "{\"body\": \"no\"}\n{\"body\": \"suffix\"}\n")
    #expect(try texts(workshop, "paths: c, field: body") == ["no", "suffix"])
  }

  @Test func `JSON lines longer than the reading buffer are whole`() throws {
    let workshop = try Workshop()
    let long = String(repeating: "long ", count: 100_000)
    try workshop.write("a.jsonl", "{\"text\": \"\(long)\"}\n{\"text\": \"short\"}\n")
    #expect(try texts(workshop, "paths: a.jsonl") == [long, "short"])
  }

  @Test(arguments: [
    ("{\"text\": \"a\"}\n{\"text\": \n", "a.jsonl:2 (offset 14)", "well-formed"),
    ("[1]\n", "a.jsonl:1", "not an object"),
    ("{\"txt\": \"a\"}", "a.jsonl:1", "'txt'"), ("{\"text\": 3}", "a.jsonl:1", "not a string"),
  ])
  func `faulty JSON lines are refused with their line`(content: String, place: String, problem: String) throws {
    let workshop = try Workshop()
    try workshop.write("a.jsonl", content)
    expectFailure(.badData, mentioning: [place, problem]) { _ = try texts(workshop, "paths: a.jsonl") }
  }

  @Test func `invalid UTF-8 is replaced and its place reported`() throws {
    let workshop = try Workshop()
    try workshop.write("d/bad", [0x61, 0x62, 0xFF, 0x63, 0xC3, 0x28])
    try workshop.write("d/good", "good")
    nonisolated(unsafe) var lines: [String] = []
    let corpus = try workshop.build("tokenizer: {kind: bytes}\ndomains: {d: {paths: d}}") { lines.append($0) }
    let all = try corpus.documents(corpus.domains[0].train) + corpus.documents(corpus.domains[0].validation)
    #expect(all.sorted() == ["ab\u{FFFD}c\u{FFFD}(", "good"])
    #expect(corpus.manifest.removed.repaired == 1)
    #expect(lines.contains { $0.contains("U+FFFD") && $0.contains("d/bad, offset 2") })
  }

  @Test func `files that are not text are left out and reported`() throws {
    let workshop = try Workshop()
    try workshop.write("d/picture", [0x89, 0x50, 0x4E, 0x47, 0, 0, 0, 1])
    try workshop.write("d/good", "good text")
    let corpus = try workshop.build("tokenizer: {kind: bytes}\ndomains: {d: {paths: d}}")
    #expect(corpus.manifest.removed.binary == 1)
    #expect(corpus.domains[0].train.documentCount == 1)
  }

  @Test func `a byte order mark is no text`() throws {
    let workshop = try Workshop()
    try workshop.write("a", [0xEF, 0xBB, 0xBF] + Array("one two".utf8))
    #expect(try texts(workshop, "paths: a") == ["one ", "two"])
  }

  @Test func `damaged and truncated gzip is refused`() throws {
    let workshop = try Workshop()
    var generator = SplitMix(state: 3)
    let text = (0..<5000).map { _ in String(UInt64.random(in: 0...UInt64.max, using: &generator)) }.joined(
      separator: "\n")
    try workshop.writePacked("a", text)
    let packed = try workshop.read("a.gz")
    for length in [packed.count - 1, packed.count - 8, packed.count / 2, 11] {
      try workshop.write("a.gz", Array(packed[..<length]))
      expectFailure(.badData, mentioning: ["a.gz"]) { _ = try texts(workshop, "paths: a.gz") }
    }
    var damaged = packed
    damaged[packed.count / 2] ^= 0x10
    try workshop.write("a.gz", damaged)
    expectFailure(.badData, mentioning: ["a.gz"]) { _ = try texts(workshop, "paths: a.gz") }
    try workshop.write("a.zst", [0x28, 0xB5, 0x2F, 0xFD, 1, 2, 3])
    expectFailure(.badData, mentioning: ["zstd"]) { _ = try texts(workshop, "paths: a.zst") }
    #expect(try workshop.contents() == ["a.gz", "a.zst", "recipe.yaml"])
  }

  @Test func `sources without text name domain and path`() throws {
    let workshop = try Workshop()
    try FileManager.default.createDirectory(atPath: workshop.path + "/bare", withIntermediateDirectories: true)
    try workshop.write("d/a.txt", "text")
    try workshop.write("blank", " \n")
    let here = "recipe.yaml:3: domains.d.paths"
    expectFailure(.missingInput, mentioning: [here, "/none", "domain 'd'"]) { _ = try texts(workshop, "paths: none") }
    expectFailure(.missingInput, mentioning: [here, "/bare", "no file"]) { _ = try texts(workshop, "paths: bare") }
    expectFailure(.missingInput, mentioning: [here, "/d", "'*.pod'"]) {
      _ = try texts(workshop, "paths: d, include: \"*.pod\"")
    }
    expectFailure(.badData, mentioning: [here, "/blank", "1 are empty"]) { _ = try texts(workshop, "paths: blank") }
    expectFailure(.badConfiguration, mentioning: ["recipe.yaml:3", "paths", "required"]) { _ = try texts(workshop, "") }
    expectFailure(.badConfiguration, mentioning: ["includ", "'include'"]) {
      _ = try texts(workshop, "paths: d, includ: x")
    }
    expectFailure(.badConfiguration, mentioning: ["at least one domain"]) { try workshop.build("domains: {}") }
    #expect(try workshop.contents() == ["bare", "blank", "d", "recipe.yaml"])
  }
}
