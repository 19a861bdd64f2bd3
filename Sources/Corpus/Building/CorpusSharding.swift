import Failures
import Foundation
import Printing
import Signals
import Storage

/// The cut of a corpus into shards: directories that each have some of the text to train on, and all the rest.
///
/// The text is cut at documents, into parts of equal size but for a document. So a shard is a corpus that lacks text,
/// and can be moved to the disk of the node that is to read it.
struct CorpusSharding {
  private let corpus: Corpus
  private let train: TokenText.Piece
  private let documentEnds: [Int]
  private let identity: Checksum.Digest

  /// Bytes that are copied between two looks at signals.
  private static let bytesAtOnce = 1 << 26

  /// What the files of the text to train on are called.
  private static let data = "\(Manifest.Part.train).bin", index = "\(Manifest.Part.train).idx"

  /// Cuts the corpus in a directory, which has a directory for each shard in its place afterwards.
  ///
  /// - Throws: `Failure`: `.badConfiguration` if there are fewer documents than shards, `.cannotCreate`,
  ///   `.inputOutput`.
  static func cut(_ path: String, into count: Int) throws {
    let sharding = try CorpusSharding(Corpus(at: path), into: count)
    for shard in 0..<count { try sharding.write(shard) }
    for name in sharding.corpus.manifest.files.keys + [Manifest.fileName] { unlink("\(path)/\(name)") }
    try DurableFile.flush(path)
  }

  private init(_ corpus: Corpus, into count: Int) throws {
    guard let identity = corpus.identity else { preconditionFailure("a corpus of files has a checksum") }
    self.corpus = corpus
    self.identity = identity
    train = corpus.parts[.train]!.pieces[0]
    try Corpus.check(shards: count, documents: train.documents.count)
    documentEnds = Self.ends(of: train, count: count)
  }

  /// The documents at which each shard ends: as near to equal sizes as possible, and at least one for each.
  private static func ends(of train: TokenText.Piece, count: Int) -> [Int] {
    var ends: [Int] = []
    var document = 0
    for shard in 1..<count {
      let ideal = train.tokens.count / count * shard + train.tokens.count % count * shard / count
      let most = train.documents.count - (count - shard)
      document += 1
      while document < most, train.position(ofDocument: document) < ideal { document += 1 }
      // The border before may be nearer.
      let overshoot = train.position(ofDocument: document) - ideal
      let isBetter = document > 1 && ideal - train.position(ofDocument: document - 1) < overshoot
      if isBetter, document - 1 > ends.last ?? 0 { document -= 1 }
      ends.append(document)
    }
    return ends + [train.documents.count]
  }

  private func write(_ number: Int) throws {
    let path = "\(corpus.path)/\(Corpus.shardName(number))"
    guard mkdir(path, 0o755) == 0 else {
      throw Failure(.cannotCreate, "\(path) cannot be created: \(String(cString: strerror(errno))).")
    }
    var manifest = corpus.manifest
    let record = Manifest.ShardRecord(
      index: number, documentEnds: documentEnds, tokenEnds: documentEnds.map(train.position), corpus: identity)
    manifest.shard = record
    for (name, file) in manifest.files where name != Self.data && name != Self.index {
      try copy(name, 0..<file.bytes, to: path)
    }
    let width = train.file.index.width
    let bytes = record.tokens.lowerBound * width.size..<record.tokens.upperBound * width.size
    manifest.files[Self.data] = try copy(Self.data, bytes, to: path)
    manifest.files[Self.index] = try writeIndex(of: record.documents, width, to: path)
    var file = try OutputFile("\(path)/\(Manifest.fileName)")
    try file.write(Array(try manifest.encoded()))
    _ = try file.finish()
    try DurableFile.flush(path)
  }

  @discardableResult
  private func copy(_ name: String, _ bytes: Range<Int>, to path: String) throws -> FileRecord {
    let source = try PositionalFile("\(corpus.path)/\(name)")
    var file = try OutputFile("\(path)/\(name)")
    for first in stride(from: bytes.lowerBound, to: bytes.upperBound, by: Self.bytesAtOnce) {
      try StopSignal.check("the corpus was not cut to the end")
      try file.write(contentOf: source, from: first, bytes: min(Self.bytesAtOnce, bytes.upperBound - first))
    }
    return try file.finish()
  }

  private func writeIndex(of documents: Range<Int>, _ width: TokenWidth, to path: String) throws -> FileRecord {
    var file = try OutputFile("\(path)/\(Self.index)")
    try TokenIndex.write(to: &file, sequences: documents.count, width: width) { body in
      for document in documents {
        try body(Int32(train.position(ofDocument: document + 1) - train.position(ofDocument: document)))
      }
    }
    return try file.finish()
  }
}

extension Corpus {
  /// Refuses to cut documents into more shards than there are.
  ///
  /// - Throws: `Failure(.badConfiguration)`.
  package static func check(shards: Int, documents: Int) throws {
    guard shards > documents else { return }
    throw Failure(
      .badConfiguration,
      "--shards: \(Words.count(documents, "document")) to train on cannot be cut into \(shards) shards: each needs at "
        + "least one.")
  }
}
