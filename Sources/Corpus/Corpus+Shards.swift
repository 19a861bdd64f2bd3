import Failures
import Printing
import Storage

/// What is here of a corpus that is cut into shards.
extension Corpus {
  /// The names of the shards' directories begin with this.
  static let shardPrefix = "shard-"

  /// The name of a shard's directory.
  static func shardName(_ number: Int) -> String {
    let digits = String(number)
    return shardPrefix + String(repeating: "0", count: max(0, 3 - digits.count)) + digits
  }

  /// The checksum of the manifest that the corpus has when it is whole; nil of one in memory.
  public var identity: Checksum.Digest? { manifest.shard?.corpus ?? manifest.checksum }

  /// The cut of a corpus of which shards are here.
  public struct Shards: CustomStringConvertible, Codable, Equatable, Sendable {
    /// The number of shards of the corpus.
    public var count: Int { tokenEnds.count }
    /// The numbers of those that are here.
    public let present: [Int]
    /// The tokens to train on at which each shard ends, (shards).
    public let tokenEnds: [Int]

    /// Whether all are here.
    public var areAll: Bool { present.count == count }

    /// A checksum of where the cuts are.
    package var cut: Checksum.Digest { tokenEnds.withUnsafeBytes { Checksum.digest(of: $0) } }

    /// Tokens to train on in those that are here.
    public var presentTokens: Int {
      present.reduce(0) { $0 + tokenEnds[$1] - ($1 == 0 ? 0 : tokenEnds[$1 - 1]) }
    }

    /// Which are here, such as `shards 0, 2 of 3`.
    public var description: String {
      "\(present.count == 1 ? "shard" : "shards") \(Words.list(present.map(String.init), most: 20)) of \(count)"
    }
  }

  /// The shards; nil of a whole corpus.
  public var shards: Shards? { Self.shards(directories) }

  private static func shards(_ directories: [CorpusDirectory]) -> Shards? {
    directories[0].manifest.shard.map { record in
      Shards(present: directories.compactMap { $0.manifest.shard?.index }, tokenEnds: record.tokenEnds)
    }
  }

  /// Checks that all text to train on is here.
  ///
  /// - Throws: `Failure(.missingInput)` that says which shards are.
  public func checkText() throws(Failure) {
    guard let shards, !shards.areAll else { return }
    throw Failure(.missingInput, Self.absence(of: shards, at: path))
  }

  /// Joins the text to train on that is here.
  ///
  /// - Throws: `Failure(.badData)` if a shard has other text than its manifest says.
  static func train(of directories: [CorpusDirectory], at path: String) throws -> TokenText {
    guard let shards = shards(directories), let record = directories[0].manifest.shard else {
      return TokenText(try directories[0].tokens(of: .train))
    }
    let pieces = try directories.map { directory in
      let (file, record) = (try directory.tokens(of: .train), directory.manifest.shard!)
      let piece = TokenText.Piece(
        file, firstToken: record.tokens.lowerBound, firstDocument: record.documents.lowerBound)
      guard piece.tokens == record.tokens, piece.documents == record.documents else {
        throw Failure(
          .badData,
          "\(file.data.path) has \(piece.documents.count) documents with \(piece.tokens.count) tokens, where shard "
            + "\(record.index) has \(record.documents.count) with \(record.tokens.count).")
      }
      return piece
    }
    return TokenText(
      pieces, tokenCount: record.tokenEnds.last!, documentCount: record.documentEnds.last!,
      absence: absence(of: shards, at: path))
  }

  /// Says what is missing, and what to do about it.
  static func absence(of shards: Shards, at path: String) -> String {
    "\(path) has only \(shards.description), but this needs all shards: copy them into one directory, or "
      + "take the whole corpus."
  }
}
