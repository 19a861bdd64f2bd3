import Parallel
import Testing
import Transformer

/// What belongs to which rank, and in which order sums are made.
struct ShardsTests {
  /// A model whose ranges end inside blocks, with embeddings longer than a bucket.
  static let layout = ParameterLayout(
    ModelConfiguration(layers: 5, heads: 3, width: 99, context: 20, vocabularySize: 3001))
  static let sizes = 100_000...150_000
  static let ranks = [1, 2, 3, 4, 5, 7, 8, 16, 64]

  static func shards(_ ranks: Int, _ rank: Int = 0) -> Shards {
    Shards(layout, ranks: ranks, rank: rank, bucket: sizes)
  }

  @Test func `Buckets cover the arena from its end to its start, in whole blocks and about as long as they should be`()
  {
    let buckets = Self.shards(1).buckets
    #expect(buckets.count >= 5)
    var end = Self.layout.arenaCount
    for bucket in buckets {
      #expect(bucket.upperBound == end)
      #expect(bucket.lowerBound % Shards.block == 0)
      #expect(bucket.count <= Self.sizes.upperBound + Shards.block)
      end = bucket.lowerBound
    }
    #expect(end == 0)
    // All but what the embeddings are cut into are worth a message.
    let embeddings = Self.layout.parts.first!.upperBound
    for bucket in buckets where bucket.lowerBound >= embeddings { #expect(bucket.count >= Self.sizes.lowerBound) }
  }

  @Test func `Buckets do not depend on the number of ranks`() {
    for ranks in Self.ranks { #expect(Self.shards(ranks).buckets == Self.shards(1).buckets) }
  }

  @Test(arguments: ranks)
  func `Ranks own disjoint parts of whole blocks that cover every bucket, as even as blocks allow`(ranks: Int) {
    for (index, bucket) in Self.shards(ranks).buckets.enumerated() {
      let parts = (0..<ranks).map { Self.shards(ranks, $0).own[index] }
      let inOrder = parts.filter { !$0.isEmpty }.sorted { $0.lowerBound < $1.lowerBound }
      #expect(inOrder.first?.lowerBound == bucket.lowerBound && inOrder.last?.upperBound == bucket.upperBound)
      for (part, next) in zip(inOrder, inOrder.dropFirst()) { #expect(part.upperBound == next.lowerBound) }
      for part in inOrder { #expect(part.lowerBound % Shards.block == 0) }
      let blocks = parts.map { ($0.count + Shards.block - 1) / Shards.block }
      #expect(blocks.max()! - blocks.min()! <= 1)
      #expect(parts == (0..<ranks).map { Self.shards(ranks).part(of: bucket, rank: $0) })
    }
  }

  @Test(arguments: ranks)
  func `Own parts lie one after the other in the arenas of moments`(ranks: Int) {
    var together = 0
    for rank in 0..<ranks {
      let shards = Self.shards(ranks, rank)
      #expect(shards.offsets.first == 0)
      for (index, part) in shards.own.enumerated() {
        #expect(shards.offsets[index + 1] - shards.offsets[index] == part.count)
      }
      together += shards.ownCount
    }
    #expect(together == Self.layout.arenaCount)
  }

  @Test func `With four ranks the middle two own each other's quarter`() {
    let bucket = 0..<8 * Shards.block
    let parts = (0..<4).map { Self.shards(4).part(of: bucket, rank: $0).lowerBound / Shards.block }
    #expect(parts == [0, 4, 2, 6])
  }

  @Test(arguments: [2, 4, 8])
  func `Ranks that exchange in a round hold the halves of what both hold before it`(ranks: Int) {
    for bucket in Self.shards(1).buckets {
      for rank in 0..<ranks {
        let shards = Self.shards(ranks, rank)
        #expect(shards.held(of: bucket, rank: rank, rounds: 1) == bucket)
        #expect(shards.held(of: bucket, rank: rank, rounds: ranks) == shards.part(of: bucket, rank: rank))
        for distance in [1, 2, 4] where distance < ranks {
          let held = [rank & ~distance, rank | distance].map {
            shards.held(of: bucket, rank: $0, rounds: 2 * distance)
          }
          let before = shards.held(of: bucket, rank: rank, rounds: distance)
          #expect(held[0].lowerBound == before.lowerBound && held[1].upperBound == before.upperBound)
          #expect(held[0].upperBound == held[1].lowerBound)
        }
      }
    }
  }

  @Test(arguments: ranks)
  func `The optimizer's state is 8 bytes a parameter and shared by the ranks`(ranks: Int) {
    for rank in 0..<ranks {
      let shards = Self.shards(ranks, rank)
      let optimizer = Optimizer(
        layout: Self.layout, shards: shards, betas: (0.9, 0.95), epsilon: 1e-8, weightDecay: 0.1)
      let even = 8 * Self.layout.arenaCount / ranks
      #expect(abs(optimizer.stateBytes - even) <= 8 * Shards.block * shards.buckets.count)
    }
  }
}

struct SummationTreeTests {
  /// What a rank's groups add up to, written as a sum with brackets, by the rule of levels.
  private static func sum(_ tree: SummationTree, rank: Int) -> String {
    var levels = [String](repeating: "", count: tree.levels)
    for (index, group) in tree.groups(of: rank).enumerated() {
      var level = index.nonzeroBitCount
      levels[level] = tree.microBatches(of: group).map(String.init).joined(separator: "+")
      for _ in 0..<(~index).trailingZeroBitCount {
        levels[level - 1] = "(\(levels[level - 1]) + \(levels[level]))"
        level -= 1
      }
    }
    return levels[0]
  }

  @Test func `Ranks compute subtrees of one and the same tree`() {
    func tree(_ ranks: Int) -> SummationTree { SummationTree(microBatches: 16, groups: 8, ranks: ranks) }
    let eight = (0..<8).map { Self.sum(tree(8), rank: $0) }
    #expect(eight == ["0+1", "2+3", "4+5", "6+7", "8+9", "10+11", "12+13", "14+15"])
    let four = (0..<4).map { "(\(eight[2 * $0]) + \(eight[2 * $0 + 1]))" }
    #expect((0..<4).map { Self.sum(tree(4), rank: $0) } == four)
    let two = (0..<2).map { "(\(four[2 * $0]) + \(four[2 * $0 + 1]))" }
    #expect((0..<2).map { Self.sum(tree(2), rank: $0) } == two)
    #expect(Self.sum(tree(1), rank: 0) == "(\(two[0]) + \(two[1]))")
    #expect([1, 2, 4, 8].map { tree($0).levels } == [4, 3, 2, 1])
  }

  @Test func `The number of groups depends on the micro-batches alone, and is a power of two that divides them`() {
    for (microBatches, groups) in [(1, 1), (2, 2), (3, 1), (8, 8), (12, 4), (48, 8)] {
      for ranks in [1, 2, 4, 8] where microBatches % ranks == 0 {
        #expect(SummationTree.canonicalGroups(microBatches: microBatches, ranks: ranks) == groups)
      }
    }
    for ranks in [3, 6, 16] { #expect(SummationTree.canonicalGroups(microBatches: 48, ranks: ranks) == nil) }
  }

  @Test(arguments: [1, 2, 3, 5, 8, 11])
  func `Every micro-batch is in one group and of one rank, and few of them busy many ranks`(microBatches: Int) {
    for ranks in [1, 2, 4, 8] {
      let tree = SummationTree(microBatches: microBatches, groups: 8, ranks: ranks)
      #expect((0..<8).flatMap { tree.microBatches(of: $0) } == Array(0..<microBatches))
      for rank in 0..<ranks {
        #expect(tree.groups(of: rank).flatMap { tree.microBatches(of: $0) } == Array(tree.microBatches(ofRank: rank)))
        for microBatch in tree.microBatches(ofRank: rank) { #expect(tree.rank(ofMicroBatch: microBatch) == rank) }
      }
      let shares = (0..<ranks).map { tree.microBatches(ofRank: $0).count }
      #expect(shares.max()! - shares.min()! <= 1)
    }
  }
}
