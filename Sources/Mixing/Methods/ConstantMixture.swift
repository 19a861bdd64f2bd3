import Glibc
import Settings

/// A mixture whose weights never move: what its settings make of a run's facts.
public protocol ConstantMixture: MixingMethod where State == NoState {
  /// Creates the mixture from its weights.
  init(start: Weights)
  /// The weights that the settings stand for.
  ///
  /// - Throws: `SettingFault`.
  static func weights(_ settings: Settings, for run: RunFacts) throws -> Weights
}

extension ConstantMixture {
  public init(_ settings: Settings, for run: RunFacts) throws { self.init(start: try Self.weights(settings, for: run)) }

  public var state: NoState {
    get { NoState() }
    set {}
  }

  /// Weights in proportion to numbers.
  ///
  /// - Throws: `SettingFault` if there is nothing to read.
  static func proportional(to shares: [Double]) throws -> Weights {
    guard let weights = Weights(proportionalTo: shares) else {
      throw SettingFault(key: "method", message: "no domain has any tokens")
    }
    return weights
  }
}

/// A method without keys of its own.
public struct NoSettings: MethodSettings, Equatable {
  public init() {}
  public func visit(_ keys: any KeyVisitor) throws {}
}

/// The same weight for every domain.
public struct UniformMixture: ConstantMixture {
  public static let name = "uniform"
  public typealias Settings = NoSettings
  public let start: Weights

  public init(start: Weights) { self.start = start }
  public static func weights(_ settings: NoSettings, for run: RunFacts) -> Weights { .uniform(run.domains.count) }
}

/// Weights in proportion to tokens.
public struct NaturalMixture: ConstantMixture {
  public static let name = "natural"
  public typealias Settings = NoSettings
  public let start: Weights

  public init(start: Weights) { self.start = start }
  public static func weights(_ settings: NoSettings, for run: RunFacts) throws -> Weights {
    try proportional(to: run.tokens.map(Double.init))
  }
}

/// Given weights: a table, or the average weights of another run.
public struct FixedMixture: ConstantMixture {
  public static let name = "fixed"
  public let start: Weights

  public init(start: Weights) { self.start = start }

  /// The keys of fixed weights.
  public struct Settings: MethodSettings, Equatable {
    /// Shares of any scale by domain; who is not named gets none.
    public var weights: [Share] = []
    /// A run's `mixture.json`, or its directory.
    public var file: String?

    public init() {}

    public mutating func visit(_ keys: any KeyVisitor) throws {
      try keys.shares("weights", &weights, "`{domain: share}`; a domain that is not named is not read")
      try keys.text("file", &file, "instead of `weights`, those of another run: its directory or its `mixture.json`")
      if keys.isGiven("weights") && keys.isGiven("file") {
        throw keys.failure("file", "`weights` and `file` are two ways to give the weights; give one of them")
      }
    }
  }

  public static func weights(_ settings: Settings, for run: RunFacts) throws -> Weights {
    if let file = settings.file { return try run.mixture(file, "file") }
    guard !settings.weights.isEmpty else {
      throw SettingFault(
        key: "weights",
        message: "fixed weights are needed: `weights: {domain: share, ...}`, or `file:` with a run's mixture.json")
    }
    return try Weights(settings.weights, of: run.domains, key: "weights")
  }
}

/// Weights in proportion to a power of tokens, `p_i ~ n_i^exponent`: multilingual models flatten their data so (Raffel et al., 2019).
public struct TemperatureMixture: ConstantMixture {
  public static let name = "temperature"
  public let start: Weights

  public init(start: Weights) { self.start = start }

  /// The keys of a tempered mixture.
  public struct Settings: MethodSettings, Equatable {
    /// One over the temperature: 1 is natural, 0 uniform.
    public var exponent = 0.3

    public init() {}

    public mutating func visit(_ keys: any KeyVisitor) throws {
      try keys.number("exponent", &exponent, in: 0...1, "the power of tokens: 1 is natural, 0 uniform")
    }
  }

  public static func weights(_ settings: Settings, for run: RunFacts) throws -> Weights {
    let most = Double(run.tokens.max() ?? 0)
    return try proportional(
      to: run.tokens.map { $0 == 0 ? 0 : pow(Double($0) / most, settings.exponent) })
  }
}

/// As even as possible with no domain read more than a number of times (UniMax, Chung et al., arXiv 2304.09151).
///
/// From the smallest domain on each gets `min(budget left / domains left, epochs n_i)` tokens of the run.
public struct UnimaxMixture: ConstantMixture {
  public static let name = "unimax"
  public let start: Weights
  public let summary: String

  public init(start: Weights) { self.init(start: start, summary: "") }

  private init(start: Weights, summary: String) {
    self.start = start
    self.summary = summary
  }

  /// The keys of UniMax.
  public struct Settings: MethodSettings, Equatable {
    /// How often a domain is read at most.
    public var epochs = 4.0

    public init() {}

    public mutating func visit(_ keys: any KeyVisitor) throws {
      try keys.number("epochs", &epochs, in: 1e-6...1e9, "how often a domain is read at most")
    }
  }

  public init(_ settings: Settings, for run: RunFacts) throws {
    let capacity = run.tokens.reduce(0) { $0 + settings.epochs * Double($1) }
    let budget = Double(run.steps * run.tokensPerStep)
    self.init(
      start: try Self.weights(settings, for: run),
      summary: capacity < budget
        ? "the run reads \(budget / capacity) times what the cap on epochs allows, so every domain is read more often" : "")
  }

  public static func weights(_ settings: Settings, for run: RunFacts) throws -> Weights {
    var budget = Double(run.steps * run.tokensPerStep)
    var shares = [Double](repeating: 0, count: run.tokens.count)
    let order = run.tokens.indices.sorted { (run.tokens[$0], $0) < (run.tokens[$1], $1) }
    for (place, domain) in order.enumerated() {
      shares[domain] = min(budget / Double(order.count - place), settings.epochs * Double(run.tokens[domain]))
      budget -= shares[domain]
    }
    return try proportional(to: shares)
  }
}
