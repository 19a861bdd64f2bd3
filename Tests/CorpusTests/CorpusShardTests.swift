import Corpus
import Failures
import Foundation
import Testing

@Suite struct CorpusShardTests {
  /// The directory of the example's corpus, cut into `count` shards, beside the whole one.
  private struct Cut {
    let workshop: Workshop
    let whole: Corpus
    let corpus: Corpus
    let count: Int

    init(into count: Int) throws {
      workshop = try Workshop()
      whole = try workshop.buildExample()
      self.count = count
      corpus = try workshop.build(Cut.recipe, output: "cut", shards: count)
    }

    static let recipe = """
      tokenizer: {kind: bytes}
      validation: {share: 0.1}
      domains:
        a: {paths: a}
        b: {paths: b}
      targets:
        t: {paths: t, steering: 5documents, evaluation: 10documents}
      """

    var path: String { workshop.path + "/cut" }

    func shard(_ number: Int) -> String { "\(path)/\(name(number))" }

    /// Moves shards to another directory, as to the disk of a node.
    func move(_ numbers: [Int]) throws -> String {
      let node = "\(workshop.path)/node"
      try FileManager.default.createDirectory(atPath: node, withIntermediateDirectories: true)
      for number in numbers {
        try FileManager.default.moveItem(atPath: shard(number), toPath: "\(node)/\(name(number))")
      }
      return node
    }
  }

  @Test(arguments: [1, 2, 3, 7, 36])
  func `shards together have the text of the whole, in parts of equal size but for a document`(count: Int) throws {
    let cut = try Cut(into: count)
    let (whole, corpus) = (cut.whole, cut.corpus)
    #expect(try cut.workshop.contents("cut") == (0..<count).map(name))
    #expect(corpus.identity == whole.identity && corpus.domains.count == 2)
    for (domain, expected) in zip(corpus.domains, whole.domains) {
      #expect(try corpus.documents(domain.train) == whole.documents(expected.train))
      #expect(try corpus.documents(domain.validation) == whole.documents(expected.validation))
    }
    #expect(try corpus.documents(corpus.targets[0].steering) == whole.documents(whole.targets[0].steering))
    #expect(try corpus.verify().contains("cut is whole"))
    try corpus.checkText()
    let shards = try #require(corpus.shards)
    #expect(shards.present == Array(0..<count) && shards.areAll)
    let sizes = zip([0] + shards.tokenEnds, shards.tokenEnds).map { $1 - $0 }
    let longest = 45
    #expect(sizes.allSatisfy { $0 > 0 } && (count == 36 || sizes.max()! - sizes.min()! <= 2 * longest), "\(sizes)")
    // Each one is a corpus of its own.
    for number in 0..<count {
      let shard = try Corpus(at: cut.shard(number))
      #expect(shard.identity == whole.identity && shard.shards?.present == [number])
      #expect(try shard.documents(shard.targets[0].evaluation) == whole.documents(whole.targets[0].evaluation))
      try shard.verify()
    }
  }

  @Test func `some shards give their text, and say what is missing of other text`() throws {
    let cut = try Cut(into: 3)
    let node = try Corpus(at: cut.move([0, 2]))
    #expect(node.shards?.present == [0, 2])
    let first = try node.domains[0].train.tokens(0..<10)
    #expect(try first == cut.whole.domains[0].train.tokens(0..<10))
    let end = cut.whole.domains[1].train.tokenCount
    #expect(try node.domains[1].train.tokens(end - 10..<end) == cut.whole.domains[1].train.tokens(end - 10..<end))
    expectFailure(.missingInput, mentioning: ["shards 0, 2 of 3", "one directory"]) { try node.checkText() }
    expectFailure(.missingInput, mentioning: ["shards 0, 2 of 3"]) { _ = try node.documents(node.domains[1].train) }
    #expect(try node.verify().contains("whole as far as it is here (shards 0, 2 of 3)"))
    let table = node.report().table
    #expect(table.contains("Text to train on is here of shards 0, 2 of 3"))
  }

  @Test func `shards that do not go together are refused`() throws {
    let cut = try Cut(into: 3)
    let others = try Cut(into: 2)
    try others.workshop.write("a/0.txt", "Another text.\n")
    _ = try others.workshop.build(Cut.recipe, output: "cut", shards: 3)
    try FileManager.default.removeItem(atPath: cut.shard(1))
    try FileManager.default.copyItem(atPath: others.shard(1), toPath: cut.shard(1))
    expectFailure(.badData, mentioning: ["shard-001", "shard of another corpus"]) { _ = try Corpus(at: cut.path) }
    try FileManager.default.removeItem(atPath: cut.shard(1))
    try FileManager.default.copyItem(atPath: cut.shard(0), toPath: cut.shard(1))
    expectFailure(.badData, mentioning: ["shard-001", "shard-000", "same shard"]) { _ = try Corpus(at: cut.path) }
    try FileManager.default.removeItem(atPath: cut.shard(1))
    try FileManager.default.copyItem(atPath: cut.whole.path, toPath: cut.shard(1))
    expectFailure(.badData, mentioning: ["shard-001", "whole corpus among shards"]) { _ = try Corpus(at: cut.path) }
    for number in 0..<3 { try FileManager.default.removeItem(atPath: cut.shard(number)) }
    expectFailure(.missingInput, mentioning: ["is not a corpus", "shard-000"]) { _ = try Corpus(at: cut.path) }
  }

  @Test func `a damaged shard is named`() throws {
    let cut = try Cut(into: 2)
    let data = try Data(contentsOf: URL(filePath: cut.shard(1) + "/train.bin"))
    try data.dropLast(2).write(to: URL(filePath: cut.shard(1) + "/train.bin"))
    expectFailure(.badData, mentioning: ["shard-001/train.bin", "truncated"]) { _ = try Corpus(at: cut.path) }
    var changed = data
    changed[4] ^= 1
    try changed.write(to: URL(filePath: cut.shard(1) + "/train.bin"))
    let corpus = try Corpus(at: cut.path)
    expectFailure(.badData, mentioning: ["shard-001/train.bin", "checksum"]) { try corpus.verify() }
    try FileManager.default.removeItem(atPath: cut.shard(0) + "/domains.txt")
    expectFailure(.missingInput, mentioning: ["shard-000/domains.txt"]) { _ = try Corpus(at: cut.path) }
  }

  @Test func `there are no more shards than documents`() throws {
    let workshop = try Workshop()
    _ = try workshop.buildExample()
    expectFailure(.badConfiguration, mentioning: ["36 documents", "37 shards"]) {
      _ = try workshop.build(Cut.recipe, output: "cut", shards: 37)
    }
    #expect(try !workshop.contents().contains("cut"))
  }

  @Test func `shards and whole corpora replace each other, unless there is something else`() throws {
    let cut = try Cut(into: 3)
    _ = try cut.workshop.build(Cut.recipe, output: "cut", shards: 2)
    #expect(try cut.workshop.contents("cut") == ["shard-000", "shard-001"])
    expectFailure(.cannotCreate, mentioning: ["corpus already", "--replace"]) {
      _ = try cut.workshop.build(Cut.recipe, output: "cut", replace: false)
    }
    try cut.workshop.write("cut/shard-001/notes", "mine")
    expectFailure(.cannotCreate, mentioning: ["shard-001/notes"]) {
      _ = try cut.workshop.build(Cut.recipe, output: "cut")
    }
    try FileManager.default.removeItem(atPath: cut.shard(1) + "/notes")
    let whole = try cut.workshop.build(Cut.recipe, output: "cut")
    #expect(whole.shards == nil && whole.identity == cut.whole.identity)
    #expect(try !cut.workshop.contents().contains { $0.hasPrefix(".") })
    // A directory with whole corpora is not a corpus of shards.
    expectFailure(.cannotCreate) { _ = try cut.workshop.build(Cut.recipe, output: "") }
    #expect(try cut.workshop.contents().contains("out"))
  }
}

/// The name of a shard's directory.
private func name(_ number: Int) -> String { String(format: "shard-%03ld", number) }
