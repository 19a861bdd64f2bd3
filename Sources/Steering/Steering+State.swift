import Columns
import Corpus
import Failures
import Mixing

/// What a checkpoint keeps of steering, and how a run goes on from it.
extension Steering {
  /// What a checkpoint keeps; the directions' elements are a file of their own, if they are needed again.
  package struct State: Codable {
    @Column var probes: [Int]
    /// Windows of each domain that probes have read, (domains); empty before the first probe.
    package var probeCursors: [Int] { probes }
    var direction: TargetDirection.State
    var tokens: Int

    /// Carries the streams of the domains' text over to other domains.
    package func carried(over change: DomainChange) -> State {
      var state = self
      if !probes.isEmpty { state.probes = change.carried(probes, new: 0) }
      state.direction.generic = direction.generic.map { Column(wrappedValue: change.carried($0.wrappedValue, new: 0)) }
      return state
    }
  }

  /// The state for a checkpoint.
  package var state: State {
    State(probes: probes?.cursors ?? [], direction: direction.state, tokens: tokens)
  }

  /// Whether the next step's sequences are scored along directions that were measured before the present moment.
  package func keepsDirection(after step: Int) -> Bool {
    hasDirection && isScored(step + 1) && !movesWeights(before: step + 1)
  }

  /// Goes on from a checkpoint after `step`.
  ///
  /// - Parameters:
  ///   - orders: What the orders of the domains' windows follow from; see ``DomainSampler/orders``.
  ///   - read: Reads the elements of the directions into the given memory, or says that the checkpoint has
  ///   none.
  /// - Returns: Whether the directions are the same; scores along others cannot be compared.
  /// - Throws: `Failure(.badData)` if the state is one of another corpus.
  package mutating func restore(
    _ state: State, orders: [Int]?, after step: Int, read: (inout MutableSpan<Float>) throws -> Bool
  ) throws -> Bool {
    probes = nil
    self.orders = orders
    if !state.probes.isEmpty {
      var restored = startOfProbes
      try restored.restore(cursors: state.probes, orders: orders)
      probes = restored
    }
    tokens = state.tokens
    guard isScoring else { return true }
    guard try direction.restore(state.direction, orders: orders) else { return false }
    // If the times of moves have been changed, the directions may be missing or not be wanted; they are measured anew
    // then.
    hasDirection = true
    if keepsDirection(after: step) {
      var span = direction.mutableSpan
      hasDirection = try read(&span)
    } else {
      hasDirection = false
    }
    return true
  }
}
