import Corpus
import Foundation
import Testing

@Suite struct LeftOutTests {
  @Test func `every file and document that is left out is counted with its first name`() throws {
    let workshop = try Workshop()
    try workshop.write("d/a.txt", "first")
    try workshop.write("d/b.txt", "second")
    try workshop.write("d/.h.txt", "hidden")
    try workshop.write("d/.git/config", "hidden")
    try workshop.write("d/blank.txt", " \n")
    try workshop.write("d/picture.txt", [0x89, 0x50, 0x4E, 0x47, 0, 1])
    try workshop.write("d/copy.txt", "first")
    try workshop.write("d/other.md", "no match")
    try workshop.write("elsewhere/e.txt", "elsewhere")
    try workshop.write("f.txt", "through a link")
    let d = workshop.path + "/d"
    #expect(symlink("nowhere", d + "/dangling.txt") == 0)
    #expect(symlink("../elsewhere", d + "/link") == 0)
    #expect(symlink("../f.txt", d + "/file-link.txt") == 0)
    #expect(mkfifo(d + "/fifo.txt", 0o644) == 0)
    // A name that no string can have.
    let name = Array((d + "/").utf8CString.dropLast()) + [-1, 0x2E, 0x74, 0x78, 0x74, 0]
    close(open(name, O_CREAT | O_WRONLY, 0o644))
    nonisolated(unsafe) var said: [String] = []
    let corpus = try workshop.build(
      "tokenizer: {kind: bytes}\ndomains: {d: {paths: d, include: \"*.txt\"}}"
    ) { said.append($0) }
    #expect(try corpus.allDocuments() == ["first", "second", "through a link"])
    let expected: [(FindingName, Int, String)] = [
      (.hidden, 2, "d/.git"), (.nameNotUTF8, 1, "d/\\xff.txt"), (.danglingLink, 1, "d/dangling.txt"),
      (.directoryLink, 1, "d/link"), (.special, 1, "d/fifo.txt"), (.unmatched, 1, "d/other.md"),
      (.notText, 1, "d/picture.txt"), (.empty, 1, "d/blank.txt"), (.duplicate, 1, "d/copy.txt"),
    ]
    let table = corpus.report().table
    for (kind, count, first) in expected {
      let finding = try #require(corpus.found(kind))
      #expect(finding.owner == "domain 'd'")
      #expect(finding.count == count)
      #expect(finding.first.hasSuffix(first))
      #expect(said.contains { $0.contains(": \(count), first") && $0.contains(first) })
      #expect(table.contains("/\(first)"))
    }
    try corpus.verify()
  }

  @Test func `a JSON line without text is counted with its line`() throws {
    let workshop = try Workshop()
    try workshop.write("a", "{\"text\": \"one\"}\n{\"text\": \" \"}\n{\"text\": \"\"}\n{\"text\": \"two\"}\n")
    let corpus = try workshop.build("tokenizer: {kind: bytes}\ndomains: {d: {paths: a, field: text}}")
    #expect(corpus.found(.empty)?.count == 2)
    #expect(corpus.found(.empty)?.first.hasSuffix("/a:2") == true)
  }

  @Test func `control characters in names are not printed`() throws {
    let workshop = try Workshop()
    try workshop.write("d/\u{1B}[31m.txt", "{\"text\": }")
    try workshop.write("d/a\nb.txt", " ")
    try workshop.write("d/c.txt", "text\ntext")
    nonisolated(unsafe) var said: [String] = []
    try workshop.build("tokenizer: {kind: bytes}\ndomains: {d: {paths: d, field: none}}") { said.append($0) }
    #expect(said.contains { $0.contains("d/a\\x0ab.txt") })
    for options in ["field: text", "field: none, include: \"*[31m*\""] {
      do {
        try workshop.build("tokenizer: {kind: bytes}\ndomains: {d: {paths: d, \(options)}}")
      } catch { #expect(!"\(error)".contains("\u{1B}") && "\(error)".contains("\\x1b[31m")) }
    }
    expectFailure(.badConfiguration, mentioning: ["'a\\x1bb'", "control characters"]) {
      try workshop.build("tokenizer: {kind: bytes}\ndomains: {\"a\\eb\": {paths: d}}")
    }
  }

  @Test func `findings that cannot be are refused before they are added up`() throws {
    let workshop = try Workshop()
    try workshop.write("a/blank.txt", " ")
    let corpus = try workshop.buildExample()
    var manifest = corpus.manifest
    var finding = try #require(corpus.found(.empty))
    finding.count = .max
    manifest.findings = [finding, finding]
    try workshop.write("out/manifest.json", Array(manifest.encoded()))
    expectFailure(.badData, mentioning: ["manifest.json", "findings"]) { _ = try Corpus(at: corpus.path) }
  }
}
