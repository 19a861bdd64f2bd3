import Settings
import Synchronization

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
  /// Counts a target's steering documents in each domain, (domains); asked once for each target, because it can mean to
  /// read them. Throws what reading the corpus does.
  public var histogram: @Sendable (_ target: String) throws -> [Double] { didSet { documents = FoundDocuments() } }
  /// The counts that have been asked for.
  var documents = FoundDocuments()
  /// The names of all targets of the corpus.
  public var targetNames: [String] = []
  /// The steering targets and their weights.
  public var targets: [Share] = []
  /// The domains whose text is a target's, by the target's name.
  public var targetDomains: [String: Int] = [:]
  /// Whether the method is to move the weights of the targets, too.
  public var adaptiveTargets = false
  /// The length of the run, and the tokens of one step.
  public var steps: Int, tokensPerStep: Int
  /// Steps between moves of the weights.
  public var interval: Int
  /// The weights that a moving method starts from: `mixture.prior`, or uniform.
  public var prior: Weights
  /// Whether the user gave that prior.
  public var isPriorGiven = false
  /// How scores are estimated.
  public var estimation = Estimation()
  /// The vocabulary's size.
  public var vocabularySize = 256
  /// Reads the weights of another run: a `mixture.json`, or the directory with one; for a key of `mixture`, that errors
  /// name.
  public var mixture: @Sendable (_ path: String, _ key: String) throws -> Weights

  /// Describes a run; until they are set, `mixture` gives uniform weights, and targets have no documents.
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
    histogram = { _ in [Double](repeating: 0, count: tokens.count) }
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

/// The documents of targets by domain that have been counted.
final class FoundDocuments: Sendable {
  private let found = Mutex<[String: [Double]]>([:])

  /// The counts of a target, which `count` makes the first time.
  func counts(of target: String, _ count: (String) throws -> [Double]) throws -> [Double] {
    if let known = found.withLock({ $0[target] }) { return known }
    let counts = try count(target)
    found.withLock { $0[target] = counts }
    return counts
  }
}
