import Kernels
import MPI
import Transformer

/// The state of gradients that one rank has accumulated from its own slots.
public enum Local {}

/// The state of gradients that all ranks have summed: each rank holds the sum in its own shards, and anything
/// elsewhere.
public enum Averaged {}

/// The gradients of all parameters, whose type says whether the other ranks' share is in them.
///
/// A step goes round: local gradients are accumulated, consumed into averaged ones, used by the optimizer, which
/// accepts only these, and cleared into local ones again. The memory stays the same throughout: one arena a level of
/// the rank's ``SummationTree``, one after the other, of which the first ends with the sum.
public struct Gradients<State>: ~Copyable {
  private var arena: Arena
  /// The length of one level.
  private let count: Int
  private let levels: Int
  /// The group that is being summed.
  private var group = 0
  /// Whether nothing of the present group has been accumulated; the next gradients are then written over what is there.
  private var isFresh = true

  fileprivate init(count: Int, levels: Int) {
    arena = Arena(count: levels * count)
    self.count = count
    self.levels = levels
  }

  fileprivate init<Other>(_ other: consuming Gradients<Other>) {
    count = other.count
    levels = other.levels
    arena = other.arena
  }

  /// The Euclidean norm of what lies in the arena: the gradient's if there is one rank.
  public var norm: Double { sumOfSquares(row).squareRoot() }

  /// The gradients as one row of the layout.
  package var row: Matrix { level(0) }

  private func level(_ index: Int) -> Matrix { arena.matrix(at: index * count, rows: 1, columns: count) }
}

extension Gradients where State == Local {
  /// Gradients of a layout, for one group of micro-batches.
  package init(layout: ParameterLayout) { self.init(layout: layout, levels: 1) }

  /// Gradients of a layout, for a rank's groups of micro-batches.
  ///
  /// - Parameter levels: ``SummationTree/levels``.
  package init(layout: ParameterLayout, levels: Int) { self.init(count: layout.arenaCount, levels: levels) }

  /// Runs backward through the micro-batch that `model` has just seen and adds its gradients to those of the present
  /// group; along directions the model also scores its sequences.
  ///
  /// - Returns: The sum of the losses of its tokens, in nats.
  package mutating func accumulate(
    _ model: inout GPT2, parameters: Matrix, _ scale: LossScale, along directions: Matrix? = nil,
    depth: BackwardDepth = .embeddings
  ) -> Double {
    defer { isFresh = false }
    return model.backward(
      parameters: parameters, gradients: level(group.nonzeroBitCount), adding: !isFresh, scale, along: directions,
      depth: depth
    ) { _ in }
  }

  /// The same for the last micro-batch of all groups, whose gradients leave for the other ranks as they become final.
  ///
  /// Collective: every rank calls or none, and then ``averaged(by:over:)``.
  ///
  /// - Throws: `MPIError`.
  package mutating func accumulate(
    _ model: inout GPT2, parameters: Matrix, _ scale: LossScale, along directions: Matrix?, depth: BackwardDepth,
    reducing reduction: inout GradientReduction, over world: borrowing Communicator
  ) throws -> Double {
    defer { isFresh = false }
    return try model.backward(
      parameters: parameters, gradients: level(group.nonzeroBitCount), adding: !isFresh, scale, along: directions,
      depth: depth
    ) { range in
      try release(from: range.lowerBound, to: &reduction, over: world)
    }
  }

  /// Ends a group that is not the last: adds it to those with which it makes a subtree.
  package mutating func closeGroup() {
    clearIfFresh()
    merge(0..<count)
    group += 1
    precondition(group.nonzeroBitCount < levels, "more groups than levels for them")
    isFresh = true
  }

  /// Sums the gradients of all ranks.
  ///
  /// Every rank scales its losses by the global number of tokens, so the sum is the gradient of the mean loss.
  /// Collective: every rank calls, with the same count.
  ///
  /// - Precondition: all groups but the last are closed.
  /// - Throws: `MPIError`.
  package consuming func averaged(
    by reduction: inout GradientReduction, over world: borrowing Communicator
  ) throws -> Gradients<Averaged> {
    precondition(group == 1 << (levels - 1) - 1, "a group is missing")
    clearIfFresh()
    try release(from: 0, to: &reduction, over: world)
    try reduction.finish(&arena, over: world)
    return Gradients<Averaged>(self)
  }

  /// Takes these gradients for the sum over all ranks, which they are when there is one: for programs without MPI.
  package consuming func averagedAlone() -> Gradients<Averaged> {
    precondition(levels == 1, "groups are summed by a reduction")
    clearIfFresh()
    return Gradients<Averaged>(self)
  }

  /// A group without micro-batches has gradients of zero.
  private func clearIfFresh() { if isFresh { clear(level(group.nonzeroBitCount)) } }

  /// Hands over the buckets that are final if all gradients from `bound` on are, and lets messages move.
  private mutating func release(
    from bound: Int, to reduction: inout GradientReduction, over world: borrowing Communicator
  ) throws {
    while let bucket = reduction.nextFinal(from: bound) { merge(bucket) }
    try reduction.advance(&arena, over: world)
  }

  /// Adds the present group to the subtrees that it completes, in a range of the parameters.
  private func merge(_ range: Range<Int>) {
    // Few elements at a time, which stay in the cache from one level to the next.
    for first in stride(from: range.lowerBound, to: range.upperBound, by: Shards.block) {
      let columns = min(Shards.block, range.upperBound - first)
      var upper = group.nonzeroBitCount
      for _ in 0..<(~group).trailingZeroBitCount {
        add(level(upper).columns(first, count: columns), to: level(upper - 1).columns(first, count: columns))
        upper -= 1
      }
    }
  }
}

extension Gradients where State == Averaged {
  /// Forgets all gradients: the next step's are written over them.
  public consuming func cleared() -> Gradients<Local> { Gradients<Local>(self) }
}
