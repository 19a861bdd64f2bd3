import Printing
import Settings
import Storage

/// The second part of a build, on rank 0: what was read is compared, divided and put in order, and the tokenizer made.
struct CorpusPlanning {
  let recipe: Recipe
  let catalogue: Catalogue
  let duplicates: Duplicates
  let selection: DocumentSelection
  let watch: BuildWatch
  private let tokenizer: Tokenizer
  var encoder: Tokenizer.Encoder
  let writers: [Manifest.Part: PlanWriter]
  private let tokenizerName: String?
  /// Stands for all text and the choice of a tokenizer.
  private let text: Checksum.Digest

  /// What was found in the text of each target and domain while it was read, and since then.
  private(set) var read: [Tally]
  var split: [Tally]
  /// Texts of targets, which may not be trained on.
  var withheld: Set<Checksum.Digest> = []

  /// Compares the texts and makes the tokenizer.
  ///
  /// - Parameters:
  ///   - listed: What was found while the files were listed.
  ///   - blocks: What was read.
  /// - Throws: `Failure(.badData)` if a target or domain has no text of its own, or the tokenizer cannot be made.
  init(
    _ recipe: Recipe, _ catalogue: Catalogue, listed: [Tally], blocks: [TextBlock], by watch: BuildWatch
  ) throws {
    self.recipe = recipe
    self.catalogue = catalogue
    self.watch = watch
    duplicates = try Duplicates(
      in: catalogue, targetCount: recipe.targets.count, recipe.duplicates, by: watch)
    selection = DocumentSelection(seed: UInt64(recipe.seed), catalogue: catalogue, duplicates: duplicates)
    read = listed
    split = [Tally](repeating: Tally(), count: listed.count)
    var bytes = 0
    for owner in recipe.sources.indices {
      bytes += try Self.report(owner, of: recipe, selection, &read[owner], by: watch)
    }
    var choice = Checksum()
    for block in blocks { choice.update(block.name.utf8) }
    // A tokenizer learns nothing of targets, so it also counts which of the sources are targets: the first ones.
    choice.update("\(recipe.tokenizer) \(recipe.duplicates) \(recipe.seed) \(recipe.targets.count)".utf8)
    text = choice.digest
    tokenizerName = try selection.tokenizer(for: recipe, name: text, by: watch)
    tokenizer = try Tokenizer(tokenizerName, of: recipe, in: watch.directory)
    encoder = tokenizer.encoder()
    let blockSize = TextBlock.size(of: bytes)
    writers = try Dictionary(
      uniqueKeysWithValues: Manifest.Part.allCases.map {
        ($0, try PlanWriter($0, blockSize: blockSize, in: watch.directory))
      })
  }

  /// Says what was read of a target or domain; returns its bytes.
  private static func report(
    _ owner: Int, of recipe: Recipe, _ selection: DocumentSelection, _ tally: inout Tally, by watch: BuildWatch
  ) throws -> Int {
    let (catalogue, duplicates) = (selection.catalogue, selection.duplicates)
    let source = recipe.sources[owner]
    tally.add(catalogue.owners[owner].tally)
    try duplicates.add(to: &tally, of: owner, catalogue)
    var count = 0
    var bytes = 0
    try selection.forEach(of: owner) { _, document in
      try watch.check()
      count += 1
      bytes += Int(document.count)
      if !document.repair.isNone {
        tally.note(.repaired, first: document.repair.named(in: catalogue.name(of: document)))
      }
    }
    guard count > 0 else { throw source.emptiness(tally, duplicates.dropped[owner], among: recipe.sources) }
    watch.observer.note("Read \(source.owner): \(Words.count(count, "document")) of \(bytes) bytes.")
    for finding in tally.findings(of: source.owner) { watch.observer.note("  \(finding.words).") }
    return bytes
  }

  /// Decides what the corpus consists of.
  ///
  /// - Throws: `Failure`: `.badConfiguration` for amounts that a target cannot give, `.badData` for too little text.
  mutating func plan() throws {
    for target in recipe.targets.indices { try planTarget(target) }
    var elsewhere = DocumentSelection.Parts()
    for domain in recipe.domains.indices { try planDomain(domain, &elsewhere) }
    var blocks: [TokenBlock] = []
    var key = Checksum()
    key.update("\(text) \(tokenizer.hash)".utf8)
    for part in Manifest.Part.allCases {
      let plan = try writers[part]!.finish()
      blocks += plan.blocks
      key.update("\(plan.checksum)".utf8)
    }
    for number in blocks.indices { blocks[number].number = number }
    let plan = TokenPlan(key: key.digest, blocks: blocks, tokenizer: tokenizerName)
    try watch.directory.finish(TokenPlan.name, plan, files: [:])
  }

  /// The bytes of each target and domain for which it is checked whether the tokenizer gives them back.
  var checkedBytes: Int {
    tokenizer.kind == .sentencepiece ? max(1024, (1 << 20) / read.count) : 0
  }

  /// The bytes of a document that are checked, of those that are left to check.
  static func check(_ count: Int32, _ rest: inout Int) -> Int32 {
    guard rest > 0 else { return 0 }
    let checked = min(rest, 4096, Int(count))
    rest -= max(1, checked)
    return Int32(checked)
  }
}
