import Storage

extension DocumentSelection {
  /// Makes or loads the tokenizer that a recipe wants.
  ///
  /// - Throws: `Failure(.badData)` or `.missingInput` for a model that cannot be loaded or trained.
  func tokenizer(
    for recipe: Recipe, targets: [[Spool.Document]], domains: [[Spool.Document]], _ progress: (String) -> Void
  ) throws -> Tokenizer {
    switch recipe.tokenizer {
    case .bytes: return .bytes
    case .file(let path): return try Tokenizer(sentencePiece: try MappedFile(path).content, named: path)
    case .sentencePiece(let vocabulary, let sampleBytes):
      // No text of a target is looked at, so that what is evaluated is unseen by the tokenizer too.
      let excluded = Set(targets.joined().map(\.identity))
      var training = SentencePieceTraining()
      for documents in domains {
        // Every domain has the same part in the sample, whatever its size.
        var rest = max(1, sampleBytes / domains.count)
        for document in shuffled(documents) where rest > 0 && !excluded.contains(document.identity) {
          spool.withText(of: document) { training.add(DocumentSelection.wholeCharacters(of: $0, upTo: rest)) }
          rest -= document.count
        }
      }
      progress("Training the tokenizer on \(training.byteCount) bytes.")
      let model = try training.train(vocabularySize: vocabulary)
      let tokenizer = try Tokenizer(sentencePiece: model, named: "The new tokenizer")
      if tokenizer.vocabularySize < vocabulary {
        progress("The text has only enough pieces for a vocabulary of \(tokenizer.vocabularySize), not \(vocabulary).")
      }
      return tokenizer
    }
  }

  /// Checks on a sample of an owner's documents whether the tokenizer gives text back, and notes it if not.
  ///
  /// - Parameter bytes: The size of the sample; of each document no more than 4 KiB are looked at.
  /// - Throws: `Failure(.internalError)` if the library fails.
  func checkRoundTrip(
    of documents: ArraySlice<Spool.Document>, by tokenizer: Tokenizer, _ encoder: inout Tokenizer.Encoder, bytes: Int,
    _ tally: inout Tally
  ) throws {
    var rest = bytes
    for document in documents {
      guard rest > 0 else { return }
      let trip = try spool.withText(of: document) { text in
        let part = DocumentSelection.wholeCharacters(of: text, upTo: min(rest, 4096))
        rest -= max(1, part.count)
        return try RoundTrip(
          of: String(decoding: part, as: UTF8.self), tokens: try encoder.encode(part), by: tokenizer)
      }
      switch trip {
      case .exact: break
      case .normalised: tally.note(.normalised, first: spool.name(of: document))
      case .lossy: tally.note(.lossy, first: spool.name(of: document))
      }
    }
  }

  /// The longest prefix of at most `limit` bytes that ends with a character.
  private static func wholeCharacters(of text: UnsafeRawBufferPointer, upTo limit: Int) -> UnsafeRawBufferPointer {
    guard limit < text.count else { return text }
    var length = limit
    while length > 0, text[length] & 0xC0 == 0x80 { length -= 1 }
    return UnsafeRawBufferPointer(rebasing: text[..<length])
  }
}
