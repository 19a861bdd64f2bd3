import Configuration
import Foundation
import Settings

/// Everything that a run is told. A value: made in code, or read from YAML and checked as far as the file alone allows.
///
///     var run = RunDescription(run: "runs/first", corpus: "data/mine", target: "support")
///     run.batch.sequences = 8
///     run.duration = Quantity(100, .steps)
public struct RunDescription: Configurable, Sendable {
  /// The directory that the run writes.
  public var run: String
  /// The corpus directory.
  public var corpus: String
  /// Where every rank has the text to train on from.
  public var placement = Placement.automatic
  /// The name of the corpus's target.
  public var target: String
  /// The run whose parameters this one starts with; nil for random ones.
  public var initial: String?
  /// The model's shape; its vocabulary is the corpus's.
  public var model = ModelSettings()
  /// Sequences and their division.
  public var batch = BatchSettings()
  /// How long to train.
  public var duration = Quantity(1000, .steps)
  /// AdamW and its schedule.
  public var optimizer = OptimizerSettings()
  /// Which domains are read, and what moves that.
  public var mixture = MixtureSettings()
  /// The most tokens that are used of each domain; nil for all.
  public var tokensPerDomain: Int?
  /// Targets whose steering documents are domains of their own.
  public var readTargets: [String] = []
  /// When to evaluate (nil: only at the end), and on how many sequences of each part at most.
  public var evaluation = EvaluationSettings()
  /// When to write checkpoints, and how many to keep.
  public var checkpoint = CheckpointSettings()
  /// Decides initial weights and every draw.
  public var seed = 1
  /// Threads that share a rank's loops.
  public var threads = 1
  /// The order in which gradients are added.
  public var reduction = Reduction.canonical
  /// How long the program may run before it stops with a checkpoint; nil: to the end.
  public var timeLimit: Quantity?
  /// How long a rank waits for the others.
  public var watchdog = WatchdogSettings()
  /// Faults that are injected.
  public var faults: [FaultSettings] = []

  /// Keys that the file gives, but that have no use with the choices made, such as those of another mixing method.
  public private(set) var idleKeys: [String] = []

  /// Where ranks have the text to train on from.
  public enum Placement: String, CaseIterable, Sendable {
    /// From what the corpus is.
    case automatic
    /// Each reads all of it by itself.
    case whole
    /// Each reads the shards of its node, and windows travel.
    case sharded
  }

  /// The orders in which gradients are added.
  public enum Reduction: String, CaseIterable, Sendable {
    /// One that does not depend on the number of ranks.
    case canonical
    /// The one that takes least memory.
    case fast
  }

  /// Makes the defaults.
  public init() { (run, corpus, target) = ("", "", "") }

  /// Describes a run with defaults for everything else.
  public init(run: String, corpus: String, target: String) {
    (self.run, self.corpus, self.target) = (run, corpus, target)
  }

  /// Reads a configuration file, then `overrides` such as `optimizer.learning_rate=1e-3`.
  ///
  /// - Throws: `Failure` that names file, line and key.
  public init(contentsOf path: String, overrides: [String] = []) throws {
    self.init()
    let root = try Section(contentsOf: path, overrides: overrides)
    try visit(root)
    idleKeys = try root.finish()
  }

  /// Takes the corpus that the run had if the same relative path leads nowhere now: for a run that goes on from another
  /// directory. Another path that leads nowhere is a mistake.
  public mutating func findCorpus() {
    guard !FileManager.default.fileExists(atPath: corpus), !corpus.hasPrefix("/"),
      let before = try? RunDescription(contentsOf: run + "/config.yaml")
    else { return }
    let names = corpus.split(separator: "/").filter { $0 != "." && $0 != ".." }
    if before.corpus.split(separator: "/").suffix(names.count) == names[...] { corpus = before.corpus }
  }

  /// The whole description as YAML, defaults included and paths from the root.
  ///
  /// - Throws: What the settings say of values that no configuration could give.
  public func yaml() throws -> String { try ConfigurationWriter.yaml(of: self) }

  /// Visits the keys.
  public mutating func visit(_ keys: any KeyVisitor) throws {
    try keys.path("run", &run, "the run directory, which is created")
    try keys.path("corpus", &corpus, "the corpus directory")
    try keys.choice(
      "placement", &placement,
      "where ranks have the text to train on from. `whole`: each rank reads all of it from its own node. `sharded`: "
        + "each opens the shards of the corpus that are on its node, and windows are sent to the rank that trains on "
        + "them. `automatic`: `sharded` if the corpus has shards, else `whole`. The choice does not change results")
    try keys.text("target", &target, "the target of the corpus that the model is to become good at")
    try keys.path(
      "init", &initial,
      "a run, or one of its checkpoints, whose parameters this run starts with, to tune them further. Steps, learning "
        + "rate and AdamW's moments start anew. The model has the same shape, which need not be given")
    model.isInherited = initial != nil
    try keys.section("model") { try model.visit($0) }
    try keys.section("batch") { try batch.visit($0) }
    try keys.amount(
      "duration", &duration, in: [.steps, .tokens, .epochs],
      "the length of training; an epoch is as much text as there is to train on, in whole steps")
    guard duration.value > 0 else { throw keys.failure("duration", "a run has at least a step") }
    try keys.section("optimizer") { try optimizer.visit($0) }
    try keys.section("mixture") { try mixture.visit($0) }
    try keys.limit(
      "tokens_per_domain", &tokensPerDomain, in: 1...Int.max,
      "the most tokens that are used of each domain, for experiments with scarce data")
    try keys.texts(
      "read_targets", &readTargets,
      "targets whose steering documents are domains of their own, which can be given weights by the targets' names; "
        + "with `mixture.method: target` those that steer are. What is evaluated of a target is never read")
    try keys.section("evaluation") { try evaluation.visit($0) }
    try keys.section("checkpoint") { try checkpoint.visit($0) }
    try keys.integer(
      "seed", &seed, in: 0...Int.max, "the number that decides the initial parameters and every random draw")
    try keys.integer("threads", &threads, in: 1...1024, "threads per rank; results do not depend on their number")
    try keys.choice(
      "reduction", &reduction,
      "the order in which gradients are added. `canonical` is the same for 1, 2, 4 and 8 ranks, so that they end "
        + "with the same bits; a single rank holds up to three more copies of the gradients for it, several ranks "
        + "fewer. `fast` holds one copy, and results on different numbers of ranks differ by rounding")
    try keys.amount(
      "time_limit", &timeLimit, in: [.seconds, .minutes, .hours],
      "the time since its start after which the program stops with a checkpoint and exit code 75, to go on with "
        + "--resume; without it the program runs to the end")
    try keys.section("watchdog") { try watchdog.visit($0) }
    try keys.list(
      "faults", &faults, "faults that are injected into the run, to try what follows from them; none unless given")
  }
}

/// When and on how much to evaluate.
public struct EvaluationSettings: Configurable, Sendable {
  /// The time between evaluations; nil: only at the end.
  public var every: Quantity?
  /// Whether the initial model is evaluated, too.
  public var first = false
  /// Sequences of each part at most.
  public var sequences = 64
  /// The most domains that are all evaluated; of more, a sample of as many.
  public var domains = 64

  /// Makes the defaults.
  public init() {}

  /// Visits the keys.
  public mutating func visit(_ keys: any KeyVisitor) throws {
    try keys.amount(
      "every", &every, in: [.steps, .tokens],
      "the time between two evaluations; without it the model is evaluated at the end only")
    if every?.value == 0 { throw keys.failure("every", "there is at least a step between two evaluations") }
    try keys.flag(
      "first", &first, "whether the model is also evaluated before the first step, which is recorded as step 0")
    try keys.integer(
      "sequences", &sequences, in: 1...Int.max, "the most sequences of each domain and target that an evaluation reads")
    try keys.integer(
      "domains", &domains, in: 1...1_000_000,
      "up to this many domains, all are evaluated; of a corpus with more, as many draws are made in proportion to "
        + "validation tokens, the same in every evaluation, and the generic loss is a mean over tokens, not domains")
  }
}

/// When to write checkpoints.
public struct CheckpointSettings: Configurable, Sendable {
  /// The time between checkpoints; one is written at the end in any case.
  public var every = Quantity(10, .minutes)
  /// How many to keep, the newest.
  public var keep = 2

  /// Makes the defaults.
  public init() {}

  /// Visits the keys.
  public mutating func visit(_ keys: any KeyVisitor) throws {
    try keys.amount(
      "every", &every, in: [.steps, .tokens, .seconds, .minutes, .hours],
      "the time between two checkpoints, in training or by the clock; one is written at the end in any case")
    guard every.value > 0 else { throw keys.failure("every", "there is at least a step between two checkpoints") }
    try keys.integer("keep", &keep, in: 1...Int.max, "the number of checkpoints that are kept, the newest")
  }
}

extension RunDescription: Equatable {
  /// Whether both are written as the same configuration.
  public static func == (one: RunDescription, other: RunDescription) -> Bool {
    (try? one.yaml()) == (try? other.yaml())
  }
}
