import Storage

/// A corpus of random token ids, for measurements and tests that need no text.
///
/// Ids are drawn independently and fall off as words do: the id of rank r has the weight 1 / (r + 2.7), from rank 1 on
/// (Zipf's law with Mandelbrot's offset). Each domain has an order of ids of its own, so domains differ and a model's
/// loss falls. Every part of a domain or target is a single document, so that a corpus of any size opens in the same
/// time.
///
///     try RandomCorpus(
///       vocabularySize: 4096, domains: ["a", "b"], targets: ["t"], trainTokens: 1_000_000, otherTokens: 10_000)
///       .write(to: "data/random")
package struct RandomCorpus {
  private let tokenizer: Tokenizer
  private let domains, targets: [String]
  private let trainTokens, validationTokens, otherTokens: Int
  private let seed: Int
  private let table: AliasTable

  /// Describes a corpus.
  ///
  /// - Parameters:
  ///   - trainTokens: Tokens of each domain's training part.
  ///   - validationTokens: Tokens of each domain's validation part; `otherTokens` if nothing is said.
  ///   - otherTokens: Tokens of both parts of each target.
  /// - Precondition: There is a domain, and at least two ids; every part has at least one token, and at most 2^31 - 1.
  package init(
    vocabularySize: Int, domains: [String], targets: [String], trainTokens: Int, validationTokens: Int? = nil,
    otherTokens: Int, seed: Int = 1
  ) {
    precondition(vocabularySize >= 2 && !domains.isEmpty && trainTokens >= 1 && otherTokens >= 1, "an empty corpus")
    tokenizer = .ids(vocabularySize: vocabularySize)
    self.domains = domains
    self.targets = targets
    self.trainTokens = trainTokens
    self.validationTokens = validationTokens ?? otherTokens
    self.otherTokens = otherTokens
    self.seed = seed
    // The last id ends documents and is not drawn.
    table = AliasTable(weights: (1..<vocabularySize).map { 1 / (Double($0) + 2.7) })
  }

  /// Writes the corpus into a new directory and opens it.
  ///
  /// - Throws: `Failure(.cannotCreate)` if something is there already; `.inputOutput`.
  @discardableResult
  package func write(to output: String) throws -> Corpus {
    var directory = try OutputDirectory(output)
    let path = directory.path
    var (manifest, table) = try describe { part, documents in
      var writer = try TokenFileWriter(prefix: "\(path)/\(part)", vocabularySize: tokenizer.vocabularySize)
      for document in documents { try writer.append(document) }
      let records = try writer.finish()
      return ["\(part).bin": records.data, "\(part).idx": records.index]
    }
    try manifest.finish(table, tokenizer, in: path)
    try directory.commit()
    return try Corpus(at: directory.destination)
  }

  /// Makes the corpus in memory, without any file.
  package func inMemory() throws -> Corpus {
    let width = TokenWidth(vocabularySize: tokenizer.vocabularySize)
    var files: [String: [UInt8]] = [:]
    let (manifest, table) = try describe { part, documents in
      let documents = Array(documents)
      let ids = documents.flatMap(\.self)
      files["\(part).bin"] =
        width == .uint16 ? ids.map { UInt16($0) }.withUnsafeBytes { Array($0) } : ids.withUnsafeBytes { Array($0) }
      files["\(part).idx"] = TokenIndex.encoded(documents.map { Int32($0.count) }, width: width)
      return [:]
    }
    for (name, bytes) in table.files { files[name] = bytes }
    let directory = CorpusDirectory(path: "a corpus in memory", manifest) { [files] name in
      MappedFile("\(name) in memory", memory: files[name]!)
    }
    return try Corpus(path: directory.path, [directory], tokenizer)
  }

  /// Makes all parts and describes them.
  ///
  /// - Parameter store: Keeps the documents of a part, and says which files it made.
  private func describe(
    _ store: (Manifest.Part, AnySequence<[Int32]>) throws -> [String: FileRecord]
  ) throws -> (Manifest, DomainTable.Writer) {
    var manifest = Manifest(
      seed: seed, tokenizer: tokenizer.record, domains: domains.count, targets: [], removed: Manifest.Removed(),
      files: [:])
    func make(_ part: Manifest.Part, _ owners: Range<Int>, tokens: Int) throws -> [Manifest.Extent] {
      // One after the other: together they may be large.
      let documents = AnySequence(owners.lazy.map { document(part, owner: $0, tokens: tokens) })
      manifest.files.merge(try store(part, documents)) { $1 }
      // There is no text to count the bytes of; tokens are counted as they are stored.
      let width = TokenWidth(vocabularySize: tokenizer.vocabularySize)
      return owners.map {
        Manifest.Extent(firstDocument: $0, documents: 1, tokens: tokens, bytes: tokens * width.size)
      }
    }
    let trained = try make(.train, domains.indices, tokens: trainTokens)
    let validated = try make(.validation, domains.indices, tokens: validationTokens)
    var table = DomainTable.Writer()
    for (name, (train, validation)) in zip(domains, zip(trained, validated)) {
      table.append(name: name, train: train, validation: validation)
    }
    let steered = try make(.steering, targets.indices, tokens: otherTokens)
    let evaluated = try make(.evaluation, targets.indices, tokens: otherTokens)
    manifest.targets = targets.indices.map {
      Manifest.TargetRecord(name: targets[$0], steering: steered[$0], evaluation: evaluated[$0])
    }
    return (manifest, table)
  }

  /// The one document of an owner in a part.
  private func document(_ part: Manifest.Part, owner: Int, tokens: Int) -> [Int32] {
    let stream = UInt32(Manifest.Part.allCases.firstIndex(of: part)!)
    let generator = Philox(seed: UInt64(bitPattern: Int64(seed)))
    // The order of an owner's ids is that of the ranks, moved by a part of the vocabulary; a target has a domain's.
    let shift = owner % domains.count * (table.count / (domains.count + 1))
    var document = [Int32](repeating: tokenizer.endOfDocument, count: tokens)
    for place in 0..<(tokens - 1) {
      let rank = table.draw(generator.pair(place, owner, stream: stream))
      document[place] = Int32((rank + shift) % table.count)
    }
    return document
  }
}
