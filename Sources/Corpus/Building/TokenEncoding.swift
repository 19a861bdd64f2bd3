import Failures
import Storage

/// The third part of a build, on all ranks: texts become tokens, a block at a time.
struct TokenEncoding {
  private let catalogue: Catalogue
  private let watch: BuildWatch
  private let targetCount: Int
  private let tokenizer: Tokenizer
  private let width: TokenWidth
  private var encoder: Tokenizer.Encoder
  private let unknownPieces: UnknownPieces?
  /// The texts of targets, and what finds copies of them; nil until a domain is met.
  private var withheld: [PlannedText] = []
  private var nearCopies: NearCopies?

  init(_ tokenizer: Tokenizer, _ catalogue: Catalogue, targetCount: Int, by watch: BuildWatch) {
    self.catalogue = catalogue
    self.watch = watch
    self.targetCount = targetCount
    self.tokenizer = tokenizer
    width = TokenWidth(vocabularySize: tokenizer.vocabularySize)
    encoder = tokenizer.encoder()
    unknownPieces = UnknownPieces(of: tokenizer)
  }

  /// Encodes a block and looks for near copies of targets, unknown pieces and what the tokenizer does not give back.
  ///
  /// - Throws: `Failure`: `.badData` for a text of more than 2^31 - 1 tokens, `.inputOutput`, `.preempted`.
  mutating func encode(_ piece: TokenPiece) throws {
    let directory = watch.directory
    let texts = try PositionalFile(directory.file(TokenPlan.textFile(piece.block.part)))
    var tokens = try OutputFile(directory.file(piece.tokenFile))
    var lengths = try OutputFile(directory.file(piece.lengthFile))
    var result = TokenPiece.Result()
    try texts.forEach(piece.block.texts, as: PlannedText.self) { text in
      try watch.check()
      if result.owners.last?.number != Int(text.owner) { result.owners.append(.init(number: Int(text.owner))) }
      let last = result.owners.count - 1
      let ids = try encode(text, &result.owners[last])
      guard let length = Int32(exactly: ids.count) else {
        let name = catalogue.name(file: text.file, line: text.line)
        throw Failure(.badData, "\(name) has \(ids.count) tokens, which is too long for the index; split it.")
      }
      switch width {
      case .uint16: try tokens.write(ids.map { UInt16(truncatingIfNeeded: $0) })
      case .int32: try tokens.write(ids)
      }
      try lengths.write([length])
      result.tokens += ids.count
      watch.partial += Int(text.count)
    }
    try directory.finish(
      piece.name, result,
      files: [piece.tokenFile: tokens.finishInMemory(), piece.lengthFile: lengths.finishInMemory()])
    watch.partial = 0
  }

  private mutating func encode(_ text: PlannedText, _ found: inout TokenPiece.Result.Owner) throws -> [Int32] {
    if text.compared > 0, nearCopies == nil { try readTargets() }
    let catalogue = catalogue
    func name() -> String { catalogue.name(file: text.file, line: text.line) }
    return try catalogue.withText(
      ofBlock: text.block, offset: text.offset, count: Int(max(text.count, text.compared))
    ) { bytes in
      let own = UnsafeRawBufferPointer(rebasing: bytes[..<Int(text.count)])
      var ids = try encoder.encode(own)
      ids.append(tokenizer.endOfDocument)
      if let unknownPieces {
        let count = unknownPieces.count(in: ids, bytes: own.count)
        if count.pieces > 0 { found.tally.note(.unknownPieces, count: count.pieces, at: text.place, first: name()) }
        found.unknown.add(count)
      }
      let compared = UnsafeRawBufferPointer(rebasing: bytes[..<Int(text.compared)])
      if text.compared > 0, let copied = nearCopies?.match(compared) {
        let original = catalogue.name(file: withheld[copied].file, line: withheld[copied].line)
        found.tally.note(.nearCopy, at: text.place, first: "\(name()), like \(original)")
      }
      if text.checked > 0 {
        let part = bytes.wholeCharacters(upTo: Int(text.checked))
        let tokens = try encoder.encode(part)
        switch try RoundTrip(of: String(decoding: part, as: UTF8.self), tokens: tokens, by: tokenizer) {
        case .exact: break
        case .normalised: found.tally.note(.normalised, at: text.place, first: name())
        case .lossy: found.tally.note(.lossy, at: text.place, first: name())
        }
      }
      return ids
    }
  }

  /// Reads the texts of targets, which domains are compared with.
  private mutating func readTargets() throws {
    for part in [Manifest.Part.steering, .evaluation] {
      let file = watch.directory.file(TokenPlan.textFile(part))
      let count = try PositionalFile(file).count(of: PlannedText.self)
      try PositionalFile(file).forEach(0..<count, as: PlannedText.self) { withheld.append($0) }
    }
    withheld.sort { ($0.owner, $0.place) < ($1.owner, $1.place) }
    nearCopies = try NearCopies(of: withheld, in: catalogue)
  }
}
