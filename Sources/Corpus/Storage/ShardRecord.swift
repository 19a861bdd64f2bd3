import Storage

extension Manifest {
  /// What a shard remembers of the cut: which part of the text to train on it has, and of which corpus.
  public struct ShardRecord: Codable, Equatable, Sendable {
    /// The number of this shard, from 0 on.
    public var index: Int
    /// The documents, and the tokens, to train on at which each shard ends, (shards): the next one begins there.
    public var documentEnds, tokenEnds: [Int]
    /// The checksum of the manifest that the corpus has when it is whole.
    public var corpus: Checksum.Digest

    /// The number of shards of the corpus.
    public var count: Int { tokenEnds.count }
    /// The documents that the shard has of the corpus, and its tokens.
    var documents: Range<Int> { range(documentEnds) }
    var tokens: Range<Int> { range(tokenEnds) }

    private func range(_ ends: [Int]) -> Range<Int> { (index == 0 ? 0 : ends[index - 1])..<ends[index] }

    /// Whether a corpus can be cut so: every shard has documents and tokens.
    var isPossible: Bool {
      func rises(_ ends: [Int]) -> Bool {
        (ends.first ?? 0) > 0 && (ends.last ?? 0) <= 1 << 50 && zip(ends, ends.dropFirst()).allSatisfy { $0 < $1 }
      }
      return ends(index) && documentEnds.count == count && rises(documentEnds) && rises(tokenEnds)
    }

    private func ends(_ index: Int) -> Bool { tokenEnds.indices.contains(index) }
  }
}
