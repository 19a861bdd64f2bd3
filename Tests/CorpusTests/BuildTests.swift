import Corpus
import Foundation
import Testing

@Suite struct BuildTests {
  @Test func `every document comes back once, in one part, with its end`() throws {
    let workshop = try Workshop()
    let corpus = try workshop.buildExample()
    #expect(corpus.domains.map(\.name) == ["a", "b"])
    let a = try corpus.domain(named: "a")
    #expect(a.train.documentCount == 18)
    #expect(a.validation.documentCount == 2)
    let texts = try corpus.documents(a.train) + corpus.documents(a.validation)
    #expect(texts.sorted() == (0..<20).map { "Alpha document \($0).\n" }.sorted())
    #expect(a.train.byteCount + a.validation.byteCount == texts.reduce(0) { $0 + $1.utf8.count })
    #expect(a.train.tokenCount == a.train.byteCount + 18)
    // Shuffled: not the order of the files, nor of the texts.
    #expect(texts != texts.sorted())
    try corpus.verify()
  }

  @Test func `targets get what the recipe says, and no part of it twice`() throws {
    let workshop = try Workshop()
    let corpus = try workshop.buildExample()
    let target = try corpus.target(named: "t")
    #expect(target.steering.documentCount == 5)
    #expect(target.evaluation.documentCount == 10)
    let texts = try corpus.documents(target.steering) + corpus.documents(target.evaluation)
    #expect(Set(texts).count == 15)
  }

  @Test func `what a target uses is withheld from domains, the rest is not`() throws {
    let workshop = try Workshop()
    for i in 0..<20 { try workshop.write("all/\(i).txt", "Shared text \(i)") }
    let corpus = try workshop.build(
      """
      tokenizer: {kind: bytes}
      domains: {d: {paths: all}}
      targets: {t: {paths: all, steering: 3documents, evaluation: 4documents}}
      """)
    let domain = corpus.domains[0]
    let target = corpus.targets[0]
    let used = try corpus.documents(target.steering) + corpus.documents(target.evaluation)
    let trained = try corpus.documents(domain.train) + corpus.documents(domain.validation)
    #expect(trained.count == 13)
    #expect(Set(used).isDisjoint(with: trained))
    #expect(corpus.manifest.removed.targetDocuments == 7)
  }

  @Test func `duplicates are removed everywhere and counted`() throws {
    let workshop = try Workshop()
    for name in ["a/1", "a/2", "b/1", "a/deep/3"] { try workshop.write(name, "the same") }
    for i in 0..<3 {
      try workshop.write("a/other\(i)", "a \(i)")
      try workshop.write("b/other\(i)", "b \(i)")
    }
    try workshop.write("b/blank", " \n\t\n")
    let corpus = try workshop.build("tokenizer: {kind: bytes}\ndomains: {a: {paths: a}, b: {paths: b}}")
    #expect(corpus.manifest.removed.duplicates == 3)
    #expect(corpus.manifest.removed.empty == 1)
    #expect(corpus.domains[0].train.documentCount + corpus.domains[0].validation.documentCount == 4)
    #expect(corpus.domains[1].train.documentCount + corpus.domains[1].validation.documentCount == 3)
  }

  @Test func `file names and their order change nothing, the seed does`() throws {
    let recipe = "tokenizer: {kind: bytes}\ndomains: {d: {paths: d}}"
    func train(_ prefix: String, _ overrides: [String] = []) throws -> [UInt8] {
      let workshop = try Workshop()
      for i in 0..<30 { try workshop.write("d/\(prefix)\((i * 7) % 30)", "Document \(i)") }
      try workshop.build(recipe, overrides: overrides)
      return try workshop.read("out/train.bin")
    }
    let first = try train("x")
    #expect(try train("y") == first)
    #expect(try train("x", ["seed=2"]) != first)
  }

  @Test func `a prefix of a domain is a fair sample of its files`() throws {
    let workshop = try Workshop()
    for i in 0..<400 { try workshop.write("d/\(i + 1000)", "\(i < 200 ? "early" : "later") \(i)") }
    let corpus = try workshop.build("tokenizer: {kind: bytes}\ndomains: {d: {paths: d}}")
    let early = try corpus.documents(corpus.domains[0].train).prefix(100).count { $0.hasPrefix("early") }
    // Hypergeometric, 100 of 400 with half early: mean 50, standard deviation sqrt(25 * 300 / 399) = 4.3; four of them.
    #expect((33...67).contains(early))
  }

  @Test func `a single document is cut at the end of a line`() throws {
    let workshop = try Workshop()
    let lines = (0..<100).map { "Line \($0) of the only document." }
    try workshop.write("one.txt", lines.joined(separator: "\n") + "\n")
    try workshop.write("t.txt", "steer\nevaluate\nevaluate more\n")
    let corpus = try workshop.build(
      "tokenizer: {kind: bytes}\nvalidation: {share: 0.1}\ndomains: {d: {paths: one.txt}}\ntargets: {t: {paths: t.txt}}"
    )
    let train = try corpus.documents(corpus.domains[0].train)[0]
    let validation = try corpus.documents(corpus.domains[0].validation)[0]
    #expect(train.hasSuffix("\n"))
    #expect(train + validation == lines.joined(separator: "\n") + "\n")
    // A tenth of the text, to within a line of 33 bytes at either end.
    #expect(abs(validation.utf8.count - 330) <= 33)
    #expect(try corpus.documents(corpus.targets[0].steering) == ["steer\n"])
    #expect(try corpus.documents(corpus.targets[0].evaluation) == ["evaluate\nevaluate more\n"])
  }

  @Test(arguments: [("ab", "a", "b"), ("one two", "one ", "two"), ("é漢", "é", "漢"), ("\n\nx y\n\n", "\n\nx ", "y\n\n")])
  func `a single short line is cut where it can be`(text: String, head: String, tail: String) throws {
    let workshop = try Workshop()
    try workshop.write("one.txt", text)
    let corpus = try workshop.build("tokenizer: {kind: bytes}\ndomains: {d: {paths: one.txt}}")
    #expect(try corpus.documents(corpus.domains[0].train) == [head])
    #expect(try corpus.documents(corpus.domains[0].validation) == [tail])
  }

  @Test func `one huge document is trained on, not held out`() throws {
    for seed in 1...8 {
      let workshop = try Workshop()
      try workshop.write("d/huge", String(repeating: "many words ", count: 1000))
      for i in 0..<3 { try workshop.write("d/\(i)", "small \(i)") }
      let corpus = try workshop.build("tokenizer: {kind: bytes}\nseed: \(seed)\ndomains: {d: {paths: d}}")
      #expect(corpus.domains[0].validation.byteCount < 20)
    }
  }

  @Test func `limits take the first documents of the shuffled order`() throws {
    let workshop = try Workshop()
    for i in 0..<20 { try workshop.write("d/\(i)", "Document \(i + 10)") }
    func texts(_ limit: String) throws -> [String] {
      let recipe = "tokenizer: {kind: bytes}\ndomains: {d: {paths: d\(limit)}}"
      let corpus = try workshop.build(recipe, output: "o")
      return try corpus.documents(corpus.domains[0].train) + corpus.documents(corpus.domains[0].validation)
    }
    let seven = try texts(", limit: 7documents")
    #expect(seven.count == 7)
    // Each document has 11 bytes.
    #expect(Set(try texts(", limit: 80bytes")) == Set(seven))
    #expect(try texts("").count == 20)
  }

  @Test func `amounts of a target may be tokens or left out`() throws {
    let workshop = try Workshop()
    for i in 0..<20 {
      try workshop.write("t/\(i)", "Text \(i + 10)")
      try workshop.write("d/\(i)", "Domain \(i)")
    }
    func counts(_ amounts: String) throws -> [Int] {
      let recipe = "tokenizer: {kind: bytes}\ndomains: {d: {paths: d}}\ntargets: {t: {paths: t\(amounts)}}"
      let target = try workshop.build(recipe).targets[0]
      return [target.steering.documentCount, target.evaluation.documentCount]
    }
    #expect(try counts("") == [4, 16])
    #expect(try counts(", steering: 7documents") == [7, 13])
    #expect(try counts(", evaluation: 7documents") == [13, 7])
    // A document is 7 bytes and its end.
    #expect(try counts(", steering: 17tokens, evaluation: 16tokens") == [3, 2])
    for amounts in [
      ", steering: 20documents", ", evaluation: 20documents", ", steering: 15documents, evaluation: 6documents",
      ", steering: 160tokens",
    ] {
      expectFailure(.badConfiguration, mentioning: ["recipe.yaml:3", "target 't'", "20 different documents"]) {
        _ = try counts(amounts)
      }
    }
  }

  @Test func `the table and the JSON of the report agree`() throws {
    let workshop = try Workshop()
    let corpus = try workshop.buildExample()
    let report = corpus.report(budget: 10_000, context: 16)
    #expect(report.domains.map(\.tokens) == corpus.domains.map(\.train.tokenCount))
    #expect(abs(report.domains.reduce(0) { $0 + $1.share } - 1) < 1e-12)
    let windows = (corpus.domains[0].train.tokenCount - 1) / 16
    #expect(report.domains[0].epochs == 5000 / Double(windows * 16))
    #expect(report.targets[0].steeringDocuments == 5)
    #expect(try JSONDecoder().decode(CorpusReport.self, from: JSONEncoder().encode(report)) == report)
    let lines = report.table.split(separator: "\n", omittingEmptySubsequences: false)
    #expect(
      lines.contains {
        $0.hasPrefix("a ") && $0.contains("18") && $0.hasSuffix(String(format: "%.2f", report.domains[0].epochs!))
      })
    #expect(corpus.report(budget: 100, context: 1 << 20).domains[0].epochs == nil)
    #expect(corpus.report().naturalEpochs == nil)
  }

  @Test func `speed and time left are shown once a build has done something itself`() {
    var progress = BuildProgress(phase: .encoding, total: 40_000_000)
    (progress.done, progress.found, progress.seconds) = (20_000_000, 20_000_000, 3)
    #expect(progress.text == "making tokens  20.0 MB of 40.0 MB")
    progress.done = 26_000_000
    #expect(progress.text == "making tokens  26.0 MB of 40.0 MB  2.0 MB/s  left 0:07")
  }
}
