import Glibc
import Settings

/// The keys of weights that never move, and what they amount to for a run.
package protocol ConstantWeights: MethodSettings {
  /// The word after `mixture.method`.
  static var name: String { get }
  /// The weights of a run.
  ///
  /// - Throws: `SettingFault` if keys and run do not fit.
  func weights(for run: RunFacts) throws -> Weights
  /// The weights in words, for the start of a run; empty if the name says all.
  func summary(for run: RunFacts) -> String
  /// What a person should know of the weights before the first step, in sentences.
  func remarks(for run: RunFacts) -> [String]
  /// Whether the steering targets are domains of the run.
  static var readsTargets: Bool { get }
}

extension ConstantWeights {
  package mutating func visit(_ keys: any KeyVisitor) throws {}
  package func summary(for run: RunFacts) -> String { "" }
  package func remarks(for run: RunFacts) -> [String] { [] }
  package static var readsTargets: Bool { false }
}

/// Weights that never move.
package struct ConstantMixture<Settings: ConstantWeights>: MixingMethod {
  package static var name: String { Settings.name }
  package static var startsFromPrior: Bool { false }
  package static var readsTargets: Bool { Settings.readsTargets }

  package var state = NoState()
  package let start: Weights
  package let summary: String
  package let remarks: [String]

  package init(_ settings: Settings, for run: RunFacts) throws {
    start = try settings.weights(for: run)
    summary = settings.summary(for: run)
    remarks = settings.remarks(for: run)
  }
}

/// The same weight for every domain that has a window to read.
package struct UniformWeights: ConstantWeights, Equatable {
  package static let name = "uniform"
  package init() {}
  package func weights(for run: RunFacts) throws -> Weights { try run.uniformWeights() }
}

/// Weights in proportion to the domains' tokens.
package struct NaturalWeights: ConstantWeights, Equatable {
  package static let name = "natural"
  package init() {}
  package func weights(for run: RunFacts) throws -> Weights { try run.naturalWeights() }
}

/// The steering targets' own text and nothing else, in proportion to the targets' weights: for fine-tuning.
package struct TargetAlone: ConstantWeights, Equatable {
  package static let name = "target"
  package static let readsTargets = true
  package init() {}
  package func weights(for run: RunFacts) throws -> Weights {
    var values = [Double](repeating: 0, count: run.tokens.count)
    for target in run.targets where target.value > 0 {
      guard let domain = run.targetDomains[target.name] else { continue }
      guard run.isReadable[domain] else {
        throw SettingFault(
          "method",
          "the steering part of target '\(target.name)' has \(run.tokens[domain]) tokens, too few for a single "
            + "sequence: give the target more steering documents, or the model a shorter context")
      }
      values[domain] = target.value
    }
    guard let weights = Weights(proportionalTo: values) else {
      throw SettingFault("method", "there is no target to read")
    }
    return weights
  }
}

/// Weights that the user gives, or those that another run ended with.
package struct FixedWeights: ConstantWeights, Equatable {
  package static let name = "fixed"
  /// Shares of any scale; domains without one are not read.
  package var weights: [Share] = []
  /// A `mixture.json`, or the directory of a run with one.
  package var file: String?

  package init() {}

  package mutating func visit(_ keys: any KeyVisitor) throws {
    if keys.isOverridden("file") { keys.setAside(["weights"]) }
    if keys.isOverridden("weights") { keys.setAside(["file"]) }
    try keys.shares("weights", &weights, "the domains' weights, of any scale; a domain that is not named is not read")
    try keys.path("file", &file, "instead of `weights`, a `mixture.json` or a run that wrote one")
    if keys.isGiven("weights") && keys.isGiven("file") {
      throw keys.failure("file", "`weights` and `file` are two ways to give the weights; give one of them")
    }
  }

  package func weights(for run: RunFacts) throws -> Weights {
    if let file { return try run.mixture(file, "file") }
    guard !weights.isEmpty else {
      throw SettingFault(
        "weights", "fixed weights are to be given, as `weights: {domain: share}` or as the `file` of a run")
    }
    return try run.weights(of: weights, key: "weights")
  }
}

/// Weights in proportion to a power of the domains' tokens: `p_i = n_i^exponent / sum_j n_j^exponent`.
///
/// The exponent is 1 / T of the temperature T of mT5 and T5 (seqio, which counts examples; here tokens are counted, and
/// there is no limit for a domain).
package struct TemperatureWeights: ConstantWeights, Equatable {
  package static let name = "temperature"
  /// The power.
  package var exponent = 0.3

  package init() {}

  package mutating func visit(_ keys: any KeyVisitor) throws {
    try keys.number(
      "exponent", &exponent, in: 0...1,
      "the power of a domain's tokens that its weight is in proportion to; 1 is natural, 0 uniform")
  }

  package func weights(for run: RunFacts) throws -> Weights {
    // Shares of the largest domain: powers of them cannot overflow.
    let largest = Double(run.tokens.max() ?? 0)
    return try run.readableWeights(run.tokens.map { $0 > 0 ? pow(Double($0) / largest, exponent) : 0 })
  }
}

/// UniMax (Chung et al., arXiv 2304.09151): as uniform as a cap on the epochs of each domain lets weights be.
///
/// With a budget B of tokens, domains in ascending order of their tokens n_i get
///
///     U_i = min((B - U_1 - ... - U_{i-1}) / (domains from i on), epochs n_i),   p = U / sum U
///
/// The paper counts characters, this tokens. If all domains together are less than the budget, weights are natural and
/// every domain is read more often than the cap.
package struct UniMaxWeights: ConstantWeights, Equatable {
  package static let name = "unimax"
  /// The cap on the passes over each domain.
  package var epochs = 4.0

  package init() {}

  package mutating func visit(_ keys: any KeyVisitor) throws {
    try keys.number(
      "epochs", &epochs, in: 0...1e6, "how often a domain's text may be read in the run before others are preferred")
    guard epochs > 0 else { throw keys.failure("epochs", "0 would leave nothing to read") }
  }

  package func weights(for run: RunFacts) throws -> Weights {
    var left = budget(run)
    var amounts = [Double](repeating: 0, count: run.tokens.count)
    let readable = run.isReadable
    let order = run.tokens.indices.filter { readable[$0] }.sorted { run.tokens[$0] < run.tokens[$1] }
    for (place, domain) in order.enumerated() {
      amounts[domain] = min(left / Double(order.count - place), epochs * Double(run.tokens[domain]))
      left -= amounts[domain]
    }
    return try run.readableWeights(amounts)
  }

  package func summary(for run: RunFacts) -> String {
    let most = zip(run.tokens, run.isReadable).reduce(0) { $1.1 ? $0 + epochs * Double($1.0) : $0 }
    let cap = Quantity(epochs, .epochs)
    guard most < budget(run) else { return "at most \(cap) of every domain" }
    let counts = [most, budget(run)].map { Int(min($0, 0x1p53)) }
    return "\(cap) of all domains are \(counts[0]) tokens, fewer than the run's \(counts[1]): weights are natural, "
      + "and every domain is read more often"
  }

  private func budget(_ run: RunFacts) -> Double { Double(run.steps) * Double(run.tokensPerStep) }
}

extension RunFacts {
  static let noText = SettingFault("method", "no domain has text for training")

  /// Whether each domain has a window to read, (domains).
  var isReadable: [Bool] { zip(tokens, windows).map { $0 > 0 && $1 > 0 } }

  /// Weights in proportion to numbers of the domains, without those that cannot be read.
  func readableWeights(_ shares: [Double]) throws -> Weights {
    guard let weights = Weights(proportionalTo: zip(shares, isReadable).map { $1 ? $0 : 0 }) else { throw Self.noText }
    return weights
  }

  /// The same weight for every domain that can be read.
  public func uniformWeights() throws -> Weights { try readableWeights(tokens.map { _ in 1 }) }

  /// Weights in proportion to tokens.
  func naturalWeights() throws -> Weights { try readableWeights(tokens.map(Double.init)) }

  /// Weights that a user gave by domain.
  func weights(of shares: [Share], key: String) throws -> Weights { try Weights(shares, of: domains, key: key) }
}
