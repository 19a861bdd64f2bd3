internal import CSentencePiece
import Dispatch
import Failures
import Signals
import Synchronization

/// Training of a SentencePiece model on a sample of text.
///
/// The settings make tokens reversible and bits per byte honest: text is not normalised, no white space is removed or
/// added, every digit is a token of its own, and characters that are not in the vocabulary are spelt in bytes.
struct SentencePieceTraining {
  private var text: [UInt8] = []
  private var ends: [Int64] = [0]
  private var counts: [Unicode.Scalar: Int] = [:]

  /// The trainer leaves out longer sentences; lines beyond are cut.
  private static let maximumSentence = 4000

  /// Characters that the library keeps for itself: training would drop the whole sentence. In a text they are spelt in
  /// bytes.
  private static let reserved: Set<Unicode.Scalar> = ["\u{0}", "\t", "\u{2047}", "\u{2581}", "\u{2585}"]

  /// The number of bytes in the sample.
  var byteCount: Int { text.count }

  /// Adds well-formed UTF-8 text to the sample, a sentence for each line.
  mutating func add(_ sample: UnsafeRawBufferPointer) {
    for scalar in String(decoding: sample, as: UTF8.self).unicodeScalars {
      if SentencePieceTraining.reserved.contains(scalar) {
        endSentence()
        continue
      }
      counts[scalar, default: 0] += 1
      let isNewLine = scalar == "\n"
      // A sentence is a line with all line feeds after it, so that pieces such as ".\n\n" can be learnt.
      if !isNewLine, text.last == UInt8(ascii: "\n") { endSentence() }
      text.append(contentsOf: UTF8.encode(scalar)!)
      if text.count - Int(ends.last!) >= SentencePieceTraining.maximumSentence { endSentence() }
    }
    endSentence()
  }

  private mutating func endSentence() {
    if text.count > Int(ends.last!) { ends.append(Int64(text.count)) }
  }

  /// Trains a byte-pair encoding and returns the content of its `.model` file.
  ///
  /// The vocabulary gets smaller than asked for if the sample has too few different pieces.
  ///
  /// - Throws: `Failure(.badData)` with the library's message.
  func train(vocabularySize: Int) throws -> [UInt8] {
    let alphabetSize = frequentCharacters(vocabularySize)
    var sample = self
    if alphabetSize < counts.count { sample = withoutRareCharacters(keeping: alphabetSize) }
    let options = [
      "model_type": "bpe", "vocab_size": String(vocabularySize), "hard_vocab_limit": "false",
      "normalization_rule_name": "identity", "remove_extra_whitespaces": "false", "add_dummy_prefix": "false",
      "split_digits": "true", "byte_fallback": "true", "character_coverage": "1.0",
      "allow_whitespace_only_pieces": "true", "max_sentence_length": "1000000",
      "unk_id": "0", "eos_id": "1", "bos_id": "-1", "pad_id": "-1", "num_threads": "1", "minloglevel": "2",
    ]
    return try sample.runStoppably(options.flatMap { [$0.key, $0.value] })
  }

  /// Trains on a thread of its own: the library knows of no way to be stopped, and a signal need not wait for it.
  private func runStoppably(_ options: [String]) throws -> [UInt8] {
    /// What the thread leaves behind.
    final class Outcome: Sendable {
      let result = Mutex<Result<[UInt8], any Error>?>(nil)
    }
    let outcome = Outcome()
    let isDone = DispatchSemaphore(value: 0)
    DispatchQueue.global().async {
      let result = Result { try run(options) }
      outcome.result.withLock { $0 = result }
      isDone.signal()
    }
    while isDone.wait(timeout: .now() + .milliseconds(50)) == .timedOut {
      try StopSignal.check(BuildWatch.consequenceOfStopping)
    }
    return try outcome.result.withLock { $0! }.get()
  }

  /// The number of most frequent characters that get pieces of their own: those that make up 99.95 % of the sample, as
  /// is usual, but no more than half of the vocabulary.
  private func frequentCharacters(_ vocabularySize: Int) -> Int {
    let total = counts.values.reduce(0, +)
    let room = (vocabularySize - 258) / 2
    var covered = 0
    var characters = 0
    for count in counts.values.sorted(by: >) {
      guard characters < room, Double(covered) < 0.9995 * Double(total) else { break }
      covered += count
      characters += 1
    }
    return characters
  }

  private func withoutRareCharacters(keeping count: Int) -> SentencePieceTraining {
    let order = counts.sorted { ($1.value, $0.key.value) < ($0.value, $1.key.value) }
    let kept = Set(order.prefix(count).map(\.key))
    var result = SentencePieceTraining()
    for (start, end) in zip(ends, ends.dropFirst()) {
      for scalar in String(decoding: text[Int(start)..<Int(end)], as: UTF8.self).unicodeScalars {
        if kept.contains(scalar) {
          result.text.append(contentsOf: UTF8.encode(scalar)!)
        } else {
          result.endSentence()
        }
      }
      result.endSentence()
    }
    return result
  }

  private func run(_ options: [String]) throws -> [UInt8] {
    guard ends.count > 1 else { throw Failure(.badData, "There is no text to train a tokenizer on.") }
    var model: UnsafeMutablePointer<CChar>?
    var error: UnsafeMutablePointer<CChar>?
    // The library wants an array of C strings; they live in one block of text.
    let block = options.map { Array($0.utf8CString) }
    let count = text.withUnsafeBytes { text in
      text.withMemoryRebound(to: CChar.self) { text in
        withCStrings(block[...], []) {
          csp_train(text.baseAddress!, ends, ends.count - 1, $0, $0.count, &model, &error)
        }
      }
    }
    defer {
      csp_free(model)
      csp_free(error)
    }
    guard count >= 0 else {
      let reason = error.map { String(cString: $0) } ?? "unknown error"
      throw Failure(.badData, "Training the tokenizer failed: \(reason).")
    }
    return Array(UnsafeRawBufferPointer(start: model, count: Int(count)))
  }

  private func withCStrings(
    _ strings: ArraySlice<[CChar]>, _ pointers: [UnsafePointer<CChar>], _ body: ([UnsafePointer<CChar>]) -> Int64
  ) -> Int64 {
    guard let first = strings.first else { return body(pointers) }
    return first.withUnsafeBufferPointer {
      withCStrings(strings.dropFirst(), pointers + [$0.baseAddress!], body)
    }
  }
}
