import Corpus
import Failures
import Foundation
import Storage
import Testing

extension Workshop {
  /// Replaces the training part by one document of 32-bit ids.
  fileprivate func replaceTraining(_ tokens: [Int32]) throws {
    let data = tokens.flatMap { withUnsafeBytes(of: $0.littleEndian) { Array($0) } }
    var index = Array("MMIDIDX\0\0".utf8) + [1, 0, 0, 0, 0, 0, 0, 0] + [4]
    index += [1, 0, 0, 0, 0, 0, 0, 0] + [2, 0, 0, 0, 0, 0, 0, 0]
    index += withUnsafeBytes(of: Int32(tokens.count).littleEndian) { Array($0) }
    index += [UInt8](repeating: 0, count: 16) + [1, 0, 0, 0, 0, 0, 0, 0]
    try write("out/train.bin", data)
    try write("out/train.idx", index)
    try editTable(.trainTokens, of: 0, to: tokens.count)
    try record(["train.bin", "train.idx"])
  }

  /// A corpus whose training part is one document.
  fileprivate func buildPair() throws -> Corpus {
    try write("d/1", "ab")
    try write("d/2", "cd")
    return try build("tokenizer: {kind: bytes}\ndomains: {d: {paths: d}}")
  }
}

@Suite struct StorageTests {
  @Test func `the files are Megatron's, byte for byte`() throws {
    let workshop = try Workshop()
    let corpus = try workshop.buildPair()
    let text = try corpus.documents(corpus.domains[0].train)[0].utf8.map { $0 }
    #expect(try workshop.read("out/train.bin") == [text[0], 0, text[1], 0, 0, 1])
    let index: [UInt8] = [
      0x4D, 0x4D, 0x49, 0x44, 0x49, 0x44, 0x58, 0, 0,  // MMIDIDX and two zeros
      1, 0, 0, 0, 0, 0, 0, 0,  // version 1
      8,  // u16
      1, 0, 0, 0, 0, 0, 0, 0,  // sequences
      2, 0, 0, 0, 0, 0, 0, 0,  // document starts
      3, 0, 0, 0,  // length of the sequence
      0, 0, 0, 0, 0, 0, 0, 0,  // its offset
      0, 0, 0, 0, 0, 0, 0, 0,  // the first document's sequence
      1, 0, 0, 0, 0, 0, 0, 0,  // the end
    ]
    #expect(try workshop.read("out/train.idx") == index)
    // A part without documents is an empty .bin and an index of its header and the closing start.
    #expect(try workshop.read("out/steering.bin").isEmpty)
    #expect(try workshop.read("out/steering.idx").count == 42)
    #expect(
      try workshop.contents("out") == [
        "domains.table", "domains.txt", "evaluation.bin", "evaluation.idx", "manifest.json", "steering.bin",
        "steering.idx",
        "train.bin", "train.idx", "validation.bin", "validation.idx",
      ])
  }

  @Test func `32-bit files are read too`() throws {
    let workshop = try Workshop()
    _ = try workshop.buildPair()
    try workshop.replaceTraining([72, 105, 256])
    let corpus = try Corpus(at: workshop.path + "/out")
    #expect(try corpus.documents(corpus.domains[0].train) == ["Hi"])
  }

  @Test func `an id beyond the vocabulary is named with file and offset`() throws {
    for (token, place) in [(Int32(257), 1), (-1, 0), (Int32.max, 2)] {
      let workshop = try Workshop()
      _ = try workshop.buildPair()
      var tokens: [Int32] = [72, 105, 256, 256]
      tokens[place] = token
      try workshop.replaceTraining(tokens)
      let corpus = try Corpus(at: workshop.path + "/out")
      let expected = ["train.bin, offset \(place * 4)", "id \(token)", "vocabulary of 257"]
      expectFailure(.badData, mentioning: expected) { _ = try corpus.domains[0].train.tokens(0..<4) }
      #expect(try corpus.domains[0].train.tokens(3..<4) == [256])
      #expect(try corpus.domains[0].train.tokens(4..<4) == [])
    }
  }

  @Test func `copies of ranges equal the parts of the whole`() throws {
    let workshop = try Workshop()
    let corpus = try workshop.buildExample()
    let slice = corpus.domains[1].train
    let whole = try slice.tokens(0..<slice.tokenCount)
    var generator = SplitMix(state: 9)
    for _ in 0..<100 {
      let start = Int.random(in: 0...slice.tokenCount, using: &generator)
      let range = start..<Int.random(in: start...slice.tokenCount, using: &generator)
      var buffer = [Int32](repeating: -7, count: range.count + 3)
      var span = buffer.mutableSpan
      try slice.copy(range, into: &span)
      #expect(buffer == whole[range] + [-7, -7, -7])
    }
  }

  @Test func `missing things are missing input`() throws {
    let workshop = try Workshop()
    _ = try workshop.buildExample()
    let out = workshop.path + "/out"
    expectFailure(.missingInput, mentioning: ["/none"]) { _ = try Corpus(at: workshop.path + "/none") }
    expectFailure(.missingInput, mentioning: ["not a corpus"]) { _ = try Corpus(at: workshop.path + "/a") }
    for name in ["train.bin", "evaluation.idx", "manifest.json"] {
      let content = try workshop.read("out/" + name)
      try FileManager.default.removeItem(atPath: out + "/" + name)
      expectFailure(.missingInput, mentioning: [name]) { _ = try Corpus(at: out) }
      try workshop.write("out/" + name, content)
    }
    let corpus = try Corpus(at: out)
    let documents =
      corpus.domains.reduce(0) { $0 + $1.train.documentCount + $1.validation.documentCount }
      + corpus.targets.reduce(0) { $0 + $1.steering.documentCount + $1.evaluation.documentCount }
    let said = try corpus.verify()
    #expect(said.hasPrefix("\(out) is whole: the checksums of 11 files are right"))
    #expect(said.hasSuffix("token ids are below 257, and all \(documents) documents have their end."))
  }

  @Test func `misspelt names get a suggestion`() throws {
    let workshop = try Workshop()
    for name in ["perl", "python"] { for i in 0..<3 { try workshop.write("\(name)/\(i)", "\(name) \(i)") } }
    let corpus = try workshop.build("tokenizer: {kind: bytes}\ndomains: {perl: {paths: perl}, python: {paths: python}}")
    expectFailure(.badConfiguration, mentioning: ["'pyhton'", "Did you mean 'python'?"]) {
      _ = try corpus.domain(named: "pyhton")
    }
    expectFailure(.badConfiguration, mentioning: ["no target 'git'", "recipe"]) { _ = try corpus.target(named: "git") }
  }

  @Test func `truncation anywhere is found when the corpus is opened`() throws {
    let workshop = try Workshop()
    _ = try workshop.buildExample()
    for name in ["train.bin", "train.idx", "validation.idx", "steering.bin", "manifest.json"] {
      let content = try workshop.read("out/" + name)
      for part in 0..<20 {
        try workshop.write("out/" + name, Array(content.prefix(content.count * part / 20)))
        expectFailure(.badData, mentioning: [name]) { _ = try Corpus(at: workshop.path + "/out") }
      }
      try workshop.write("out/" + name, content)
    }
  }

  @Test func `a flipped bit anywhere is found by verify`() throws {
    let workshop = try Workshop()
    _ = try workshop.buildExample()
    var generator = SplitMix(state: 4)
    for name in try workshop.contents("out") {
      let content = try workshop.read("out/" + name)
      guard !content.isEmpty else { continue }
      for _ in 0..<40 {
        var damaged = content
        let place = Int.random(in: 0..<content.count, using: &generator)
        damaged[place] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
        try workshop.write("out/" + name, damaged)
        // White space of the manifest is the one place where a changed byte may mean nothing.
        let isHarmless =
          name == "manifest.json"
          && (try? JSONDecoder().decode(Manifest.self, from: Data(damaged)))
            == (try? JSONDecoder().decode(Manifest.self, from: Data(content)))
        if !isHarmless {
          expectFailure(.badData, .missingInput) { try Corpus(at: workshop.path + "/out").verify() }
        }
      }
      try workshop.write("out/" + name, content)
    }
  }

  @Test func `a manifest that was changed is found when the corpus is opened`() throws {
    let workshop = try Workshop()
    _ = try workshop.buildExample()
    let text = String(decoding: try workshop.read("out/manifest.json"), as: UTF8.self)
    let changes = [
      text.replacing("\"seed\" : 1", with: "\"seed\" : 2"), text.replacing("\n}", with: "\n }"),
      // Without its own checksum, which is on the second line.
      text.split(separator: "\n").enumerated().filter { $0.offset != 1 }.map(\.element).joined(separator: "\n"),
    ]
    for changed in changes {
      #expect(changed != text)
      try workshop.write("out/manifest.json", changed)
      expectFailure(.badData, mentioning: ["out/manifest.json", "its own checksum"]) {
        _ = try Corpus(at: workshop.path + "/out")
      }
    }
  }

  @Test func `a file that becomes shorter while it is read is named, not read as zeros`() throws {
    let workshop = try Workshop()
    let corpus = try workshop.buildExample()
    let slice = corpus.domains[0].train
    _ = try slice.tokens(0..<slice.tokenCount)
    // Within the last page, whose rest reads as zeros without any signal.
    truncate(workshop.path + "/out/train.bin", 10)
    expectFailure(.inputOutput, mentioning: ["out/train.bin has become shorter"]) {
      _ = try slice.tokens(0..<slice.tokenCount)
    }
  }

  @Test func `another tokenizer is refused`() throws {
    let workshop = try Workshop()
    var generator = SplitMix(state: 6)
    let words = (0..<2000).map { _ in String((0..<4).map { _ in "abcdef".randomElement(using: &generator)! }) }
    try workshop.write("d.txt", words.joined(separator: " "))
    try workshop.build("tokenizer: {vocabulary: 330}\ndomains: {d: {paths: d.txt}}")
    try workshop.build("tokenizer: {vocabulary: 340}\ndomains: {d: {paths: d.txt}}", output: "other")
    try workshop.write("out/tokenizer.model", workshop.read("other/tokenizer.model"))
    expectFailure(.badData, mentioning: ["out/tokenizer.model", "not the tokenizer"]) {
      _ = try Corpus(at: workshop.path + "/out")
    }
  }

  @Test func `positions of an index too large to be checked lie within its file`() throws {
    let lengths: [Int32] = [3, 4, 5]
    let whole = TokenIndex.encoded(lengths, width: .uint16)
    for number in [Int64.min, -1, 1 << 40, .max] {
      // Byte offsets of sequences, then first sequences of documents.
      for place in stride(from: TokenIndex.headerSize + 4 * 3, to: whole.count, by: 8) {
        var damaged = whole
        withUnsafeBytes(of: number.littleEndian) { damaged.replaceSubrange(place..<place + 8, with: $0) }
        let file = MappedFile("x.idx", memory: damaged)
        let index = try TokenIndex(file, dataSize: 24, checkedUpTo: 0)
        for document in 0...3 { #expect((0...12).contains(index.position(ofDocument: document))) }
        #expect(throws: Failure.self) { try index.check() }
      }
    }
  }

  @Test func `counts whose sums overflow are refused`() throws {
    let workshop = try Workshop()
    _ = try workshop.buildExample()
    let keys: [WritableKeyPath<Manifest.Extent, Int>] = [\.documents, \.tokens, \.bytes]
    for key in keys {
      let whole = try workshop.read("out/manifest.json")
      try workshop.editManifest { manifest in
        for target in manifest.targets.indices { manifest.targets[target].steering[keyPath: key] = Int.max / 2 + 1 }
      }
      expectFailure(.badData, mentioning: ["impossible counts"]) { _ = try Corpus(at: workshop.path + "/out") }
      try workshop.write("out/manifest.json", whole)
    }
  }

  @Test func `mutated indices and manifests never crash`() throws {
    let workshop = try Workshop()
    _ = try workshop.buildExample()
    var generator = SplitMix(state: 8)
    for (name, rounds) in [("train.idx", 2000), ("domains.table", 500), ("domains.txt", 200), ("manifest.json", 500)] {
      let content = try workshop.read("out/" + name)
      for _ in 0..<rounds {
        var mutant = content
        for _ in 0..<Int.random(in: 1...3, using: &generator) {
          // Mostly the header, where the counts are.
          let place = Int.random(
            in: 0..<(Bool.random(using: &generator) ? min(60, mutant.count) : mutant.count), using: &generator)
          mutant[place] = [0, 1, 0x7F, 0x80, 0xFF, UInt8.random(in: 0...255, using: &generator)].randomElement(
            using: &generator)!
        }
        if Int.random(in: 0..<10, using: &generator) == 0 {
          mutant.removeLast(Int.random(in: 0...mutant.count, using: &generator))
        }
        try workshop.write("out/" + name, mutant)
        do {
          let corpus = try Corpus(at: workshop.path + "/out")
          _ = try corpus.domains.map { try $0.train.tokens(0..<$0.train.tokenCount) }
        } catch {
          #expect(error is Failure)
        }
      }
      try workshop.write("out/" + name, content)
    }
  }
}
