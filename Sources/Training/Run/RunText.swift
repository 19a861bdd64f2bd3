import Clustering
import Corpus
import Mixing
import Runs
import Settings
import Steering

/// The text that a run may read: the domains of its corpus, and the targets that are domains of the run besides.
struct RunText {
  /// The corpus with such targets as its last domains.
  let corpus: Corpus
  /// The corpus as it is on the disk.
  private let built: Corpus
  /// The targets that are read.
  let targets: [String]
  /// Whether the method reads nothing but targets.
  private let readsTargetsAlone: Bool
  /// Tokens of every domain that may be read, (domains).
  let tokens: [Int]

  /// Finds the text of a description.
  ///
  /// - Parameter steering: The targets that steer the mixture, which some methods read.
  /// - Throws: `Failure(.badConfiguration)` that names a target which is not there.
  init(_ description: RunDescription, _ corpus: Corpus, steering: [SteeringTarget]) throws {
    var targets: [String] = []
    for name in description.readTargets + (description.mixture.readsTargets ? steering.map(\.name) : [])
    where !targets.contains(name) {
      targets.append(name)
    }
    let read = try corpus.reading(targets: targets, for: "read_targets")
    (built, self.corpus, self.targets) = (corpus, read, targets)
    readsTargetsAlone = description.mixture.readsTargets
    // What is scarce in an experiment are domains, not the target.
    let limit = description.tokensPerDomain ?? .max
    tokens = read.domains.indices.map { domain in
      let all = read.domains.trainTokens(domain)
      return read.domains.isTarget(domain) ? all : min(all, limit)
    }
  }

  /// The windows that an epoch has: those of all domains, or of the targets if a method reads nothing else.
  ///
  /// - Parameter counts: The windows of every domain, (domains).
  func windowsOfEpoch(_ counts: [Int]) -> Int {
    readsTargetsAlone ? counts.suffix(targets.count).reduce(0, +) : counts.reduce(0, +)
  }

  /// The windows of every domain, (domains).
  func windowCounts(context: Int) -> [Int] { tokens.map { windowCount(tokens: $0, context: context) } }

  /// Tells a method of the text.
  func describe(to facts: inout RunFacts, steering: [SteeringTarget]) {
    facts.targets = steering.map { Share($0.name, $0.weight) }
    facts.targetNames = built.targets.map(\.name)
    facts.tree = corpus.tree.flatMap { DomainTree(top: $0.levels[0], parents: $0.parents) }
    facts.vocabularySize = corpus.vocabularySize
    for (place, name) in targets.enumerated() { facts.targetDomains[name] = built.domains.count + place }
    // No document of a target is nearest to a target.
    let none = targets.map { _ in 0.0 }
    facts.histogram = { [built] in try TargetHistogram.of($0, in: built).map { Double($0) } + none }
  }
}
