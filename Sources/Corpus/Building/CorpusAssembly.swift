import Printing
import Storage

/// The last part of a build, on rank 0: blocks of tokens become the files of a corpus.
struct CorpusAssembly {
  private let recipe: Recipe
  private let plan: TokenPlan
  private let tokenizer: Tokenizer
  private let output: String
  private let watch: BuildWatch

  private var work: WorkDirectory { watch.directory }
  private var observer: BuildObserver { watch.observer }

  /// What the corpus has of a target or domain: two parts of it, such as training and validation.
  private var extents: [[Manifest.Part: Manifest.Extent]]
  private let read: [Tally]
  private var split: [Tally]
  private var placed: [PlacedTally]
  private var unknown: [UnknownPieces.Count]
  private var manifest: Manifest
  private var table = DomainTable.Writer()

  /// Between looks at what else happens.
  private static let bytesAtOnce = 1 << 26

  /// Begins.
  ///
  /// - Parameters:
  ///   - read: What was found in the text of each target and domain while it was read.
  ///   - split: What was found since then.
  init(
    _ recipe: Recipe, _ plan: TokenPlan, _ tokenizer: Tokenizer, read: [Tally], split: [Tally],
    to output: String, by watch: BuildWatch
  ) {
    self.recipe = recipe
    self.plan = plan
    self.tokenizer = tokenizer
    self.output = output
    self.watch = watch
    self.read = read
    self.split = split
    extents = [[Manifest.Part: Manifest.Extent]](repeating: [:], count: read.count)
    placed = [PlacedTally](repeating: PlacedTally(), count: read.count)
    unknown = [UnknownPieces.Count](repeating: UnknownPieces.Count(), count: read.count)
    manifest = Manifest(
      seed: recipe.seed, tokenizer: tokenizer.record, domains: recipe.domains.count, targets: [],
      removed: Manifest.Removed(), files: [:])
  }

  /// Writes all files of the corpus.
  ///
  /// - Throws: `Failure`: `.inputOutput`, `.cannotCreate`, `.preempted`.
  mutating func write() throws {
    for part in Manifest.Part.allCases { try write(part) }
    for (place, target) in recipe.targets.enumerated() {
      describe(target, extents[place])
      report(target.source.owner, place)
    }
    for (place, domain) in recipe.domains.enumerated() {
      describe(domain, extents[recipe.targets.count + place])
      report(domain.source.owner, recipe.targets.count + place)
    }
    try watch.check()
    try manifest.finish(table, tokenizer, in: output)
  }

  // MARK: - Parts

  private mutating func write(_ part: Manifest.Part) throws {
    let pieces = plan.pieces().filter { $0.block.part == part }
    var data = try OutputFile("\(output)/\(part).bin")
    var documents = 0
    for piece in pieces {
      let result = try work.result(piece.name, as: TokenPiece.Result.self)
      for owner in result.owners {
        placed[owner.number].add(owner.tally)
        unknown[owner.number].add(owner.unknown)
      }
      let size = TokenWidth(vocabularySize: tokenizer.vocabularySize).size
      let (file, bytes) = (try PositionalFile(work.file(piece.tokenFile)), result.tokens * size)
      for first in stride(from: 0, to: bytes, by: Self.bytesAtOnce) {
        try watch.check()
        try data.write(contentOf: file, from: first, bytes: min(Self.bytesAtOnce, bytes - first))
      }
      try count(piece, first: documents)
      documents += piece.block.texts.count
    }
    manifest.files["\(part).bin"] = try data.finish()
    var index = try OutputFile("\(output)/\(part).idx")
    let width = TokenWidth(vocabularySize: tokenizer.vocabularySize)
    try TokenIndex.write(to: &index, sequences: documents, width: width) { body in
      for piece in pieces {
        try watch.check()
        let file = try PositionalFile(work.file(piece.lengthFile))
        try file.forEach(0..<piece.block.texts.count, as: Int32.self, body)
      }
    }
    manifest.files["\(part).idx"] = try index.finish()
  }

  /// Counts what targets and domains have in a block.
  private mutating func count(_ piece: TokenPiece, first: Int) throws {
    let part = piece.block.part
    let lengths = try PositionalFile(work.file(piece.lengthFile))
    let texts = try PositionalFile(work.file(TokenPlan.textFile(part)))
    var document = first
    let step = 1 << 12
    for start in stride(from: 0, to: piece.block.texts.count, by: step) {
      try watch.check()
      let range = start..<min(start + step, piece.block.texts.count)
      let planned = piece.block.texts.lowerBound + range.lowerBound
      let pairs = zip(
        try texts.values(planned..<planned + range.count, as: PlannedText.self),
        try lengths.values(range, as: Int32.self))
      for (text, length) in pairs {
        var extent =
          extents[Int(text.owner)][part]
          ?? Manifest.Extent(firstDocument: document, documents: 0, tokens: 0, bytes: 0)
        extent.documents += 1
        extent.tokens += Int(length)
        extent.bytes += Int(text.count)
        extents[Int(text.owner)][part] = extent
        document += 1
      }
    }
  }

  // MARK: - Manifest

  private mutating func describe(_ target: Recipe.TargetPlan, _ extents: [Manifest.Part: Manifest.Extent]) {
    let record = Manifest.TargetRecord(
      name: target.name, steering: extents[.steering]!, evaluation: extents[.evaluation]!)
    manifest.targets.append(record)
    observer.note(
      "Target \(target.name): for steering \(Words.count(record.steering.documents, "document")) "
        + "(\(record.steering.tokens) tokens), for evaluation "
        + "\(record.evaluation.documents) (\(record.evaluation.tokens)).")
  }

  private mutating func describe(_ domain: Recipe.DomainPlan, _ extents: [Manifest.Part: Manifest.Extent]) {
    let (train, validation) = (extents[.train]!, extents[.validation]!)
    table.append(name: domain.name, train: train, validation: validation)
    observer.note(
      "Domain \(domain.name): \(Words.count(train.documents, "document")) (\(train.tokens) tokens) to train on, "
        + "\(validation.documents) (\(validation.tokens)) held out.")
  }

  /// Takes what was found in an owner's text into the manifest, and says what is new since it was read.
  private mutating func report(_ owner: String, _ place: Int) {
    placed[place].add(to: &split[place], share: unknown[place].share)
    let (read, split) = (read[place], split[place])
    for finding in split.findings(of: owner) { observer.note("  \(finding.words).") }
    manifest.findings += read.findings(of: owner) + split.findings(of: owner)
    manifest.removed.duplicates += read.count(.duplicate)
    manifest.removed.empty += read.count(.empty)
    manifest.removed.binary += read.count(.notText)
    manifest.removed.repaired += read.count(.repaired)
    manifest.removed.targetDocuments += split.count(.ofTarget)
  }
}
