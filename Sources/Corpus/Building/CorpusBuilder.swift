import Failures
import Printing
import Storage

extension Corpus {
  /// Builds a corpus from a recipe and opens it.
  ///
  /// The directory appears when it is complete; after any failure an older corpus is as it was. A build that fails, or
  /// is stopped or killed, leaves its results beside the directory under a hidden name, and the next build continues
  /// from there; few results are removed.
  ///
  /// - Parameters:
  ///   - shards: Directories to cut the corpus into; nil for the whole in one.
  ///   - replace: Whether a corpus at the same place is replaced, if nothing but its own files is in its directory.
  ///   - progress: is called with one line of text now and then.
  /// - Throws: `Failure`: `.missingInput` or `.badData` for texts, with domain and path; `.badConfiguration` for
  ///   amounts that a target cannot give; `.cannotCreate` or `.inputOutput` for the output, `.badData` if a newer dga
  ///   has written what is there.
  public static func build(
    recipe: Recipe, output: String, shards: Int? = nil, replace: Bool = false,
    progress: @escaping (String) -> Void = { _ in }
  ) throws -> Corpus {
    try build(
      recipe: recipe, output: output, shards: shards, replace: replace, over: SingleWorker(),
      BuildObserver(note: progress))
    return try Corpus(at: output)
  }

  /// Builds a corpus with several processes: the same bytes, however many.
  ///
  /// Collective: every process calls, with the same recipe and output, and sees the same files.
  ///
  /// - Parameters:
  ///   - shards: Directories to cut the corpus into; nil for the whole in one.
  ///   - replace: Whether a corpus at the same place is replaced, if nothing but its own files is in its directory.
  ///   - observer: Is told by rank 0 how far the build is.
  /// - Throws: the same failure on all processes, of the kinds of ``build(recipe:output:replace:progress:)``.
  public static func build<Group: WorkGroup & ~Copyable>(
    recipe: Recipe, output: String, shards: Int? = nil, replace: Bool, over group: borrowing Group,
    _ observer: BuildObserver
  ) throws {
    let work = WorkDirectory(path: OutputDirectory.hiddenPath(for: output) + "/" + WorkDirectory.name)
    let watch = BuildWatch(work, group.rank == 0 ? observer : .none)
    var root: BuildRoot?
    // Nothing is written into the directory before it is ours: another build may be at work there.
    try group.agree { if group.rank == 0 { root = try BuildRoot(recipe, output, replace: replace, watch) } }
    do {
      try CorpusBuilder(recipe: recipe, shards: shards, watch: watch).run(over: group, root)
      // After this every process has closed its files. Some file systems keep open files, and their directory.
      try group.agree {}
      try group.agreeOnRoot(watch) { try root?.commit(observer) }
    } catch {
      root?.keepResults(of: work, observer)
      throw error
    }
  }
}

/// What only rank 0 has: the output, and what was found while the files were listed.
private final class BuildRoot {
  private var directory: OutputDirectory
  let files: FileTable
  let listed: [Tally]

  var output: String { directory.path }

  init(_ recipe: Recipe, _ output: String, replace: Bool, _ watch: BuildWatch) throws {
    // Everything that can be seen without reading is seen before the output exists.
    (files, listed) = try FileTable.listing(recipe)
    directory = try OutputDirectory(
      output, replacing: .corpus(replace), keeping: WorkDirectory.name, report: watch.observer.note)
    try watch.directory.begin()
    try files.write(to: watch.directory.file(FileTable.name))
  }

  func commit(_ observer: BuildObserver) throws { try directory.commit(report: observer.note) }

  /// Leaves the results of a build that has failed to the next, unless these are made again in a moment.
  func keepResults(of work: WorkDirectory, _ observer: BuildObserver) {
    let bytes = work.keepOnlyResults()
    guard bytes >= TextBlock.smallest else { return }
    directory.keepRemains()
    observer.note(
      "What is done, \(Words.bytes(Double(bytes))), stays in \(work.path): the next build of this corpus goes on from "
        + "there, and removes it.")
  }
}

/// The moments of a build, on every process.
private struct CorpusBuilder {
  let recipe: Recipe
  let shards: Int?
  let watch: BuildWatch

  func run<Group: WorkGroup & ~Copyable>(over group: borrowing Group, _ root: BuildRoot?) throws {
    let directory = watch.directory
    let files = try group.agree(watch) { try root?.files ?? FileTable(contentsOf: directory.file(FileTable.name)) }
    let blocks = files.blocks(recipe.sources, recipe.onError)
    try group.agreeOnRoot(watch) {
      directory.keepOnly(blocks.map(\.name), of: TextBlock.prefix)
      watch.begin(.reading, blocks)
    }
    let reading = TextReading(files: files, sources: recipe.sources, onError: recipe.onError, watch: watch)
    try group.share(blocks, by: watch) { try reading.read($0) }
    watch.end()

    let catalogue = try group.agree(watch) {
      try Catalogue(files, blocks, ownerCount: recipe.sources.count, in: directory)
    }
    var planning: CorpusPlanning?
    try group.agreeOnRoot(watch) {
      planning = try CorpusPlanning(recipe, catalogue, listed: root!.listed, blocks: blocks, by: watch)
      try planning!.plan()
    }
    let (plan, tokenizer) = try group.agree(watch) {
      let plan = try directory.result(TokenPlan.name, as: TokenPlan.self)
      return (plan, try Tokenizer(plan.tokenizer, of: recipe, in: directory))
    }
    try group.agreeOnRoot(watch) {
      directory.keepOnly(plan.pieces().map(\.name), of: TokenPiece.prefix)
      watch.begin(.encoding, plan.pieces())
    }
    var encoding = TokenEncoding(tokenizer, catalogue, targetCount: recipe.targets.count, by: watch)
    try group.share(plan.pieces(), by: watch) { try encoding.encode($0) }
    watch.end()

    try group.agreeOnRoot(watch) {
      var assembly = CorpusAssembly(
        recipe, plan, tokenizer, read: planning!.read, split: planning!.split, to: root!.output, by: watch)
      try assembly.write()
      if let shards { try CorpusSharding.cut(root!.output, into: shards) }
    }
  }
}
