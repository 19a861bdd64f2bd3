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

  @Test func `what is not a corpus is not replaced`() throws {
    let workshop = try Workshop()
    try workshop.write("d.txt", "some\ntext\n")
    try workshop.write("out/precious.txt", "precious")
    expectFailure(.cannotCreate, mentioning: ["out", "not a corpus"]) { try workshop.build(recipe) }
    try workshop.write("out/manifest.json", "{\"name\": \"some web page\"}")
    expectFailure(.cannotCreate) { try workshop.build(recipe) }
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
    try workshop.write(".out.building/train.bin", "left behind")
    let left = open(workshop.path + "/.out.building", O_RDONLY | O_DIRECTORY)
    #expect(flock(left, LOCK_EX | LOCK_NB) == 0)
    expectFailure(.cannotCreate, mentioning: ["Another process"]) { try workshop.build(recipe) }
    #expect(try workshop.contents(".out.building") == ["train.bin"])
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
