import Failures
import Storage

/// A corpus of another's documents in other domains: the tokens, the tokenizer and the targets are the same.
package final class CorpusRegrouping {
  private let source: Corpus
  private var directory: OutputDirectory
  private var manifest: Manifest
  private var table = DomainTable.Writer()
  private var train: TokenFileWriter
  private var validation: TokenFileWriter
  private let pieceBytes: [Int]
  private var trained = Manifest.Extent(firstDocument: 0, documents: 0, tokens: 0, bytes: 0)
  private var heldOut = Manifest.Extent(firstDocument: 0, documents: 0, tokens: 0, bytes: 0)

  /// Where the files are written until the corpus is complete.
  package var path: String { directory.path }

  /// Creates the directory under a hidden name.
  ///
  /// - Parameter replace: Whether a corpus at the same place is replaced.
  /// - Throws: `Failure(.cannotCreate)`; `.badData` if a newer dga has written what is there.
  package init(of source: Corpus, output: String, replace: Bool, report: (String) -> Void) throws {
    let directory = try OutputDirectory(output, replacing: .corpus(replace), report: report)
    let train = try TokenFileWriter(prefix: "\(directory.path)/train", vocabularySize: source.vocabularySize)
    let validation = try TokenFileWriter(
      prefix: "\(directory.path)/validation", vocabularySize: source.vocabularySize)
    self.train = train
    self.validation = validation
    self.directory = directory
    self.source = source
    manifest = Manifest(
      seed: source.manifest.seed, tokenizer: source.manifest.tokenizer, domains: 0, targets: source.manifest.targets,
      removed: source.manifest.removed, findings: source.manifest.findings, files: [:])
    // Text that was never there is counted as it is stored.
    let width = TokenWidth(vocabularySize: source.vocabularySize).size
    pieceBytes = source.tokenizer.pieces.map { source.tokenizer.kind == .ids ? width : $0.count }
  }

  /// Appends a document to train on to the present domain.
  package func append(train tokens: [Int32]) throws {
    try train.append(tokens)
    Self.add(tokens, bytes: pieceBytes, to: &trained)
  }

  /// Appends a document that is held out to the present domain.
  package func append(validation tokens: [Int32]) throws {
    try validation.append(tokens)
    Self.add(tokens, bytes: pieceBytes, to: &heldOut)
  }

  private static func add(_ tokens: [Int32], bytes: [Int], to extent: inout Manifest.Extent) {
    extent.documents += 1
    extent.tokens += tokens.count
    for token in tokens { extent.bytes += bytes[Int(token)] }
  }

  /// Ends the present domain, which has this name; the next document begins another.
  package func endDomain(named name: String) {
    table.append(name: name, train: trained, validation: heldOut)
    trained = Manifest.Extent(firstDocument: train.documentCount, documents: 0, tokens: 0, bytes: 0)
    heldOut = Manifest.Extent(firstDocument: validation.documentCount, documents: 0, tokens: 0, bytes: 0)
  }

  /// Notes files that were written beside the tokens.
  package func add(_ files: [String: FileRecord]) { manifest.files.merge(files) { $1 } }

  /// Writes everything else, and lets the corpus appear at its destination.
  ///
  /// - Parameter shards: Directories to cut the corpus into; nil for the whole in one.
  /// - Throws: `Failure(.inputOutput)`; `.badConfiguration` if there are fewer documents than shards.
  package func finish(
    tree: ClusterTree, clustering: Manifest.ClusteringRecord, shards: Int?, report: (String) -> Void
  ) throws -> Corpus {
    add(try Self.files(of: &train, "train"))
    add(try Self.files(of: &validation, "validation"))
    for part in [Manifest.Part.steering, .evaluation] {
      var writer = try TokenFileWriter(prefix: "\(path)/\(part)", vocabularySize: source.vocabularySize)
      let documents = source.documents(part)
      var tokens: [Int32] = []
      for document in 0..<documents.count {
        try documents.read(document, into: &tokens)
        try writer.append(tokens)
      }
      add(try Self.files(of: &writer, "\(part)"))
    }
    (manifest.domains, manifest.tree, manifest.clustering) = (table.count, tree.levels, clustering)
    var file = try OutputFile("\(path)/\(ClusterTree.fileName)")
    try file.write(tree.bytes)
    add([ClusterTree.fileName: try file.finish()])
    let text = source.domains.reduce(0) { $0 + $1.train.byteCount + $1.validation.byteCount }
    if table.textBytes != text {
      report(
        "The domains have \(table.textBytes) bytes, those that their tokens stand for, instead of \(text) bytes of "
          + "text: the tokenizer does not give all text back.")
    }
    try manifest.finish(table, source.tokenizer, in: path)
    if let shards { try CorpusSharding.cut(path, into: shards) }
    try directory.commit(report: report)
    return try Corpus(at: directory.destination)
  }

  private static func files(of writer: inout TokenFileWriter, _ part: String) throws -> [String: FileRecord] {
    let (data, index) = try writer.finish()
    return ["\(part).bin": data, "\(part).idx": index]
  }
}
