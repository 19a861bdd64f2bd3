import Corpus
import Foundation
import Testing

/// Texts that are the same in other bytes, or nearly the same.
@Suite struct SameTextTests {
  private static let poem = "Über den Wipfeln\nist Ruh,\n\n  in allen\n"

  @Test(arguments: [
    poem.replacing("\n", with: "\r\n"), poem.replacing("\n", with: "\r"), String(poem.dropLast()), poem + "\n \n",
    "\n\n" + poem, "\u{FEFF}" + poem, poem.replacing("\n", with: " \t\n"), poem.replacing("Ü", with: "U\u{308}"), poem,
  ])
  func `a target's text in other bytes is kept out of the domains`(copy: String) throws {
    let workshop = try Workshop()
    try workshop.write("t/1", SameTextTests.poem)
    try workshop.write("t/2", "another document")
    try workshop.write("d/copy", copy)
    for i in 0..<5 { try workshop.write("d/\(i)", "Domain's own text \(i)") }
    let corpus = try workshop.build(
      "tokenizer: {kind: bytes}\ndomains: {d: {paths: d}}\ntargets: {t: {paths: t}}")
    #expect(corpus.manifest.removed.targetDocuments == 1)
    #expect(corpus.found(.ofTarget)?.first.hasSuffix("d/copy") == true)
    #expect(try corpus.allDocuments().count == 5)
  }

  @Test(arguments: [
    poem.uppercased(), poem.replacing("  in", with: "in"), poem.replacing("\n\n", with: "\n"), "  " + poem,
  ])
  func `other letters, indentation and blank lines inside make another text`(other: String) throws {
    let workshop = try Workshop()
    try workshop.write("d/1", SameTextTests.poem)
    try workshop.write("d/2", other)
    #expect(try workshop.texts("paths: d").count == 2)
  }

  /// Numbers in words, so that texts are long and all different.
  private func story(_ seed: UInt64, words: Int) -> [String] {
    var generator = SplitMix(state: seed)
    return (0..<words).map { _ in "w\(UInt16.random(in: 0...9999, using: &generator))" }
  }

  @Test func `near copies of a target's documents are counted and stay`() throws {
    let workshop = try Workshop()
    for i in 0..<4 { try workshop.write("t/\(i)", story(UInt64(i), words: 200).joined(separator: " ")) }
    var changed = story(0, words: 200)
    changed[50] = "other"
    changed[150] = "other"
    // Wrapped in other lines and cases; inside a longer text; a part of one; and strangers.
    try workshop.write("d/changed", changed.joined(separator: "\n").uppercased())
    try workshop.write("d/inside", (story(70, words: 3000) + story(1, words: 200)).joined(separator: " "))
    try workshop.write("d/part", story(2, words: 200)[20..<60].joined(separator: " "))
    for i in 0..<5 { try workshop.write("d/\(i)", story(UInt64(100 + i), words: 200).joined(separator: " ")) }
    nonisolated(unsafe) var said: [String] = []
    let recipe = "tokenizer: {kind: bytes}\ndomains: {d: {paths: d}}\ntargets: {t: {paths: t}}"
    let corpus = try workshop.build(recipe) { said.append($0) }
    #expect(corpus.found(.nearCopy)?.count == 3)
    #expect(corpus.found(.nearCopy)?.first.contains(", like ") == true)
    #expect(said.contains { $0.contains("Warning: near copies") && $0.contains(": 3, first") })
    #expect(try corpus.allDocuments().count == 8)
  }

  @Test func `near copies are found in writing without spaces`() throws {
    let workshop = try Workshop()
    let text = (0..<400).map { String(Unicode.Scalar(0x4E00 + $0 * 7)!) }.joined()
    try workshop.write("t/1", text)
    try workshop.write("t/2", "another")
    try workshop.write("d/1", text.replacing("\u{4E07}", with: "一"))
    try workshop.write("d/2", String(text.reversed()))
    let corpus = try workshop.build("tokenizer: {kind: bytes}\ndomains: {d: {paths: d}}\ntargets: {t: {paths: t}}")
    #expect(corpus.found(.nearCopy)?.count == 1)
    #expect(corpus.found(.nearCopy)?.first.contains("d/1, like") == true)
  }

  // MARK: - Duplicates

  private func copies() throws -> Workshop {
    let workshop = try Workshop()
    for i in 0..<20 {
      try workshop.write("a/\(i)", "Text number \(i)")
      try workshop.write("b/\(i)", "Text number \(i)\n")
      if i < 15 { try workshop.write("c/\(i)", "Text number \(i)") }
    }
    return workshop
  }

  @Test func `a domain of copies is told which domain has its text`() throws {
    let workshop = try copies()
    let recipe = "tokenizer: {kind: bytes}\ndomains: {a: {paths: a}, b: {paths: b}}"
    expectFailure(
      .badData,
      mentioning: ["domain 'b' has no text of its own", "all 20 are also in domain 'a'", "`duplicates: keep`"]
    ) { try workshop.build(recipe) }
    let corpus = try workshop.build("duplicates: keep\n" + recipe)
    #expect(corpus.domains.map { $0.train.documentCount + $0.validation.documentCount } == [20, 20])
    expectFailure(.badConfiguration, mentioning: ["duplicates", "'keep'"]) {
      try workshop.build("duplicates: keeep\n" + recipe)
    }
  }

  @Test(arguments: 1...10)
  func `kept copies are trained on or held out, in all domains alike`(seed: Int) throws {
    let workshop = try copies()
    try workshop.write("c/copy", "Text number 3")
    let corpus = try workshop.build(
      """
      tokenizer: {kind: bytes}
      seed: \(seed)
      validation: {share: 0.2}
      duplicates: keep
      domains: {c: {paths: c}, a: {paths: a}, b: {paths: b}}
      """)
    #expect(corpus.domains[0].train.documentCount + corpus.domains[0].validation.documentCount == 16)
    func words(_ part: KeyPath<Domain, TokenSlice>) throws -> Set<String> {
      Set(try corpus.domains.flatMap { try corpus.documents($0[keyPath: part]) }.map { $0.replacing("\n", with: "") })
    }
    #expect(try words(\.train).isDisjoint(with: words(\.validation)))
    #expect(corpus.found(.heldOutElsewhere) == nil)
  }

  @Test func `a target has no text twice, also if another target has it first`() throws {
    let workshop = try Workshop()
    for i in 0..<5 {
      try workshop.write("s/\(i)", "Target \(i)")
      for copy in ["x", "y"] { try workshop.write("t/\(copy)\(i)", "Target \(i)") }
      try workshop.write("d/\(i)", "Domain \(i)")
    }
    let corpus = try workshop.build(
      "tokenizer: {kind: bytes}\nduplicates: keep\ndomains: {d: {paths: d}}\ntargets: {s: {paths: s}, t: {paths: t}}")
    for target in corpus.targets { #expect(target.steering.documentCount + target.evaluation.documentCount == 5) }
  }

  @Test func `copies are never in both parts of a target`() throws {
    let workshop = try Workshop()
    for i in 0..<10 {
      try workshop.write("t/\(i)", "Target \(i)")
      try workshop.write("t/copy\(i)", "Target \(i)\r\n")
      try workshop.write("d/\(i)", "Domain \(i)")
    }
    let corpus = try workshop.build(
      "tokenizer: {kind: bytes}\nduplicates: keep\ndomains: {d: {paths: d}}\ntargets: {t: {paths: t}}")
    #expect(corpus.targets[0].steering.documentCount + corpus.targets[0].evaluation.documentCount == 10)
  }
}
