import Corpus
import Foundation
import Testing

/// Text with everything that tokenizers like to lose.
private let nasty = [
  "plain words", " lead and trail ", "  two   three    four\n\n\n", "tab\tand\ttab", "\n", " ", "\u{2581}",
  "a\u{2581} \u{2581}b",
  "nul\u{0}byte", "\r\nwindows\r\n", "ünïcöde 漢字 かな 한국어 😀👩‍👩‍👧 \u{FEFF}bom \u{200B}zero", "<s></s><unk><0x41>",
  "12345 3.14",
  "e\u{301} and \u{E9}", "\u{2047}\u{2585}\u{FFFD}", "\u{1}\u{7F}\u{85}\u{A0}\u{3000}",
  "    indented(code);\n\t\tmore();\n",
]

private func makeText(_ words: Int) -> String {
  var generator = SplitMix(state: 5)
  var stock = ["the", "quick", "brown", "fox", "jumps", "over", "lazy", "dogs", "token", "izer", "naïve", "42"]
  for _ in 0..<50 {
    let letters = (0..<6).map { _ in "aeiounrstlk".randomElement(using: &generator)! }
    stock.append(String(letters))
  }
  var text = ""
  for i in 0..<words {
    text += stock.randomElement(using: &generator)! + (i % 11 == 10 ? ".\n" : i % 7 == 6 ? ",  " : " ")
  }
  return text
}

@Suite struct TokenizerTests {
  /// Builds a corpus and takes its trained tokenizer.
  private func trained(_ vocabulary: Int, _ text: String) throws -> Tokenizer {
    let workshop = try Workshop()
    try workshop.write("d/one.txt", text)
    return try workshop.build("tokenizer: {vocabulary: \(vocabulary)}\ndomains: {d: {paths: d}}").tokenizer
  }

  @Test func `bytes are their own tokens`() throws {
    let tokenizer = Tokenizer.bytes
    #expect(try tokenizer.encode("aé") == [97, 0xC3, 0xA9])
    #expect(tokenizer.vocabularySize == 257)
    #expect(tokenizer.endOfDocument == 256)
    for text in nasty { #expect(try tokenizer.decode(tokenizer.encode(text) + [256]) == text) }
  }

  @Test func `a trained tokenizer gives every text back`() throws {
    let tokenizer = try trained(400, makeText(3000))
    for text in nasty + [nasty.joined(separator: " "), makeText(500)] {
      let tokens = try tokenizer.encode(text)
      #expect(tokens.allSatisfy { (0..<400).contains($0) && $0 != tokenizer.endOfDocument })
      #expect(Array(try tokenizer.decode(tokens).utf8) == Array(text.utf8))
    }
    #expect(try tokenizer.encode("").isEmpty)
    // It has learnt something: fewer than half as many tokens as bytes on its own kind of text.
    #expect(try tokenizer.encode(makeText(500)).count * 2 < makeText(500).utf8.count)
  }

  @Test func `long texts are cut for encoding without changing tokens`() throws {
    let tokenizer = try trained(400, makeText(3000))
    // About 250 kB, so several chunks. No piece crosses the beginning of a run of spaces, so cutting there in other
    // places has to give the same tokens.
    let text = Array(makeText(40_000).utf8)
    var tokens: [Int32] = []
    var start = 0
    for end in text.indices where end - start > 1000 && text[end] == 0x20 && text[end - 1] != 0x20 {
      tokens += try tokenizer.encode(String(decoding: text[start..<end], as: UTF8.self))
      start = end
    }
    tokens += try tokenizer.encode(String(decoding: text[start...], as: UTF8.self))
    #expect(try tokenizer.encode(String(decoding: text, as: UTF8.self)) == tokens)
    let unspaced = String(repeating: "漢字", count: 50_000)
    #expect(try tokenizer.decode(tokenizer.encode(unspaced)) == unspaced)
  }

  @Test func `encoding by words gives the tokens of the library`() throws {
    let tokenizer = try trained(400, makeText(3000))
    let model = try SentencePieceModel(tokenizer.modelFile!, named: "model")
    let text = nasty.joined(separator: " ") + nasty.joined(separator: "\n") + makeText(3000) + "\n\n\n  end "
    var whole: [Int32] = []
    try Array(text.utf8).withUnsafeBytes { try model.encode($0[...], into: &whole) }
    #expect(try tokenizer.encode(text) == whole)
    #expect(whole.count > 3000)
  }

  @Test func `short words are encoded as the library does it`() throws {
    let tokenizer = try trained(600, makeText(3000) + String(repeating: "漢字 ünï \u{301}e  \n\n", count: 50))
    let model = try SentencePieceModel(tokenizer.modelFile!, named: "model")
    let merging = try #require(BytePairMerging(tokenizer.modelFile!))
    var generator = SplitMix(state: 11)
    let characters = Array("aeioutrnhsdk 1.\n\u{0}\u{2585}漢字ünï\u{301}\u{200B}😀\u{7F}<>".unicodeScalars)
    let letters = Array("theaeionrs ".unicodeScalars)
    let ids = UnsafeMutablePointer<Int32>.allocate(capacity: BytePairMerging.longestWord)
    defer { ids.deallocate() }
    for round in 0..<20_000 {
      var word = ""
      let length = Int.random(in: 1...16, using: &generator)
      // Letters that make pieces, and all kinds that do not.
      for _ in 0..<length {
        word.unicodeScalars.append((round % 2 == 0 ? letters : characters).randomElement(using: &generator)!)
      }
      var whole: [Int32] = []
      let count = try Array(word.utf8).withUnsafeBytes { bytes in
        try model.encode(bytes[...], into: &whole)
        return merging.encode(bytes, into: ids)
      }
      #expect(whole.elementsEqual(UnsafeBufferPointer(start: ids, count: count)), "\(word.debugDescription)")
    }
  }

  @Test func `words that were forgotten are encoded again`() throws {
    let tokenizer = try trained(400, makeText(3000))
    let model = try SentencePieceModel(tokenizer.modelFile!, named: "model")
    // More different words than are remembered, twice.
    let text = (0..<200_000).map { "w\($0 % 150_000) " }.joined()
    var whole: [Int32] = []
    for part in text.split(separator: " ") {
      try Array((part + " ").utf8).withUnsafeBytes { try model.encode($0[...], into: &whole) }
    }
    // No piece goes on behind a space.
    #expect(try tokenizer.encode(text) == whole)
  }

  @Test func `a space and an accent after it are one character, and may be one piece`() throws {
    let text = String(repeating: "e \u{301}a \u{301}o  \u{301} ", count: 400)
    let tokenizer = try trained(330, text)
    let model = try SentencePieceModel(tokenizer.modelFile!, named: "model")
    var whole: [Int32] = []
    try Array(text.utf8).withUnsafeBytes { try model.encode($0[...], into: &whole) }
    #expect(try tokenizer.encode(text) == whole)
    #expect(try tokenizer.encode(" \u{301}").count == 1)
  }

  @Test func `training twice gives the same bytes`() throws {
    let first = try trained(380, makeText(2000))
    let second = try trained(380, makeText(2000))
    #expect(first.modelFile == second.modelFile)
    #expect(first.hash == second.hash)
    #expect(first.hash != (try trained(390, makeText(2000))).hash)
  }

  @Test func `more characters than the vocabulary holds are spelt in bytes`() throws {
    let characters = String(String.UnicodeScalarView((0x4E00..<0x5600).map { Unicode.Scalar($0)! }))
    let tokenizer = try trained(512, characters + "\n" + makeText(500))
    #expect(tokenizer.vocabularySize == 512)
    #expect(try tokenizer.decode(tokenizer.encode(characters)) == characters)
  }

  @Test func `a model without enough pieces is smaller, and the build says so`() throws {
    let workshop = try Workshop()
    try workshop.write("d.txt", "abab\nabab\n")
    nonisolated(unsafe) var lines: [String] = []
    let corpus = try workshop.build("domains: {d: {paths: d.txt}}") { lines.append($0) }
    #expect(corpus.vocabularySize < 300)
    #expect(lines.contains { $0.contains("not 4096") })
  }

  @Test func `a model is loaded from a file, and anything else is refused`() throws {
    let workshop = try Workshop()
    let tokenizer = try trained(400, makeText(2000))
    try workshop.write("my.model", tokenizer.modelFile!)
    try workshop.write("d.txt", "one\ntwo\n")
    let corpus = try workshop.build("tokenizer: {file: my.model}\ndomains: {d: {paths: d.txt}}")
    #expect(corpus.tokenizer.hash == tokenizer.hash)
    #expect(corpus.vocabularySize == 400)
    try workshop.write("my.model", "no model at all")
    expectFailure(.badData, mentioning: ["my.model", "SentencePiece"]) {
      try workshop.build("tokenizer: {file: my.model}\ndomains: {d: {paths: d.txt}}", output: "other")
    }
    expectFailure(.missingInput, mentioning: ["none.model"]) {
      try workshop.build("tokenizer: {file: none.model}\ndomains: {d: {paths: d.txt}}", output: "other")
    }
    #expect(try workshop.contents() == ["d.txt", "my.model", "out", "recipe.yaml"])
  }

  /// A model that was trained with bytes for unknown characters, changed into one without them.
  private func withoutBytes(_ model: [UInt8]) -> [UInt8] {
    var model = model
    for place in model.indices.dropLast(15) {
      // A piece: its text, a score, and its type, which becomes "unused" instead of "byte".
      if model[place...].starts(with: [0x0A, 6, 0x3C, 0x30, 0x78]), model[place + 13] == 0x18 { model[place + 14] = 5 }
      // The trainer's flag `byte_fallback`.
      if model[place...].starts(with: [0x98, 2, 1]) { model[place + 2] = 0 }
    }
    return model
  }

  @Test func `pieces that a model does not know are counted, and what they stand for`() throws {
    let workshop = try Workshop()
    try workshop.write("my.model", withoutBytes(try trained(400, makeText(2000)).modelFile!))
    try workshop.write("en/1", makeText(200))
    try workshop.write("en/2", makeText(300))
    for i in 0..<3 { try workshop.write("zh/\(i)", String(repeating: "漢字\(i) ", count: 500)) }
    nonisolated(unsafe) var said: [String] = []
    let corpus = try workshop.build(
      "tokenizer: {file: my.model}\ndomains: {en: {paths: en}, zh: {paths: zh}}"
    ) { said.append($0) }
    let finding = try #require(corpus.found(.unknownPieces))
    #expect(finding.owner == "domain 'zh'")
    #expect(finding.count >= 1500)
    // Six of eight bytes, and the digit if it is no piece.
    #expect((0.7...0.9).contains(try #require(finding.share)))
    #expect(
      said.contains { $0.contains("Warning: pieces that the tokenizer does not know") && $0.contains(" % of the text") }
    )
    #expect(corpus.report().table.contains("domain 'zh': Warning: pieces"))
    let lossy = try #require(corpus.found(.lossy))
    #expect(lossy.owner == "domain 'zh'")
    #expect(lossy.count == 3)
  }

  @Test func `a tokenizer that gives its text back is not warned about`() throws {
    let workshop = try Workshop()
    try workshop.write("d/1", nasty.joined(separator: " ") + makeText(2000))
    try workshop.write("d/2", makeText(300))
    let corpus = try workshop.build("tokenizer: {vocabulary: 400}\ndomains: {d: {paths: d}}")
    #expect(corpus.found(.lossy) == nil)
    #expect(corpus.found(.normalised) == nil)
    #expect(corpus.found(.unknownPieces) == nil)
  }

  @Test func `ids beyond the vocabulary are not decoded`() {
    expectFailure(.badData, mentioning: ["Token 1", "257"]) { _ = try Tokenizer.bytes.decode([65, 257]) }
    expectFailure(.badData) { _ = try Tokenizer.bytes.decode([-1]) }
  }
}
