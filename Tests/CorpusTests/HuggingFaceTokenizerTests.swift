import Corpus
import Failures
import Foundation
import Testing

/// `tokenizer.json` against the tokenizer that it stands for. The library that reads it is not here: the tests apply
/// the file as its documentation says, and `launch/studies/tokenizer-ids` asks the library itself.
@Suite struct HuggingFaceTokenizerTests {
  /// Strings of everything that tokenizers like to lose, blank ones included, and random ones of few characters.
  private static let strings: [String] = {
    var strings = [
      "", " ", "   ", "\n", "\n\n\n", "\t", "\r", "\r\n", "\u{0}", "plain words", " lead and trail ", "a  b   c    d",
      "tab\tand\ttab", "lone\rreturn", "\r\nwindows\r\n", "Grüße aus München", "漢字かな交じり文", "한국어", "😀👩‍👩‍👧🇩🇪",
      "nul\u{0}byte", "\u{1}\u{1B}[0m\u{7F}\u{85}", "\u{A0}\u{3000}\u{200B}\u{2028}", "\u{FEFF}mark",
      "שלום مرحبا \u{202E}",
      "e\u{301} and \u{E9}", "\u{212B} \u{C5} A\u{30A} \u{2126} \u{37E};", "\u{2581}", "a\u{2581} \u{2581}b",
      "\u{2047}\u{2585}\u{FFFD}", "</s>", "<s></s><unk><0x41><|endoftext|>", "12345 3.14",
      "    indented(code);\n\t\tmore();\n",
      String(repeating: "a", count: 700), String(repeating: "ha", count: 301), String(repeating: " ", count: 99) + "x",
      String(repeating: "ä", count: 251), String(repeating: "漢", count: 99),
    ]
    var generator = SplitMix(state: 11)
    for alphabet in ["the on \n", "aeinrst ", "\u{2581} e\u{301}é漢\n", "<>/s0x4A ", "\u{0}\r\t\u{A0} a"] {
      let characters = Array(alphabet.unicodeScalars)
      for _ in 0..<60 {
        let count = Int.random(in: 1...40, using: &generator)
        let scalars = (0..<count).map { _ in characters.randomElement(using: &generator)! }
        strings.append(String(String.UnicodeScalarView(scalars)))
      }
    }
    return strings
  }()

  private static func text(_ words: Int) -> String {
    var generator = SplitMix(state: 5)
    let stock = [
      "the", "theory", "onto", "stone", "nation", "naïve", "42", "Größe", "e\u{301}t\u{E9}", "漢字", "anna", "  ", "==",
    ]
    return (0..<words).map { stock.randomElement(using: &generator)! + ($0 % 11 == 10 ? ".\n\n" : " ") }.joined()
  }

  @Test func `the file of a trained tokenizer gives its ids for every string`() throws {
    let workshop = try Workshop()
    try workshop.write("d/one.txt", Self.text(4000))
    for vocabulary in [320, 420] {
      let recipe = "tokenizer: {vocabulary: \(vocabulary)}\ndomains: {d: {paths: d}}"
      let tokenizer = try workshop.build(recipe, output: "\(vocabulary)").tokenizer
      let file = try HuggingFaceTokenizer(tokenizer)
      let reading = try Reading(file.content)
      for string in Self.strings + [Self.text(60)] { #expect(try reading.encode(string) == tokenizer.encode(string)) }
      #expect(file.endOfDocument == "</s>")
      #expect(reading.vocabulary[Array("</s>".utf8)] == Int(tokenizer.endOfDocument))
      #expect(reading.vocabulary.count == tokenizer.vocabularySize)
      #expect(reading.ranks.count > 30)
    }
  }

  @Test func `the file of single bytes gives every byte its own id`() throws {
    let file = try HuggingFaceTokenizer(.bytes)
    let root = try #require(try JSONSerialization.jsonObject(with: Data(file.content.utf8)) as? [String: Any])
    let model = try #require(root["model"] as? [String: Any])
    let vocabulary = try #require(model["vocab"] as? [String: Int])
    #expect(vocabulary.values.sorted() == Array(0...256))
    #expect(vocabulary["A"] == 0x41 && vocabulary["Ġ"] == 0x20 && vocabulary["Ċ"] == 0x0A && vocabulary["ÿ"] == 0xFF)
    #expect(vocabulary["Ā"] == 0 && vocabulary["Ń"] == 0xAD && vocabulary["~"] == 0x7E && vocabulary["ġ"] == 0x7F)
    #expect(vocabulary["<|endoftext|>"] == 256)
    #expect((model["merges"] as? [Any])?.isEmpty == true)
  }

  @Test func `pairs come in the order of scores, all ways to make a piece of two, and defined pieces are added whole`()
    throws
  {
    let model = ModelFile(pieces: [
      ("\u{2581}", -9, .normal), ("a", -8, .normal), ("b", -7, .normal), ("ab", -2, .normal), ("ba", -1, .normal),
      ("aba", -3, .normal), ("\u{2581}a", -4, .normal), ("[x]", 0, .userDefined), ("<c>", 0, .control),
    ])
    let tokenizer = try Tokenizer(sentencePiece: model.content, named: "model")
    let file = try HuggingFaceTokenizer(tokenizer)
    let lines = file.content.split(separator: "\n")
    let start = try #require(lines.firstIndex(of: "},\"merges\":["))
    #expect(
      lines[(start + 1)...].prefix(5) == [
        #"["b","a"],"#, #"["a","b"],"#, #"["ab","a"],"#, #"["a","ba"],"#, #"[" ","a"]"#,
      ])
    let added = lines.filter { $0.contains(#""content":"#) }
    #expect(added.count == 3)
    #expect(added.contains { $0.contains(#"{"id":265,"content":"[x]","#) && $0.contains(#""special":false"#) })
    #expect(added.contains { $0.contains(#"{"id":266,"content":"<c>","#) && $0.contains(#""special":true"#) })
    #expect(added.contains { $0.contains(#""id":1,"content":"</s>","#) && $0.contains(#""special":true"#) })
    let reading = try Reading(file.content)
    for text in ["abab", "aba ab a b", "  aab", "baba a", "\u{2581}a"] {
      #expect(try reading.encode(text) == tokenizer.encode(text))
    }
  }

  @Test func `a model that pairs cannot reproduce is refused with the reason`() throws {
    let pieces: [(String, Float, ModelFile.Kind)] = [
      ("\u{2581}", -9, .normal), ("a", -8, .normal), ("b", -7, .normal), ("ab", -2, .normal), ("ba", -1, .normal),
    ]
    func refuses(_ model: ModelFile, because reason: String) {
      expectFailure(.badData, mentioning: [reason]) {
        _ = try HuggingFaceTokenizer(Tokenizer(sentencePiece: model.content, named: "model"))
      }
    }
    refuses(ModelFile(pieces: pieces, algorithm: 1), because: "unigram")
    refuses(ModelFile(pieces: pieces, addsSpace: true), because: "changes text")
    refuses(ModelFile(pieces: pieces, hasBytes: false), because: "single bytes")
    refuses(ModelFile(pieces: pieces + [("aba", -1, .normal)]), because: "same score")
    refuses(ModelFile(pieces: pieces + [("ac", -3, .normal)]), because: "'ac'")
    refuses(ModelFile(pieces: pieces + [("aba", -3, .unused)]), because: "unused")
    expectFailure(.badData, mentioning: ["never text"]) { _ = try HuggingFaceTokenizer(.ids(vocabularySize: 300)) }
    _ = try HuggingFaceTokenizer(Tokenizer(sentencePiece: ModelFile(pieces: pieces).content, named: "model"))
  }
}

/// A `tokenizer.json` of the kind that spells unknown characters in bytes, applied to text.
private struct Reading {
  /// By bytes: strings that differ may be equal in Swift.
  private(set) var vocabulary: [[UInt8]: Int] = [:]
  private(set) var ranks: [[[UInt8]]: Int] = [:]

  /// Takes vocabulary and merges, which have a line each, and checks that the whole is JSON.
  init(_ content: String) throws {
    _ = try JSONSerialization.jsonObject(with: Data(content.utf8))
    var isMerge = false, isEntry = false
    for line in content.split(separator: "\n") {
      if line.hasSuffix("\"vocab\":{") {
        isEntry = true
      } else if line == "},\"merges\":[" {
        (isEntry, isMerge) = (false, true)
      } else if line == "]}}" {
        isMerge = false
      } else if isMerge {
        let pair = try JSONDecoder().decode([String].self, from: Data(line.trimmingCharacters(in: [","]).utf8))
        ranks[pair.map { Array($0.utf8) }] = ranks.count
      } else if isEntry {
        let colon = try #require(line.lastIndex(of: ":"))
        let piece = try JSONDecoder().decode(String.self, from: Data(line[..<colon].utf8))
        vocabulary[Array(piece.utf8)] = Int(line[line.index(after: colon)...].trimmingCharacters(in: [","]))
      }
    }
  }

  func encode(_ text: String) throws -> [Int32] {
    var symbols: [[UInt8]] = text.unicodeScalars.flatMap { scalar in
      let character = Array(UTF8.encode(scalar)!)
      return vocabulary[character] == nil ? character.map { Array(String(format: "<0x%02X>", $0).utf8) } : [character]
    }
    while true {
      let ranked = symbols.indices.dropLast().compactMap { place in
        ranks[[symbols[place], symbols[place + 1]]].map { (rank: $0, place: place) }
      }
      guard let next = ranked.min(by: { $0 < $1 }) else { break }
      let right = symbols.remove(at: next.place + 1)
      symbols[next.place] += right
    }
    return try symbols.map { Int32(try #require(vocabulary[$0])) }
  }
}

/// The file of a SentencePiece model: `<unk>`, `</s>`, 256 bytes, and pieces with their scores.
private struct ModelFile {
  enum Kind: UInt8 { case normal = 1, unknown, control, userDefined, unused, byte }

  private(set) var content: [UInt8] = []

  init(pieces: [(String, Float, Kind)], algorithm: UInt8 = 2, addsSpace: Bool = false, hasBytes: Bool = true) {
    append("<unk>", 0, .unknown)
    append("</s>", 0, .control)
    if hasBytes { for byte in 0...255 { append(String(format: "<0x%02X>", byte), 0, .byte) } }
    for (text, score, kind) in pieces { append(text, score, kind) }
    // The algorithm, byte fallback, and the ids of <unk>, no <s>, </s>, no padding.
    let none: [UInt8] = [UInt8](repeating: 0xFF, count: 9) + [0x01]
    let trainer =
      [0x18, algorithm, 0x98, 0x02, hasBytes ? 1 : 0, 0xC0, 0x02, 0] + [0xC8, 0x02] + none + [0xD0, 0x02, 1] + [
        0xD8, 0x02,
      ] + none
    content += [0x12, UInt8(trainer.count)] + trainer
    content += [0x1A, 6, 0x18, addsSpace ? 1 : 0, 0x20, 0, 0x28, 1]
  }

  private mutating func append(_ text: String, _ score: Float, _ kind: Kind) {
    let bytes = withUnsafeBytes(of: score.bitPattern.littleEndian) { Array($0) }
    let piece = [0x0A, UInt8(text.utf8.count)] + Array(text.utf8) + [0x15] + bytes + [0x18, kind.rawValue]
    content += [0x0A, UInt8(piece.count)] + piece
  }
}
