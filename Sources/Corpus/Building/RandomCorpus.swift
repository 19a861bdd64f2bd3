import Failures
import Storage

/// A corpus of random token ids, for measurements and tests that need no text.
///
/// Ids are drawn independently and fall off as words do: the id of rank r has the weight 1 / (r + 2.7), from rank 1 on (Zipf's
/// law with Mandelbrot's offset). Each domain has an order of ids of its own, so domains differ and a model's loss falls. Every
/// part of a domain or target is a single document, so that a corpus of any size opens in the same time.
///
///     try RandomCorpus(vocabularySize: 4096, domains: ["a", "b"], targets: ["t"], trainTokens: 1_000_000, otherTokens: 10_000)
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
    var directory = try OutputDirectory(output) { _ in false }
    var manifest = Manifest(
      seed: seed, tokenizer: tokenizer.record, domains: [], targets: [], removed: Manifest.Removed(), files: [:])
    let trained = try write(.train, of: domains.indices, tokens: trainTokens, to: directory.path, &manifest)
    let validated = try write(.validation, of: domains.indices, tokens: validationTokens, to: directory.path, &manifest)
    manifest.domains = domains.indices.map {
      Manifest.DomainRecord(name: domains[$0], train: trained[$0], validation: validated[$0])
    }
    let steered = try write(.steering, of: targets.indices, tokens: otherTokens, to: directory.path, &manifest)
    let evaluated = try write(.evaluation, of: targets.indices, tokens: otherTokens, to: directory.path, &manifest)
    manifest.targets = targets.indices.map {
      Manifest.TargetRecord(name: targets[$0], steering: steered[$0], evaluation: evaluated[$0])
    }
    var file = try OutputFile(directory.path + "/" + Manifest.fileName)
    try file.write(Array(try manifest.encoded()))
    _ = try file.finish()
    try directory.commit()
    return try Corpus(at: directory.destination)
  }

  /// Writes one part: a document of `tokens` ids for each of its owners.
  private func write(
    _ part: Manifest.Part, of owners: Range<Int>, tokens: Int, to directory: String, _ manifest: inout Manifest
  ) throws -> [Manifest.Extent] {
    var writer = try TokenFileWriter(prefix: "\(directory)/\(part)", vocabularySize: tokenizer.vocabularySize)
    let stream = UInt32(Manifest.Part.allCases.firstIndex(of: part)!)
    let generator = Philox(seed: UInt64(bitPattern: Int64(seed)))
    let width = TokenWidth(vocabularySize: tokenizer.vocabularySize)
    var extents: [Manifest.Extent] = []
    for owner in owners {
      // The order of an owner's ids is that of the ranks, moved by a part of the vocabulary; a target has a domain's.
      let shift = owner % domains.count * (table.count / (domains.count + 1))
      var document = [Int32](repeating: tokenizer.endOfDocument, count: tokens)
      for place in 0..<(tokens - 1) {
        let rank = table.draw(generator.pair(place, owner, stream: stream))
        document[place] = Int32((rank + shift) % table.count)
      }
      try writer.append(document)
      // There is no text to count the bytes of; tokens are counted as they are stored.
      extents.append(
        Manifest.Extent(firstDocument: owner, documents: 1, tokens: tokens, bytes: tokens * width.size))
    }
    let records = try writer.finish()
    manifest.files["\(part).bin"] = records.data
    manifest.files["\(part).idx"] = records.index
    return extents
  }
}
