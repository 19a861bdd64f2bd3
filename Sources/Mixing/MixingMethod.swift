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

/// How scores are estimated, as far as a method's settings depend on it.
public struct Estimation: Sendable, Equatable {
  /// Whether `mixture.preset` is `paper`.
  public var isPaper = false
  /// The estimator's name, for messages.
  public var estimator = "inline"
  /// Whether sequences are scored one by one, so that standard errors are known.
  public var givesErrors = true
  /// Whether gradients of domains are formed, so that their norms are known.
  public var givesNorms = false
  /// Whether the sequences that are trained on are the ones that are scored.
  public var scoresTraining = true

  /// Describes a way of scoring.
  public init(isPaper: Bool = false, givesErrors: Bool = true, givesNorms: Bool = false) {
    self.isPaper = isPaper
    self.givesErrors = givesErrors
    self.givesNorms = givesNorms
  }
}

/// What a method may know of a run before its first step.
public struct RunFacts: Sendable {
  /// The names of the domains, in order.
  public var domains: DomainNames
  /// Training tokens of each domain that may be read, (domains).
  public var tokens: [Int]
  /// Windows of each domain that may be read, (domains).
  public var windows: [Int]
  /// The tree whose leaves the domains are, if there is one.
  public var tree: DomainTree?
  /// Counts a target's steering documents in each domain, (domains).
  ///
  /// Throws `SettingFault` if the corpus has no such counts.
  public var histogram: @Sendable (_ target: String) throws -> [Double]
  /// The names of all targets of the corpus.
  public var targetNames: [String] = []
  /// The steering targets and their weights.
  public var targets: [Share] = []
  /// Whether the method is to move the weights of the targets, too.
  public var adaptiveTargets = false
  /// The length of the run, and the tokens of one step.
  public var steps: Int, tokensPerStep: Int
  /// Steps between moves of the weights.
  public var interval: Int
  /// The weights that a moving method starts from: `mixture.prior`, or uniform.
  public var prior: Weights
  /// How scores are estimated.
  public var estimation = Estimation()
  /// The vocabulary's size.
  public var vocabularySize = 256
  /// Reads the weights of another run: a `mixture.json`, or the directory with one; for a key of `mixture`, that errors
  /// name.
  public var mixture: @Sendable (_ path: String, _ key: String) throws -> Weights

  /// Describes a run; `mixture` gives uniform weights until it is set.
  public init(
    domains: DomainNames, tokens: [Int], steps: Int = 1000, tokensPerStep: Int = 1, interval: Int = 1,
    prior: Weights? = nil
  ) {
    self.domains = domains
    self.tokens = tokens
    windows = tokens
    self.steps = steps
    self.tokensPerStep = tokensPerStep
    self.interval = interval
    self.prior = prior ?? .uniform(domains.count)
    mixture = { _, _ in .uniform(domains.count) }
    histogram = { target in
      throw SettingFault(
        "method",
        "the corpus does not say which domains the documents of \(target) belong to; a corpus of clusters does, which "
          + "`dga cluster` makes")
    }
  }

  /// Describes a run whose domains' names are at hand.
  public init(
    domains: [String], tokens: [Int], steps: Int = 1000, tokensPerStep: Int = 1, interval: Int = 1,
    prior: Weights? = nil
  ) {
    self.init(
      domains: DomainNames(domains), tokens: tokens, steps: steps, tokensPerStep: tokensPerStep, interval: interval,
      prior: prior)
  }
}

/// One move of the weights.
public struct Move: Sendable {
  /// The weights from now on, before caps.
  public var weights: Weights
  /// What domains are drawn with, if that differs: each sequence's loss then counts its domain's weight divided by
  /// this.
  public var draws: Weights?
  /// The weights before smoothing; nil if nothing is smoothed.
  public var raw: Weights?
  /// The largest change of the logarithm of a ratio of two raw weights.
  public var spread = 0.0
  /// The first domain whose measurement was not finite, so that it was left out, or the weights were kept.
  public var refused: Int?
  /// What is known of the domains' scores.
  public var scores: Scores?
  /// Moves since each domain was measured last, (domains); -1 is never.
  public var ages: [Int] = []
  /// The weights of the steering targets, if the method moves them.
  public var targetWeights: [Double]?
  /// The coefficients of the distributions that the weights are a mixture of, if the method moves these.
  public var coefficients: Coefficients?

  /// Coefficients of distributions over domains.
  public struct Coefficients: Sendable {
    /// The names of the distributions, and the coefficients from now on, (distributions).
    public var names: [String], weights: Weights
    /// What is known of the distributions' scores.
    public var scores: Scores?
    /// How many independent sequences each distribution's score was measured with since the last move, (distributions).
    public var effectiveSampleSizes: [Double]
  }

  /// What comparing scores has found, if the method does.
  public var finding: Finding? { scores?.finding ?? coefficients?.scores?.finding }

  /// Makes a move to some weights.
  public init(weights: Weights, raw: Weights? = nil) {
    self.weights = weights
    self.raw = raw
  }
}
