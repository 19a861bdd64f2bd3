import Settings

/// A way to decide how much of each domain is read.
///
/// A method says what it wants measured, takes in observations and answers weights; it knows no model, no file and no
/// ranks. Its settings are the same on every rank, and ``wants(before:)`` depends on them alone, so that all ranks
/// agree without messages. Only the root rank's copy observes and moves: its ``state`` is what a checkpoint keeps.
///
/// A new method is a file in `Methods`, a line in ``mixingMethods``, a test, and a paragraph in `docs/mixing.md`.
public protocol MixingMethod: Sendable {
  /// Everything that changes during a run.
  associatedtype State: Codable, Sendable
  /// Its keys under `mixture`.
  associatedtype Settings: MethodSettings

  /// The word after `mixture.method`.
  static var name: String { get }

  /// Whether the weights start from `mixture.prior`.
  static var startsFromPrior: Bool { get }
  /// Whether the steering targets' text is to be read, so that they are domains of the run.
  static var readsTargets: Bool { get }

  /// Prepares a run.
  ///
  /// - Throws: `SettingFault` if settings and run do not fit.
  init(_ settings: Settings, for run: RunFacts) throws

  /// Makes the method of a run: this one, or a variant of it that the settings choose.
  ///
  /// - Throws: `SettingFault` if settings and run do not fit.
  static func make(_ settings: Settings, for run: RunFacts) throws -> any MixingMethod

  /// Everything that changes during a run.
  var state: State { get set }
  /// The weights that a run starts with.
  var start: Weights { get }
  /// What the weights decide.
  var weighting: Weighting { get }
  /// Which domains may ever have weight, (domains).
  var support: [Bool] { get }
  /// The gradients that sequences are scored along, if they are.
  var directions: ScoreDirections { get }

  /// The distributions over domains that text of its own is drawn from to be scored, the same number of sequences of
  /// each; nil for every domain by itself. Rows of such observations are of the distributions, not of domains.
  var probes: [SparseDistribution]? { get }

  /// What is to be measured before a step, counted from 1, and whether the weights move then.
  ///
  /// Scores on text of their own are measured right before the step; those of sequences that are trained on, in the
  /// steps before it.
  func wants(before step: Int) -> Measurements
  /// Takes in what was measured; the losses of every training step, too.
  mutating func observe(_ observations: Observations)
  /// Moves the weights.
  ///
  /// - Parameter present: The weights that are in use, with caps applied.
  /// - Returns: Nil if the weights stay as they are.
  mutating func move(after step: Int, from present: Weights) -> Move?
  /// Checks that a state that was read from a file is one of this method in this run.
  ///
  /// - Throws: `StateFault` for the first key that is not.
  func check(_ state: State) throws(StateFault)
  /// Goes on with the state of a run that had other domains: what is known of those that are there still is kept, and a
  /// new one is as at the start.
  mutating func carry(_ before: State, over change: DomainChange)
  /// The weights that a run with other domains goes on with, once the state has been carried over.
  ///
  /// - Parameter before: The weights in use until then.
  func weights(from before: Weights, over change: DomainChange, after step: Int) -> Weights
  /// Says that a state which is none of this method's is that of a variant that other settings choose; nil if not.
  static func variant(from decoder: any MethodStateDecoder) -> StateFault?
  /// Forgets scores along a direction that is no longer the run's.
  mutating func forgetScores()
  /// The method in words, for the start of a run; empty if its name says all.
  var summary: String { get }
  /// What a person should know before the first step, in sentences.
  var remarks: [String] { get }
  /// Whether weights that rest at uniform, or that leave a single domain, are worth a warning.
  ///
  /// Not if the user asked for such weights, nor if each move is meant to be small because there is one before every
  /// step.
  var warnsOfWeights: Bool { get }
  /// Whether scores of one move are compared with those of the next, so that each is to read target windows of its own:
  /// a small steering part is read by halves in turn then, not whole each time.
  var comparesMoves: Bool { get }
}

extension MixingMethod {
  /// There are no variants.
  public static func make(_ settings: Settings, for run: RunFacts) throws -> any MixingMethod {
    try Self(settings, for: run)
  }
  /// Weights that move start from the prior.
  public static var startsFromPrior: Bool { true }
  /// Only domains are read.
  public static var readsTargets: Bool { false }
  /// Weights decide what is drawn.
  public var weighting: Weighting { .draws }
  /// No domain without weight at the start gets any.
  public var support: [Bool] { start.support }
  /// Sequences are scored along the one combined direction.
  public var directions: ScoreDirections { .combined }
  /// Every domain is probed by itself.
  public var probes: [SparseDistribution]? { nil }
  /// Nothing is wanted.
  public func wants(before step: Int) -> Measurements { [] }
  /// Observations are not used.
  public mutating func observe(_ observations: Observations) {}
  /// The weights stay.
  public mutating func move(after step: Int, from present: Weights) -> Move? { nil }
  /// There is nothing to check.
  public func check(_ state: State) throws(StateFault) {}
  /// There are no variants.
  public static func variant(from decoder: any MethodStateDecoder) -> StateFault? { nil }
  /// There are no scores to forget.
  public mutating func forgetScores() {}
  /// The name says all.
  public var summary: String { "" }
  /// There is nothing to say.
  public var remarks: [String] { [] }
  /// No warnings.
  public var warnsOfWeights: Bool { false }
  /// Each move is made by its own scores.
  public var comparesMoves: Bool { false }

  /// All that is ever wanted before one of the steps up to `last`.
  public func everWants(upTo last: Int) -> Measurements {
    (1...max(1, last)).reduce(into: []) { $0.formUnion(wants(before: $1)) }
  }
}

/// The state of a method whose weights never move.
public struct NoState: Codable, Sendable, Equatable {
  /// Makes the empty state.
  public init() {}
}

/// A method's keys under `mixture`.
public protocol MethodSettings: Configurable, Sendable {
  /// Makes the defaults for the way in which scores are estimated.
  init(for estimation: Estimation)
  /// Steps between moves of the weights if `mixture.every` is not given; nil for a method without such a key.
  static var defaultInterval: Quantity? { get }
  /// Whether an estimator is needed that forms the gradients of domains; then one is the default.
  static var needsNorms: Bool { get }
}

extension MethodSettings {
  /// Makes the same defaults for every way of scoring.
  public init(for estimation: Estimation) { self.init() }
  /// There is no such key.
  public static var defaultInterval: Quantity? { nil }
  /// Any estimator will do.
  public static var needsNorms: Bool { false }
}
