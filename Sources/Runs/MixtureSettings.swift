import Configuration
import Failures
import Foundation
import Mixing
import Settings

/// Which domains are read, what moves that, and how sequences are scored for it.
///
///     run.mixture.use(DynamicGradientAlignment.self) { $0.memory = 0.9 }
///     run.mixture.every = Quantity(20, .steps)
public struct MixtureSettings: Configurable, Sendable {
  /// The name of the method.
  public private(set) var method = DynamicGradientAlignment.name
  /// The method's own keys.
  public private(set) var own: any MethodSettings = DynamicGradientAlignment.Settings()
  /// The time between moves of the weights; nil for ``defaultInterval(steps:)``.
  public var every: Quantity?
  /// The weights that a method which moves them starts from; nil for uniform.
  public var prior: MixtureSource?
  /// The time between records of whole columns; nil for a tenth of the run, and none if domains are few.
  public var record: Quantity?
  /// How often a domain may be read at most; nil for no limit.
  public var repetitions: Int?
  /// The run whose model's losses are compared with.
  public var reference: String?
  /// How sequences are scored; the method's defaults follow it.
  public var steering = SteeringSettings() {
    didSet { if steering.estimation != oldValue.estimation, let remake { own = remake(steering.estimation) } }
  }
  /// Where keys stand, for failures that show when the corpus is known.
  private var places: [String: String] = [:]
  /// Makes the method's settings for another way of scoring; nil if they were read.
  private var remake: (@Sendable (Estimation) -> any MethodSettings)? = { DynamicGradientAlignment.Settings(for: $0) }

  /// Makes the defaults.
  public init() {}

  /// Chooses a method, with its defaults for the way of scoring.
  ///
  /// - Parameter change: Changes its settings; once more if sequences come to be scored in another way.
  public mutating func use<Method: MixingMethod>(
    _ type: Method.Type, _ change: @escaping @Sendable (inout Method.Settings) -> Void = { _ in }
  ) {
    if Method.Settings.needsNorms, !steering.estimator.givesNorms { steering.estimator = .dots }
    let remake: @Sendable (Estimation) -> any MethodSettings = { estimation in
      var settings = Method.Settings(for: estimation)
      change(&settings)
      return settings
    }
    (method, own, self.remake) = (Method.name, remake(steering.estimation), remake)
    every = nil
  }

  /// Visits the keys.
  public mutating func visit(_ keys: any KeyVisitor) throws {
    let before = method
    let meaning = "the method that decides how much of each domain is read, one of `docs/mixing.md`"
    if keys.isReading {
      try keys.word("method", &method, among: mixingMethods.map { $0.name }, meaning)
    } else {
      // The manual does not change with every new method.
      try keys.text("method", &method, meaning)
    }
    let type = mixingMethods.first { $0.name == method }!
    let isOther = method != before
    if isOther, Self.needsNorms(type) { steering.estimator = .dots }
    try steering.visit(keys)
    if keys.isReading { restart(type, isOther: isOther) }
    try visitOwn(keys)
    // A file serves every method: `mixture.method=uniform` on the command line makes a baseline of it.
    try refuseWeights(of: type, keys)
    try keys.tolerate(besides: "method") { others in
      for other in mixingMethods where other.name != method { try Self.visitDefaults(of: other, others) }
    }
    try visitShared(keys)
    if keys.isReading { try notePlaces(keys) }
  }

  /// Visits the keys that all methods share, after those of the method.
  private mutating func visitShared(_ keys: any KeyVisitor) throws {
    try keys.amount(
      "every", &every, in: [.steps, .tokens],
      "the time between two updates of the weights; if nothing is said 50 steps, or a single one for methods that "
        + "follow losses, but at most a tenth of the run")
    if every?.value == 0 { throw keys.failure("every", "an update needs at least a step before it") }
    let type = mixingMethods.first { $0.name == method }!
    try keys.visit(if: type.startsFromPrior, by: "method") { keys in
      try keys.mixture(
        "prior", &prior,
        "the weights that a method which moves them starts from: given here, or the average weights of another run "
          + "(its directory or its `mixture.json`); uniform if nothing is said. Moves multiply, so a domain without a "
          + "share here is never read")
    }
    try keys.limit(
      "repetitions", &repetitions, in: 1...Int.max,
      "the most often that any domain may be read; its weight is capped accordingly")
    try keys.amount(
      "record", &record, in: [.steps, .tokens],
      "the time between two snapshots of all domains in `columns` (weights, tokens, losses, scores); if nothing is "
        + "said a tenth of the run if there are more domains than a record of `metrics.jsonl` names, and else none")
    if record?.value == 0 { throw keys.failure("record", "there is at least a step between two records") }
    try keys.path("reference", &reference, "the run whose model's losses `doremi` compares with")
  }

  private mutating func notePlaces(_ keys: any KeyVisitor) throws {
    let manual = Manual()
    try visitOwn(manual)
    let own = manual.entries.map { String($0.path.prefix { $0 != "." }) }
    for key in ["method", "every", "prior", "repetitions", "record", "reference"] + own {
      places[key] = keys.place(of: key)
    }
  }

  /// Refuses weights of the file for a method that moves them, and is not the command line's wish: a prior is meant.
  private func refuseWeights(of type: any MixingMethod.Type, _ keys: any KeyVisitor) throws {
    guard keys.isReading, type.startsFromPrior, !keys.isOverridden("method") else { return }
    for key in ["weights", "file"] where keys.isGiven(key) {
      throw keys.failure(
        key,
        "the method '\(method)' moves the weights: give those that it is to start from as `prior`, or choose the "
          + "method 'fixed'")
    }
  }

  /// Whether the method reads the steering targets' text.
  public var readsTargets: Bool { mixingMethods.first { $0.name == method }!.readsTargets }

  private static func needsNorms(_ type: any MixingMethod.Type) -> Bool {
    func needsNorms<Method: MixingMethod>(_ type: Method.Type) -> Bool { Method.Settings.needsNorms }
    return needsNorms(type)
  }

  /// Takes a method's defaults.
  private mutating func restart(_ type: any MixingMethod.Type, isOther: Bool) {
    func settings<Method: MixingMethod>(_ type: Method.Type) -> any MethodSettings {
      Method.Settings(for: steering.estimation)
    }
    (own, remake) = (settings(type), nil)
    if isOther { every = nil }
  }

  private mutating func visitOwn(_ keys: any KeyVisitor) throws {
    func visited(_ settings: some MethodSettings) throws -> any MethodSettings {
      var settings = settings
      try settings.visit(keys)
      return settings
    }
    own = try visited(own)
  }

  private static func visitDefaults(of type: any MixingMethod.Type, _ keys: any KeyVisitor) throws {
    func visit<Method: MixingMethod>(_ type: Method.Type) throws {
      var settings = Method.Settings()
      try settings.visit(keys)
    }
    try visit(type)
  }

  // MARK: When the corpus is known

  /// The time between moves if nothing is said: the method's own, but at most a tenth of the run.
  public func defaultInterval(steps: Int) -> Quantity {
    let usual = (type(of: own).defaultInterval ?? Quantity(50, .steps)).count
    return Quantity(Double(min(usual, max(1, steps / 10))), .steps)
  }

  /// Makes the method of a run.
  ///
  /// - Throws: `Failure(.badConfiguration)`, at the place of the key that does not fit the run.
  public func makeMethod(for facts: RunFacts) throws -> any MixingMethod {
    var facts = facts
    facts.estimation = steering.estimation
    facts.adaptiveTargets = steering.direction.adaptive
    facts.mixture = { [domains = facts.domains] path, key in
      try weights(ofRun: path, key: key, domains: domains)
    }
    facts.isPriorGiven = prior != nil
    func make<Method: MixingMethod>(_ type: Method.Type) throws -> any MixingMethod {
      guard let settings = own as? Method.Settings else {
        throw Failure(.internalError, "The settings of \(Method.name) are those of another method.")
      }
      return try Method.make(settings, for: facts)
    }
    let type = mixingMethods.first { $0.name == method }!
    do {
      facts.prior = try prior.map { try weights($0, key: "prior", domains: facts.domains) } ?? facts.uniformWeights()
      return try make(type)
    } catch let error as SettingFault {
      let hint = error.unknownName.flatMap { name in
        error.knownNames.map { Spelling.nearest(to: name, among: $0) } ?? facts.domains.nearest(to: name)
      }
      let isTarget = error.unknownName.map { facts.targetNames.contains($0) } ?? false
      let remedy =
        isTarget ? ", but a target of that name: put it into `read_targets`" : hint.map { "; did you mean `\($0)`?" }
      throw failure(error.key, error.message + (remedy ?? ""))
    }
  }

  /// Makes a failure at the place of one of the keys of `mixture`.
  public func failure(_ key: String, _ message: String, kind: Failure.Kind = .badConfiguration) -> Failure {
    Failure(kind, "\(places[key] ?? "mixture.\(key)"): \(message)")
  }

  /// The weights that a source stands for.
  private func weights(_ source: MixtureSource, key: String, domains: DomainNames) throws -> Weights {
    switch source {
    case .shares(let shares): try weights(shares, key: key, domains: domains)
    case .run(let path): try weights(ofRun: path, key: key, domains: domains)
    }
  }

  private func weights(_ shares: [Share], key: String, domains: DomainNames) throws -> Weights {
    do {
      return try Weights(shares, of: domains, key: key)
    } catch let error as SettingFault {
      let hint = error.unknownName.flatMap { domains.nearest(to: $0) }
      throw failure(key, error.message + (hint.map { "; did you mean `\($0)`?" } ?? ""))
    }
  }

  /// The average weights of another run: its directory, or its `mixture.json`.
  private func weights(ofRun path: String, key: String, domains: DomainNames) throws -> Weights {
    var isDirectory: ObjCBool = false
    _ = FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory)
    let file = isDirectory.boolValue ? path + "/mixture.json" : path
    guard let data = FileManager.default.contents(atPath: file) else {
      throw failure(key, "there is no readable file \(file)", kind: .missingInput)
    }
    guard let record = try? JSONDecoder().decode(MixtureFile.self, from: data) else {
      throw failure(key, "\(file) is no mixture.json of a run", kind: .badData)
    }
    let shares = record.weights.sorted { $0.key < $1.key }.map { Share($0.key, $0.value) }
    let found = try weights(shares, key: key, domains: domains)
    // The file of a run names all of its domains, so one that is missing was not there.
    var (missing, first) = (domains.count - record.weights.count, [String]())
    guard missing > 0 else { return found }
    for name in domains where record.weights[name] == nil && first.count < 3 { first.append(name) }
    missing -= first.count
    throw failure(
      key,
      "\(file) has no weight for \(first.joined(separator: ", "))\(missing > 0 ? " and \(missing) more" : ""), which "
        + "the corpus has: add the weight to the file, 0 if that domain is not to be read")
  }
}

extension DomainNames {
  /// The name that is spelt most like a word; among those of very many domains, the first thousands.
  fileprivate func nearest(to word: String) -> String? { Spelling.nearest(to: word, among: Array(prefix(10_000))) }
}
