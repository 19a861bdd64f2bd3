import Corpus
import Foundation
import Testing

/// Corpora of ids that were never text.
@Suite struct RandomCorpusTests {
  @Test("A random corpus opens, verifies, and reads like one language a domain", arguments: [50, 70_000])
  func contents(vocabularySize: Int) throws {
    let workshop = try Workshop()
    let path = workshop.path + "/random"
    let corpus = try RandomCorpus(
      vocabularySize: vocabularySize, domains: ["a", "b"], targets: ["t"], trainTokens: 20_000, otherTokens: 500
    ).write(to: path)
    try corpus.verify()
    #expect(corpus.vocabularySize == vocabularySize)
    #expect(corpus.tokenizer.kind == .ids)
    #expect(corpus.domains.map(\.name) == ["a", "b"])
    #expect(corpus.domains.map(\.train.tokenCount) == [20_000, 20_000])
    #expect(try corpus.target(named: "t").steering.tokenCount == 500)
    // The ten most frequent of 49 ids have more than half of Zipf's weight, and 0.2 of 70,000 ids'.
    let mostFrequent = try corpus.domains.map { domain in
      let counts = Dictionary(grouping: try domain.train.tokens(0..<20_000), by: { $0 }).mapValues(\.count)
      let ranked = counts.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.prefix(10)
      #expect(ranked.reduce(0) { $0 + $1.value } > (vocabularySize == 50 ? 10_000 : 2000))
      return ranked[0].key
    }
    #expect(mostFrequent[0] != mostFrequent[1])
  }

  @Test("The same seed gives the same corpus, another seed another one, and nothing is written over")
  func seeds() throws {
    let workshop = try Workshop()
    func write(_ name: String, seed: Int) throws -> Corpus {
      try RandomCorpus(
        vocabularySize: 300, domains: ["a"], targets: ["t"], trainTokens: 100, otherTokens: 10, seed: seed
      ).write(to: workshop.path + "/" + name)
    }
    let first = try write("first", seed: 1)
    #expect(try write("again", seed: 1).manifest.checksum == first.manifest.checksum)
    let other = try write("other", seed: 2)
    #expect(other.manifest.files["train.bin"] != first.manifest.files["train.bin"])
    #expect(other.tokenizer.hash == first.tokenizer.hash)
    expectFailure(.cannotCreate) { _ = try write("first", seed: 1) }
  }

  @Test("Ids have no text: encoding and decoding say so, and recipes do not offer them")
  func noText() throws {
    let tokenizer = Tokenizer.ids(vocabularySize: 100)
    expectFailure(.badData, mentioning: ["without text"]) { _ = try tokenizer.decode([1, 2]) }
    expectFailure(.badData, mentioning: ["beyond the vocabulary"]) { _ = try tokenizer.decode([100]) }
    expectFailure(.badData, mentioning: ["without text"]) { _ = try tokenizer.encode("text") }
    let workshop = try Workshop()
    try workshop.write("a.txt", "text")
    expectFailure(.badConfiguration, mentioning: ["ids", "bytes", "sentencepiece"]) {
      _ = try workshop.build("tokenizer: {kind: ids}\ndomains: {a: {paths: a.txt}}")
    }
  }
}
