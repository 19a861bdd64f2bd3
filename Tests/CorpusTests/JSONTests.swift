import Corpus
import Foundation
import Testing

@Suite struct JSONTests {
  private func texts(_ lines: [String], field: String = "text") throws -> [String] {
    let workshop = try Workshop()
    try workshop.write("a", lines.joined(separator: "\n"))
    return try workshop.texts("paths: a, field: \(field)")
  }

  @Test func `half a surrogate pair becomes U+FFFD and is counted as repaired`() throws {
    let workshop = try Workshop()
    let lines = [
      #"{"text":"half \ud83d smile"}"#, #"{"text":"\udE00 low"}"#, #"{"text":"twice \ud83d\ud83d\ude00"}"#,
      #"{"text":"end \ud83d"}"#, #"{"text":"whole \ud83d\ude00"}"#,
    ]
    try workshop.write("a", lines.joined(separator: "\n"))
    nonisolated(unsafe) var said: [String] = []
    let corpus = try workshop.build("tokenizer: {kind: bytes}\ndomains: {d: {paths: a, field: text}}") {
      said.append($0)
    }
    #expect(
      try corpus.allDocuments()
        == ["end \u{FFFD}", "half \u{FFFD} smile", "twice \u{FFFD}😀", "whole 😀", "\u{FFFD} low"].sorted())
    #expect(corpus.manifest.removed.repaired == 4)
    #expect(said.contains { $0.contains("U+FFFD: 4") && $0.contains("a:1") })
  }

  @Test(arguments: [
    "NaN", "-Infinity", "1e99999", "123456789012345678901234567890", "[[[{}]]]", "\"\\ud83d \\q\"", "undefined",
    String(repeating: "[", count: 5000) + String(repeating: "]", count: 5000),
  ])
  func `fields that are not read may hold anything`(value: String) throws {
    #expect(
      try texts(["{\"score\":\(value),\"text\":\"ok\"}", "{\"text\":\"fine\", \"score\" : \(value) }"]) == [
        "fine", "ok",
      ])
  }

  @Test func `invalid UTF-8 is repaired in the text and no matter elsewhere`() throws {
    let workshop = try Workshop()
    try workshop.write(
      "a",
      Array("{\"name\": \"".utf8) + [0xFF] + Array("\", \"text\": \"good\"}\n{\"text\": \"b".utf8) + [0xFF]
        + Array("d\"}".utf8))
    let corpus = try workshop.build("tokenizer: {kind: bytes}\ndomains: {d: {paths: a, field: text}}")
    #expect(try corpus.allDocuments() == ["b\u{FFFD}d", "good"])
    #expect(corpus.manifest.removed.repaired == 1)
  }

  @Test func `a field may be a path, and a key with a dot comes first`() throws {
    #expect(
      try texts(
        [
          #"{"meta": {"lang": "en", "text": "nested"}, "text": "no"}"#,
          #"{"meta": {"text": "no"}, "meta.text": "literal"}"#, #"{"m\u0065ta": {"t\u0065xt": "escaped"}}"#,
        ], field: "meta.text") == ["escaped", "literal", "nested"])
    #expect(
      try texts([#"{"a": {"b": {"c": "deep"}}}"#, #"{"a": {"b.c": "half"}}"#], field: "a.b.c") == ["deep", "half"])
    expectFailure(.badData, mentioning: ["no key 'meta.text'", "'id', 'meta.lang'"]) {
      _ = try texts([#"{"id": 1, "meta": {"lang": "en"}}"#], field: "meta.text")
    }
  }

  @Test(arguments: [
    (#"{"text": null}"#, "is null"), (#"{"text": {"text": "a"}}"#, "is an object"), (#"{"text": NaN}"#, "not a string"),
    (#"{"text": "a"} {"text": "b"}"#, "more follows"), (#"{"text": "a""#, "well-formed"),
    (#"{"text": "\q"}"#, "escape"), (#"{"text": "\u12"}"#, "hexadecimal"),
    ("{\"text\": \"a\tb\"}", "control character 9"),
    (#"{"text": "a", }"#, "key in quotes"), (#"{"text" "a"}"#, "colon"), (#"{"a": [}, "text": "b"}"#, "bracket"),
    ("{\"a\": " + String(repeating: "[", count: 20_000), "nested deeper"), ("plain", "not an object"),
  ])
  func `lines without the text are faults that say why`(line: String, problem: String) throws {
    expectFailure(.badData, mentioning: ["a:2 (offset 14)", problem]) {
      _ = try texts([#"{"text": "ab"}"#.replacing("ab", with: "a"), line])
    }
  }

  @Test func `all faults of a file are named at once, up to five`() throws {
    let workshop = try Workshop()
    let good = (0..<10).map { "{\"text\": \"good \($0)\"}" }
    try workshop.write("a", (good + (0..<8).map { "{\"txt\": \($0)}" } + good).joined(separator: "\n"))
    expectFailure(.badData, mentioning: ["8 faults", "a:11 (offset 190)", "a:15", "and 3 more", "`on_error: skip`"]) {
      _ = try workshop.texts("paths: a, field: text")
    }
    nonisolated(unsafe) var said: [String] = []
    let corpus = try workshop.build(
      "tokenizer: {kind: bytes}\non_error: skip\ndomains: {d: {paths: a, field: text}}"
    ) { said.append($0) }
    #expect(try corpus.allDocuments().count == 10)
    #expect(corpus.found(.faulty)?.count == 8)
    #expect(said.contains { $0.contains("faulty files or documents, left out: 8, first") && $0.contains("a:11") })
    #expect(corpus.report().table.contains("faulty files or documents, left out: 8, first"))
  }

  @Test func `what comes before a damaged part is kept where faults are skipped`() throws {
    let workshop = try Workshop()
    let text = (0..<5000).map { "{\"text\": \"number \($0) \($0 &* 7919 % 1000)\"}\n" }.joined()
    try workshop.writePacked("a", text)
    let packed = try workshop.read("a.gz")
    try workshop.write("a.gz", Array(packed[..<(packed.count * 2 / 3)]))
    expectFailure(.badData, mentioning: ["a.gz is truncated", "offset \(packed.count * 2 / 3)"]) {
      _ = try workshop.texts("paths: a.gz, field: text")
    }
    let corpus = try workshop.build(
      "tokenizer: {kind: bytes}\non_error: skip\ndomains: {d: {paths: a.gz, field: text}}")
    let count = try corpus.allDocuments().count
    #expect((1000..<5000).contains(count))
    // The last line is cut off, if it is not the end of the packed part that is.
    #expect((1...2).contains(corpus.found(.faulty)?.count ?? 0))
  }

  @Test func `a wrong word for on_error is refused`() throws {
    let workshop = try Workshop()
    try workshop.write("a", "text")
    expectFailure(.badConfiguration, mentioning: ["on_error", "'skip'"]) {
      try workshop.build("tokenizer: {kind: bytes}\non_error: skp\ndomains: {d: {paths: a}}")
    }
  }
}
