import Corpus
import Mixing
import Parallel
import Runs
import Transformer

/// What steering needs to know of a run, the same on every rank.
package struct SteeringPlan {
  /// The estimator, its numbers, and what the directions are.
  package let settings: SteeringSettings
  /// The mixing method, as configured: says what it wants measured, and along what.
  package let method: any MixingMethod
  /// The steering targets with their weights.
  package let targets: [SteeringTarget]
  /// The domains, and what their training text is read from.
  package let domains: DomainTable
  package let source: WindowSource
  /// Windows of each domain that may be drawn, (domains).
  package let windowCounts: [Int]
  package let seed: UInt64
  /// Sequences of a micro-batch at most, groups of micro-batches, and ranks.
  package let micro, groups, ranks: Int
  /// Tokens of a sequence.
  package let length: Int
  package let layout: ParameterLayout
  /// All that the method ever wants, in this run or one that goes on after it.
  package let wishes: Measurements
  /// The model whose losses methods compare with, if there is one.
  package var reference: ReferenceModel.Source?

  package init(
    settings: SteeringSettings, method: any MixingMethod, wishes: Measurements, targets: [SteeringTarget],
    domains: DomainTable, source: WindowSource, seed: UInt64, sharing: Sharing, layout: ParameterLayout
  ) {
    self.settings = settings
    self.method = method
    self.wishes = wishes
    self.targets = targets
    self.domains = domains
    self.source = source
    windowCounts = sharing.windowCounts
    self.seed = seed
    (micro, groups, ranks, length) = (sharing.micro, sharing.groups, sharing.ranks, sharing.length)
    self.layout = layout
  }

  /// How text is cut into windows, and ranks share them.
  package struct Sharing {
    package let windowCounts: [Int]
    package let micro, groups, ranks, length: Int

    /// - Parameters:
    ///   - windowCounts: Windows of each domain that may be drawn, (domains).
    ///   - micro: Sequences of a micro-batch at most.
    ///   - groups: Groups of micro-batches, all ranks together.
    ///   - length: Tokens of a sequence.
    package init(windowCounts: [Int], micro: Int, groups: Int, ranks: Int, length: Int) {
      self.windowCounts = windowCounts
      (self.micro, self.groups, self.ranks, self.length) = (micro, groups, ranks, length)
    }
  }

  /// Rows of the layout that sequences are scored along.
  package var directionCount: Int { method.directions == .eachTarget ? targets.count : 1 }

  /// What probes are drawn from, if not every domain by itself.
  var probeTables: [DistributionTable]? {
    method.probes?.map { DistributionTable(domains: $0.domains, shares: $0.shares) }
  }

  /// A batch of these windows, shared so that all groups have some sequences.
  func batch(_ windows: [Window], from source: WindowSource) -> Batch {
    Batch(
      windows: windows, from: source, micro: Batch.micro(windows.count, groups: groups, most: micro), groups: groups,
      ranks: ranks, length: length)
  }
}

/// A target that steers.
package struct SteeringTarget {
  package let name: String
  package let weight: Double
  /// Its steering text.
  package let slice: TokenSlice

  package init(name: String, weight: Double, slice: TokenSlice) {
    (self.name, self.weight, self.slice) = (name, weight, slice)
  }
}
