import Corpus
import Foundation
import Storage
import Testing

@Suite struct OutputTests {
  private let recipe = "tokenizer: {kind: bytes}\ndomains: {d: {paths: d.txt}}"

  @Test func `a corpus is replaced by a new build and kept by a failed one`() throws {
    let workshop = try Workshop()
    try workshop.write("d.txt", "old\ntext\n")
    try workshop.build(recipe)
    let old = try Corpus(at: workshop.path + "/out")
    expectFailure(.missingInput) { try workshop.build("tokenizer: {kind: bytes}\ndomains: {d: {paths: none}}") }
    try workshop.write("blank", " ")
    expectFailure(.badData) { try workshop.build("tokenizer: {kind: bytes}\ndomains: {d: {paths: blank}}") }
    #expect(try old.documents(old.domains[0].train) == ["old\n"])
    try Corpus(at: workshop.path + "/out").verify()

    try workshop.write("d.txt", "new\ntext\n")
    let new = try workshop.build(recipe)
    #expect(try new.documents(new.domains[0].train) == ["new\n"])
    // Whoever has the old one open goes on reading it.
    #expect(try old.documents(old.domains[0].train) == ["old\n"])
    #expect(try workshop.contents() == ["blank", "d.txt", "out", "recipe.yaml"])
  }

  @Test func `a corpus is replaced only if that is asked for`() throws {
    let workshop = try Workshop()
    try workshop.write("d.txt", "old\ntext\n")
    try workshop.build(recipe)
    let before = try workshop.read("out/manifest.json")
    try workshop.write("d.txt", "new\ntext\n")
    expectFailure(.cannotCreate, mentioning: ["out is a corpus already", "--replace"]) {
      try workshop.build(recipe, replace: false)
    }
    #expect(try workshop.read("out/manifest.json") == before)
    #expect(try workshop.contents() == ["d.txt", "out", "recipe.yaml"])
  }

  @Test func `somebody else's files in a corpus keep it from being replaced`() throws {
    let workshop = try Workshop()
    try workshop.write("d.txt", "old\ntext\n")
    try workshop.build(recipe)
    try workshop.write("out/notes/mine.txt", "precious")
    let before = try workshop.contents("out")
    expectFailure(.cannotCreate, mentioning: ["notes in it is none of its files"]) { try workshop.build(recipe) }
    #expect(try workshop.contents("out") == before)
    #expect(try workshop.read("out/notes/mine.txt") == Array("precious".utf8))
  }

  @Test func `a corpus behind a link is replaced where it is`() throws {
    let workshop = try Workshop()
    try workshop.write("d.txt", "old\ntext\n")
    try workshop.build(recipe, output: "disk/corpus")
    symlink("disk/corpus", workshop.path + "/out")
    try workshop.write("d.txt", "new\ntext\n")
    let corpus = try workshop.build(recipe)
    #expect(try corpus.documents(corpus.domains[0].train) == ["new\n"])
    #expect(try workshop.contents() == ["d.txt", "disk", "out", "recipe.yaml"])
    #expect(try workshop.contents("disk") == ["corpus"])
  }

  @Test func `a corpus of a newer dga is named as such and left alone`() throws {
    let workshop = try Workshop()
    try workshop.write("d.txt", "old\ntext\n")
    let newer = Array(#"{"format": "dga corpus", "version": 99, "files": [], "domains": {"of": "another kind"}}"#.utf8)
    try workshop.write("out/manifest.json", newer)
    let expected = ["version 99", "a newer dga", "versions up to 2"]
    expectFailure(.badData, mentioning: expected) { try workshop.build(recipe) }
    expectFailure(.badData, mentioning: expected) { _ = try Corpus(at: workshop.path + "/out") }
    #expect(try workshop.read("out/manifest.json") == newer)
    let older = Array(#"{"format": "dga corpus", "version": 1, "files": {}, "domains": [{"name": "a"}]}"#.utf8)
    try workshop.write("out/manifest.json", older)
    expectFailure(.badData, mentioning: ["version 1", "an older dga", "--replace"]) {
      _ = try Corpus(at: workshop.path + "/out")
    }
    try workshop.write("out/manifest.json", newer)
  }

  @Test func `what is not a corpus is not replaced`() throws {
    let workshop = try Workshop()
    try workshop.write("d.txt", "some\ntext\n")
    try workshop.write("out/precious.txt", "precious")
    expectFailure(.cannotCreate, mentioning: ["out", "not a corpus"]) { try workshop.build(recipe) }
    for page in [#"{"name": "some web page"}"#, #"{"about": "a \"dga corpus\"", "is": "dga corpus"}"#] {
      try workshop.write("out/manifest.json", page)
      expectFailure(.cannotCreate) { try workshop.build(recipe) }
    }
    #expect(try workshop.contents("out") == ["manifest.json", "precious.txt"])
    expectFailure(.cannotCreate) { try workshop.build(recipe, output: "d.txt") }
    #expect(try workshop.contents() == ["d.txt", "out", "recipe.yaml"])
  }

  @Test func `an empty directory is filled and missing parents are made`() throws {
    let workshop = try Workshop()
    try workshop.write("d.txt", "some\ntext\n")
    try FileManager.default.createDirectory(atPath: workshop.path + "/empty", withIntermediateDirectories: true)
    try workshop.build(recipe, output: "empty")
    try workshop.build(recipe, output: "data/deep/texts")
    #expect(try workshop.contents("data/deep") == ["texts"])
    try workshop.write("blank", " ")
    expectFailure(.badData) { try workshop.build("domains: {d: {paths: blank}}", output: "new/deep/texts") }
    #expect(try workshop.contents() == ["blank", "d.txt", "data", "empty", "recipe.yaml"])
  }

  @Test func `an output that cannot be created is refused`() throws {
    let workshop = try Workshop()
    try workshop.write("d.txt", "some\ntext\n")
    expectFailure(.cannotCreate, mentioning: ["d.txt"]) { try workshop.build(recipe, output: "d.txt/inside") }
    expectFailure(.cannotCreate) { try workshop.build(recipe, output: "../../../../../../../../../proc/none") }
  }

  @Test func `what a dead build left is cleared, a live one is respected`() throws {
    let workshop = try Workshop()
    try workshop.write("d.txt", "some\ntext\n")
    try workshop.write(".out.dga-building/train.bin", "left behind")
    let left = open(workshop.path + "/.out.dga-building", O_RDONLY | O_DIRECTORY)
    #expect(flock(left, LOCK_EX | LOCK_NB) == 0)
    expectFailure(.cannotCreate, mentioning: ["Another process"]) { try workshop.build(recipe) }
    #expect(try workshop.contents(".out.dga-building") == ["train.bin"])
    close(left)
    try workshop.build(recipe)
    #expect(try workshop.contents() == ["d.txt", "out", "recipe.yaml"])
  }

  @Test func `a full disk is a sentence with the file's name`() throws {
    // Every write to this device fails as on a full disk.
    expectFailure(.inputOutput, mentioning: ["/dev/full", "no space left"]) {
      var file = try OutputFile("/dev/full")
      try file.write([UInt8](repeating: 1, count: 100))
      _ = try file.finish()
    }
    expectFailure(.inputOutput, mentioning: ["no space left"]) {
      var file = try OutputFile("/dev/full")
      try file.write([UInt8](repeating: 1, count: 3 << 20))
    }
  }
}
