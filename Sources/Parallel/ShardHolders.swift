import Corpus
import Failures
import MPI
import Printing

/// Which ranks have which shards of a corpus, and from whom every rank has the text of each; the same on all ranks.
package struct ShardHolders: Sendable {
  /// The tokens to train on at which each shard ends, (shards).
  let tokenEnds: [Int]
  /// The rank that a rank has a shard's text from, (shards, ranks).
  private let holders: [Int32]
  private let ranks: Int

  /// Checks that all ranks have the same corpus, whole or cut in the same way, and that every shard is somewhere.
  ///
  /// A rank has text from itself if it can, then from a rank of its node, then from any; where there are several, ranks
  /// take them in turn. Nil if the corpus is whole.
  ///
  /// Collective: every rank calls.
  ///
  /// - Throws: `Failure`, agreed: `.badData` if corpora differ, `.missingInput` if a shard is nowhere; `MPIError`.
  package init?(of corpus: Corpus, over world: borrowing Communicator) throws {
    let own = Holding(of: corpus, node: world.processorName)
    let holdings = try world.allGather(own.bytes).map { Holding($0) }
    try world.agree { try Self.check(holdings, corpus) }
    guard let shards = corpus.shards else { return nil }
    tokenEnds = shards.tokenEnds
    ranks = holdings.count
    holders = (0..<shards.count).flatMap { shard in
      let able = holdings.indices.filter { holdings[$0].shards.contains(shard) }
      return holdings.indices.map { rank in
        if holdings[rank].shards.contains(shard) { return Int32(rank) }
        let near = able.filter { holdings[$0].node == holdings[rank].node }
        let choice = near.isEmpty ? able : near
        return Int32(choice[rank % choice.count])
      }
    }
  }

  /// The number of shards.
  package var count: Int { tokenEnds.count }

  /// The rank that `rank` has the text of a shard from.
  func holder(of shard: Int, for rank: Int) -> Int { Int(holders[shard * ranks + rank]) }

  /// The shard that a token lies in.
  func shard(of token: Int) -> Int {
    var (low, high) = (0, tokenEnds.count - 1)
    while low < high {
      let middle = (low + high) / 2
      if token < tokenEnds[middle] { high = middle } else { low = middle + 1 }
    }
    return low
  }

  private static func check(_ holdings: [Holding], _ corpus: Corpus) throws {
    let first = holdings[0]
    for (rank, holding) in holdings.enumerated() {
      let difference =
        holding.corpus != first.corpus
        ? "is another one than"
        : holding.cut != first.cut
          ? "is not cut into shards like"
          : holding.table != first.table ? "has a table of domains, one of the two damaged, that differs from" : nil
      guard let difference else { continue }
      throw Failure(
        .badData,
        "The corpus \(corpus.path) of rank \(rank) on \(holding.node) \(difference) that of rank 0 on "
          + "\(first.node): all ranks need the same whole corpus, or shards of one build.")
    }
    let count = corpus.shards?.count ?? 0
    let present = Set(holdings.flatMap(\.shards))
    let missing = (0..<count).filter { !present.contains($0) }
    guard !missing.isEmpty else { return }
    var nodes: [String] = []
    for holding in holdings where !nodes.contains(holding.node) { nodes.append(holding.node) }
    let places = nodes.map { node in
      let shards = Set(holdings.filter { $0.node == node }.flatMap(\.shards)).sorted()
      return "\(node) has \(Words.list(shards.map(String.init)))"
    }
    throw Failure(
      .missingInput,
      "No rank has \(missing.count == 1 ? "shard" : "shards") \(Words.list(missing.map(String.init))) of \(count) of "
        + "the corpus \(corpus.path): \(Words.list(places, most: 10)). Each has to be there on one node at least.")
  }
}

/// What one rank has of a corpus, as it tells the others.
private struct Holding {
  let corpus, cut, table, node: String
  let shards: Set<Int>

  init(of corpus: Corpus, node: String) {
    self.corpus = corpus.identity.map { "\($0)" } ?? "in memory"
    cut = corpus.shards.map { "\($0.cut)" } ?? "whole"
    // A shard knows the whole table, but can check no more of it than its own text.
    table = "\(corpus.domains.digest)"
    shards = Set(corpus.shards?.present ?? [])
    self.node = node
  }

  /// A line for each property.
  var bytes: [UInt8] {
    Array("\(corpus)\n\(cut)\n\(table)\n\(node)\n\(shards.sorted().map(String.init).joined(separator: " "))".utf8)
  }

  init(_ bytes: [UInt8]) {
    let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
    (corpus, cut, table, node) = (String(lines[0]), String(lines[1]), String(lines[2]), String(lines[3]))
    shards = Set(lines[4].split(separator: " ").compactMap { Int($0) })
  }
}
