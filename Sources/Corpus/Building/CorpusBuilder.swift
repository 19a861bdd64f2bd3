import Foundation
import Settings
import Signals
import Storage

extension Corpus {
  /// Builds a corpus from a recipe and opens it.
  ///
  /// The directory appears when it is complete; on any failure nothing is left and an older corpus stays as it was.
  ///
  /// - Parameters:
  ///   - replace: Whether a corpus at the same place is replaced, if nothing but its own files is in its directory.
  ///   - progress: is called with one line of text now and then.
  /// - Throws: `Failure`: `.missingInput` or `.badData` for texts, with domain and path; `.badConfiguration` for
  ///   amounts that a target cannot give; `.cannotCreate` or `.inputOutput` for the output, `.badData` if a newer dga
  ///   has written what is there.
  public static func build(
    recipe: Recipe, output: String, replace: Bool = false, progress: @escaping (String) -> Void = { _ in }
  ) throws -> Corpus {
    // Everything that can be seen without reading is seen before the output exists.
    let domainFiles = try recipe.domains.map { try $0.source.files() }
    let targetFiles = try recipe.targets.map { try $0.source.files() }
    let condition = "add --replace to build it anew, or choose another output; runs on it need the same corpus"
    var directory = try OutputDirectory(
      output,
      replacing: OutputDirectory.Replacement(
        .corpus, newest: Manifest.version, condition: replace ? nil : condition),
      report: progress)
    var reading = TextReading(
      spool: try Spool(directory.path + "/text.spool"), recipe: recipe, progress: progress)
    let targets = try zip(recipe.targets, targetFiles).map { try reading.read($0.source, files: $1) }
    reading.beginDomains()
    let domains = try zip(recipe.domains, domainFiles).map { try reading.read($0.source, files: $1) }
    let spool = try reading.finish()

    var builder = try CorpusBuilder(
      recipe: recipe, directory: directory.path, spool: spool, targets: targets, domains: domains, progress: progress)
    try builder.writeTargets()
    try builder.writeDomains()
    try builder.finish()
    try directory.commit(report: progress)
    return try Corpus(at: directory.destination)
  }
}

/// The second half of a build: documents that were read become tokens in files.
struct CorpusBuilder: ~Copyable {
  private let recipe: Recipe
  private let directory: String
  private let spool: SpooledText
  private let targets: [TextReading.Documents]
  private let domains: [TextReading.Documents]
  private let progress: (String) -> Void
  private let selection: DocumentSelection
  private let tokenizer: Tokenizer
  private var encoder: Tokenizer.Encoder
  private var manifest: Manifest
  private var table = DomainTable.Writer()

  /// Counts pieces for an owner anew from this; nil if the tokenizer spells all text.
  private let unknownPieces: UnknownPieces?

  /// Documents that belong to targets, whose texts may not be trained on.
  private var withheld: [Spool.Document] = []

  init(
    recipe: Recipe, directory: String, spool: SpooledText, targets: [TextReading.Documents],
    domains: [TextReading.Documents], progress: @escaping (String) -> Void
  ) throws {
    self.recipe = recipe
    self.directory = directory
    self.spool = spool
    self.targets = targets
    self.domains = domains
    self.progress = progress
    selection = DocumentSelection(seed: UInt64(recipe.seed), spool: spool)
    tokenizer = try selection.tokenizer(
      for: recipe, targets: targets.map(\.documents), domains: domains.map(\.documents), progress)
    encoder = tokenizer.encoder()
    unknownPieces = UnknownPieces(of: tokenizer)
    manifest = Manifest(
      seed: recipe.seed, tokenizer: tokenizer.record, domains: domains.count, targets: [], removed: Manifest.Removed(),
      files: [:])
  }

  // MARK: - Targets

  /// Divides each target into steering and evaluation documents and writes them.
  mutating func writeTargets() throws {
    var steering = try writer(.steering)
    var evaluation = try writer(.evaluation)
    for (plan, read) in zip(recipe.targets, targets) {
      var documents = selection.shuffled(read.documents)
      if documents.count == 1, let cut = selection.cut(documents[0], tailShare: 0.8) {
        documents = [cut.head, cut.tail]
      }
      guard documents.count >= 2 else {
        throw plan.source.section.failure(
          "paths", "The \(plan.source.owner) needs at least two documents, one that steers and one that is evaluated.",
          kind: .badData)
      }
      let counts = try division(of: plan, documents)
      let used = documents[..<(counts.steering + counts.evaluation)]
      var pieces = unknownPieces
      let record = Manifest.TargetRecord(
        name: plan.name, steering: try write(used[..<counts.steering], to: &steering, &pieces),
        evaluation: try write(used[counts.steering...], to: &evaluation, &pieces))
      manifest.targets.append(record)
      withheld += used
      progress(
        "Target \(plan.name): \(record.steering.documents) documents (\(record.steering.tokens) tokens) steer, "
          + "\(record.evaluation.documents) (\(record.evaluation.tokens)) are evaluated.")
      try report(plan.source.owner, read, Tally(), pieces, sample: used)
    }
    try close(&steering, .steering)
    try close(&evaluation, .evaluation)
  }

  /// How many documents, in their order, steer and how many are evaluated.
  ///
  /// Without amounts a fifth steers and the rest is evaluated; with one amount the other part gets the rest.
  private mutating func division(
    of plan: Recipe.TargetPlan, _ documents: [Spool.Document]
  ) throws -> (steering: Int, evaluation: Int) {
    let total = documents.count
    /// The number of documents that an amount takes of some, which must be there.
    func take(_ amount: Quantity, of documents: ArraySlice<Spool.Document>, _ key: String) throws -> Int {
      if amount.unit == .documents, amount.count <= documents.count { return amount.count }
      if amount.unit == .tokens {
        var tokens = 0
        for (place, document) in documents.enumerated() {
          tokens += try encode(document).count
          if tokens >= amount.count { return place + 1 }
        }
      }
      throw plan.source.section.failure(
        key,
        "The \(plan.source.owner) has \(total) different documents, of which \(documents.count) can be used here; "
          + "that is less than \(amount).")
    }
    switch (plan.steering, plan.evaluation) {
    case (nil, nil):
      let steering = max(1, total / 5)
      return (steering, total - steering)
    case (nil, let amount?):
      let evaluation = try take(amount, of: documents.dropLast(), "evaluation")
      return (total - evaluation, evaluation)
    case (let amount?, nil):
      let steering = try take(amount, of: documents.dropLast(), "steering")
      return (steering, total - steering)
    case (let first?, let second?):
      let steering = try take(first, of: documents.dropLast(), "steering")
      return (steering, try take(second, of: documents[steering...], "evaluation"))
    }
  }

  // MARK: - Domains

  /// Splits each domain into training and validation documents and writes them.
  mutating func writeDomains() throws {
    var train = try writer(.train)
    var validation = try writer(.validation)
    let withheldTexts = Set(withheld.map(\.identity))
    var nearCopies = withheld.isEmpty ? nil : NearCopies(of: withheld, in: spool)
    var elsewhere = DocumentSelection.Parts()
    for (plan, read) in zip(recipe.domains, domains) {
      var tally = Tally()
      let documents = read.documents.filter { document in
        guard withheldTexts.contains(document.identity) else { return true }
        tally.note(.ofTarget, first: spool.name(of: document))
        return false
      }
      guard !documents.isEmpty else {
        throw plan.source.section.failure(
          "paths",
          "The \(plan.source.owner) is empty: all of its text belongs to a target. Give it other paths or remove it.",
          kind: .badData)
      }
      let chosen = selection.limited(selection.shuffled(documents), to: plan.limit)
      guard let parts = selection.split(chosen, validationShare: recipe.validationShare, elsewhere: elsewhere) else {
        throw plan.source.section.failure(
          "paths", "The \(plan.source.owner) is a single document too short to be cut into training and validation.",
          kind: .badData)
      }
      if recipe.duplicates == .keep {
        for document in elsewhere.add(train: parts.train, heldOut: parts.validation) {
          tally.note(.heldOutElsewhere, first: spool.name(of: document))
        }
      }
      for document in chosen {
        if let copied = spool.withText(of: document, { nearCopies?.match($0) }) {
          tally.note(.nearCopy, first: "\(spool.name(of: document)), like \(spool.name(of: withheld[copied]))")
        }
      }
      var pieces = unknownPieces
      let trained = try write(parts.train[...], to: &train, &pieces)
      let heldOut = try write(parts.validation[...], to: &validation, &pieces)
      table.append(name: plan.name, train: trained, validation: heldOut)
      progress(
        "Domain \(plan.name): \(trained.documents) documents (\(trained.tokens) tokens) to train on, "
          + "\(heldOut.documents) (\(heldOut.tokens)) held out.")
      try report(plan.source.owner, read, tally, pieces, sample: chosen[...])
    }
    try close(&train, .train)
    try close(&validation, .validation)
  }

  // MARK: - Findings

  /// Takes what was found in an owner's text into the manifest, and says what is new since it was read.
  private mutating func report(
    _ owner: String, _ read: TextReading.Documents, _ found: Tally, _ pieces: UnknownPieces?,
    sample: ArraySlice<Spool.Document>
  ) throws {
    var tally = found
    if let pieces, let first = pieces.first {
      tally.note(.unknownPieces, count: pieces.count, share: pieces.share, first: spool.name(of: first))
    }
    if tokenizer.kind == .sentencepiece {
      let bytes = max(1024, (1 << 20) / (domains.count + targets.count))
      try selection.checkRoundTrip(of: sample, by: tokenizer, &encoder, bytes: bytes, &tally)
    }
    for finding in tally.findings(of: owner) { progress("  \(finding.words).") }
    manifest.findings = (manifest.findings ?? []) + read.tally.findings(of: owner) + tally.findings(of: owner)
    manifest.removed.duplicates += read.tally.count(.duplicate)
    manifest.removed.empty += read.tally.count(.empty)
    manifest.removed.binary += read.tally.count(.notText)
    manifest.removed.repaired += read.tally.count(.repaired)
    manifest.removed.targetDocuments += tally.count(.ofTarget)
  }

  // MARK: - Files

  /// Writes the table of domains, the tokenizer and, last, the manifest.
  mutating func finish() throws {
    manifest.files.merge(try table.write(to: directory)) { $1 }
    if let model = tokenizer.modelFile {
      var file = try OutputFile(directory + "/" + Tokenizer.modelFileName)
      try file.write(model)
      manifest.files[Tokenizer.modelFileName] = try file.finish()
    }
    var file = try OutputFile(directory + "/" + Manifest.fileName)
    try file.write(Array(try manifest.encoded()))
    _ = try file.finish()
  }

  private func writer(_ part: Manifest.Part) throws -> TokenFileWriter {
    try TokenFileWriter(prefix: "\(directory)/\(part)", vocabularySize: tokenizer.vocabularySize)
  }

  private mutating func close(_ writer: inout TokenFileWriter, _ part: Manifest.Part) throws {
    let (data, index) = try writer.finish()
    manifest.files["\(part).bin"] = data
    manifest.files["\(part).idx"] = index
  }

  private mutating func encode(_ document: Spool.Document) throws -> [Int32] {
    try StopSignal.check(TextReading.consequenceOfStopping)
    var tokens = try spool.withText(of: document) { try encoder.encode($0) }
    tokens.append(tokenizer.endOfDocument)
    return tokens
  }

  private mutating func write(
    _ documents: ArraySlice<Spool.Document>, to writer: inout TokenFileWriter, _ pieces: inout UnknownPieces?
  ) throws -> Manifest.Extent {
    var extent = Manifest.Extent(
      firstDocument: writer.documentCount, documents: documents.count, tokens: 0, bytes: 0)
    for document in documents {
      let tokens = try encode(document)
      pieces?.add(tokens, of: document)
      try writer.append(tokens)
      extent.tokens += tokens.count
      extent.bytes += document.count
    }
    return extent
  }
}
