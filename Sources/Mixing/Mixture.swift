/// The mixture of a run: a method, and the weights that it has led to. Only the root rank has one.
public struct Mixture: Sendable {
  /// Everything that changes during a run besides the method's own state.
  public struct State: Sendable, Equatable, Codable {
    /// The weights in use.
    public fileprivate(set) var weights: Weights
    /// What domains are drawn with, if not by the weights.
    public fileprivate(set) var draws: Weights?
    /// The mean of the weights over the intervals in which they were used, the current one included.
    public fileprivate(set) var average: Weights
    /// The number of moves so far, refused ones included.
    public fileprivate(set) var moves = 0
    /// Moves in a row up to now that are worth a warning if there are many; see ``MixingWarning``.
    var quietMoves = 0, lonelyMoves = 0

    /// Checks what was read from a file.
    ///
    /// - Throws: `StateFault` for the first key that is not one of a mixture of as many domains.
    public func check(domains: Int) throws(StateFault) {
      try Mixing.check(
        [
          "mixture.weights": weights.count, "mixture.draws": draws?.count ?? domains,
          "mixture.average": average.count,
        ], are: domains)
      try Mixing.check("mixture.moves", moves >= 0, "is negative")
    }

    fileprivate init(_ weights: Weights) { (self.weights, average) = (weights, weights) }
  }

  /// The method that moves the weights.
  public private(set) var method: any MixingMethod
  /// The state for a checkpoint; the method has its own.
  public private(set) var state: State

  /// Starts with a method.
  ///
  /// - Parameter limits: The most that each domain may be drawn with, (domains); nil for no limits.
  public init(_ method: any MixingMethod, limits: [Double]? = nil) {
    self.method = method
    let start = method.start
    state = State(limits.map { start.capped(by: $0) } ?? start)
  }

  /// The weights in use: domains are drawn by them, or their losses count by them.
  public var weights: Weights { state.weights }
  /// What domains are drawn with by a method whose weights decide about draws.
  public var draws: Weights { state.draws ?? state.weights }
  /// The mean of the weights over the intervals in which they were used, the current one included.
  public var average: Weights { state.average }

  /// Goes on from a checkpoint.
  ///
  /// - Precondition: the state has as many domains as this mixture; compare `state.weights.count` before.
  public mutating func restore(_ state: State) {
    precondition(state.weights.count == self.state.weights.count, "the state has another number of domains")
    precondition(state.average.count == self.state.weights.count, "the state has another number of domains")
    self.state = state
  }

  /// Goes on with the method's state of a checkpoint.
  ///
  /// - Throws: `StateFault` if it is none of this method in this run, and what the decoder throws.
  public mutating func restoreMethod(from decode: MethodStateDecoder) throws {
    try method.restore(from: decode)
  }

  /// Goes on from a checkpoint of a run that had other domains.
  ///
  /// - Parameters:
  ///   - decode: Reads the method's state of the checkpoint.
  ///   - limits: The most that each domain may be drawn with, (domains).
  /// - Throws: What the decoder throws.
  public mutating func restore(
    _ before: State, method decoder: MethodStateDecoder, over change: DomainChange, after step: Int,
    limits: [Double]?
  ) throws {
    try method.carry(from: decoder, over: change)
    let weights = method.weights(from: before.weights, over: change, after: step)
    state = before
    state.weights = limits.map { weights.capped(by: $0) } ?? weights
    state.draws = nil
    state.average = change.carried(before.average, hasShares: false, otherwise: state.weights)
    (state.quietMoves, state.lonelyMoves) = (0, 0)
  }

  /// Takes in what was measured.
  public mutating func observe(_ observations: Observations) { method.observe(observations) }

  /// Forgets scores along a direction that is no longer the run's.
  public mutating func forgetScores() { method.forgetScores() }

  /// Moves the weights, and reports where they are; nil if the method leaves them as they are.
  ///
  /// - Parameter limits: The most that each domain may be drawn with, (domains): the weights in use are projected
  ///   below. What a method keeps for itself is not.
  public mutating func move(after step: Int, limits: [Double]? = nil) -> (move: Move, report: MixingReport)? {
    let before = state.weights
    guard let move = method.move(after: step, from: before) else { return nil }
    state.weights = limits.map { move.weights.capped(by: $0) } ?? move.weights
    state.draws = limits.flatMap { move.draws?.capped(by: $0) } ?? move.draws
    state.moves += 1
    // Weights of losses are moved before the batch that they are for, so those at the start were never in use.
    let used = method.weighting == .draws ? state.moves + 1 : state.moves
    state.average = state.average.mixed(with: state.weights, share: 1 / Double(used))

    var report = MixingReport(state.weights, before: before, start: method.start, spread: move.spread)
    if let refused = move.refused {
      report.warnings.append(move.weights == before ? .notFinite(domain: refused) : .leftOut(domain: refused))
    }
    guard method.warnsOfWeights, move.refused == nil, before.count > 1 else { return (move, report) }
    report.warnings += state.warnings(report, move)
    return (move, report)
  }
}

/// Decodes a method's state from wherever a checkpoint keeps it.
public protocol MethodStateDecoder {
  /// Decodes a state.
  func decode<State: Decodable>(_ type: State.Type) throws -> State
}

extension MixingMethod {
  fileprivate mutating func restore(from decoder: MethodStateDecoder) throws {
    let state = try Self.state(from: decoder)
    try check(state)
    self.state = state
  }

  fileprivate mutating func carry(from decoder: MethodStateDecoder, over change: DomainChange) throws {
    carry(try Self.state(from: decoder), over: change)
    try check(state)
  }

  private static func state(from decoder: MethodStateDecoder) throws -> State {
    do {
      return try decoder.decode(State.self)
    } catch let error as DecodingError {
      throw variant(from: decoder) ?? error
    }
  }
}
