import Configuration
import Corpus
import Foundation
import Printing
import Kernels
import Logging
import MPI
import Mixing
import Runs
import Steering
import Transformer

/// What the root rank writes about a run: metrics for programs, the log and progress line for people.
final class Journal {
  let plan: RunPlan
  let directory: RunDirectory
  let metrics: MetricsFile
  private let progress = Progress()
  private let log: Logger
  private let ceiling: Double
  private let flopsPerToken: Double
  private let firstStep: Int
  /// What a run that goes on has other settings in than before.
  private let changes: [String]
  /// The sentence about a learning rate that jumps where the run goes on.
  private let rateJump: String?
  let domains: DomainTable
  /// The branches of a tree of domains whose weights are recorded; nil without any.
  let branches: Branches?
  /// The scores of the last update.
  var latest: Scores?
  /// What comparing scores has found at the last update.
  var finding: Finding?
  /// What each domain got in the last interval.
  var lastEntries: DomainLedger.Closed?

  /// Opens the journal of a run that starts, or goes on, after `firstStep` steps.
  ///
  /// - Parameter ceiling: The matrix product's rate of all ranks together, in floating-point operations per second.
  init(_ plan: RunPlan, in directory: RunDirectory, metricsOffset: Int, ceiling: Double, firstStep: Int) throws {
    self.plan = plan
    self.directory = directory
    self.ceiling = ceiling
    flopsPerToken = plan.model.trainingFlopsPerToken(length: plan.model.context)
    self.firstStep = firstStep
    domains = plan.corpus.domains
    branches = plan.corpus.branches(atMost: NamedDomains.most)
    let resolved = try plan.description.yaml()
    let before = try? String(contentsOfFile: directory.configurationFile, encoding: .utf8)
    changes = firstStep == 0 ? [] : before.flatMap { try? Section.changes(from: $0, to: resolved) } ?? []
    let former = firstStep == 0 ? nil : try? RunDescription(contentsOf: directory.configurationFile)
    rateJump = former.flatMap { try? plan.rateJump(from: $0, after: firstStep) }
    try directory.mark()
    // Whoever finds metrics may take the run to have begun, so they come last.
    if firstStep < plan.steps { try directory.write(resolved, to: directory.configurationFile) }
    metrics = try MetricsFile(at: directory.metricsFile, keeping: metricsOffset)
    DomainColumns.remove(of: directory.path, after: firstStep)
    directory.keep()
    let progress = progress
    log = Logger(label: "dga") { _ in ConsoleLog(sharing: progress) }
  }

  /// Brings `metrics.jsonl` to disk and returns its length, for a checkpoint.
  ///
  /// - Throws: `Failure(.inputOutput)`.
  func synchronizeMetrics() throws -> Int { try metrics.synchronize() }

  /// Forgets what was recorded after a checkpoint that the run goes back to.
  ///
  /// - Parameter offset: The length of `metrics.jsonl` then.
  /// - Throws: `Failure(.inputOutput)`.
  func goBack(to step: Int, metricsOffset offset: Int) throws {
    try metrics.cut(to: offset)
    DomainColumns.remove(of: directory.path, after: step)
    (latest, finding, lastEntries) = (nil, nil, nil)
  }

  /// Says what starts, on what machine.
  func begin(
    world: borrowing Communicator, placement: Placement, isResumed: Bool,
    skippedInEvaluation skipped: (count: Int, names: [String])
  ) throws {
    let parameters = ParameterLayout(plan.model).elementCount
    log.info(
      """
      \(plan.description.run): \(parameters) parameters, \(Words.count(domains.count, "domain")), target \
      \(plan.target.name), \(plan.description.mixture.method); \(Words.count(plan.steps, "step")) of \
      \(plan.tokensPerStep) tokens
      """)
    log.info(
      """
      \(Words.count(world.size, "rank")) on \(Words.count(placement.nodes, "node")), \
      \(Words.count(plan.description.threads, "thread"))\(world.size == 1 ? "" : " each"); products by \
      \(Products.name), OpenBLAS \(BLAS.coreName) sgemm \(String(format: "%.0f", ceiling / 1e9)) GFLOP/s together; \
      \(MPI.libraryVersion)
      """)
    for warning in placement.warnings { log.warning("\(warning)") }
    for remark in plan.remarks where firstStep < plan.steps { log.info("note: \(remark)") }
    logMixture()
    if plan.lacksCanonicalOrder {
      log.info(
        "reduction: the canonical order is for 1, 2, 4 or 8 ranks; results on \(world.size) are equal but for rounding")
    }
    if firstStep >= plan.steps {
      log.info("the run is complete after \(Words.count(firstStep, "step")); give it a longer `duration` to go on")
    } else if firstStep > 0 {
      log.info("going on after step \(firstStep)")
      if !changes.isEmpty {
        try event(firstStep, "settings", "Goes on with \(changes.joined(separator: ", ")).", isWarning: false)
      }
      if let rateJump { try event(firstStep, "settings", rateJump) }
    } else if isResumed {
      log.info("there is no checkpoint to go on from yet: the run begins anew")
    }
    if firstStep == 0, let initial = plan.initial {
      try event(0, "init", "Starts with the parameters in \(initial.path).", isWarning: false)
    }
    if skipped.count > 0 {
      log.warning(
        """
        Too little validation text for one sequence, so not evaluated: \
        \(Words.list(skipped.names, of: skipped.count)).
        """
      )
    }
  }

  /// Says how the weights move, if they do.
  private func logMixture() {
    guard plan.isMoving else { return }
    let summary = plan.method.summary.isEmpty ? "" : "; \(plan.method.summary)"
    let isScored = plan.wishes.contains(.scores)
    let targets = plan.steeringTargets.map(\.name).joined(separator: ", ")
    let scores = isScored ? ", by \(plan.description.mixture.steering.estimator.rawValue), towards \(targets)" : ""
    log.info("mixture: every \(Words.count(plan.interval, "step"))\(scores)\(summary)")
  }

  /// Records a step.
  func stepped(_ result: StepResult, _ mixture: Mixture, isLast: Bool) throws {
    let speed = Double(plan.tokensPerStep) / result.watch.total
    let share = speed * flopsPerToken / ceiling
    try metrics.append(
      MetricRecord.Step(
        step: result.step, tokens: result.step * plan.tokensPerStep, loss: finite(result.loss),
        learning_rate: result.rate, gradient_norm: finite(result.norm),
        seconds: result.watch.seconds, tokens_per_second: speed, flops_share: share))
    guard progress.isDue(isLast: isLast) else { return }
    var figures = Progress.Figures(
      step: result.step, steps: plan.steps, loss: result.loss, tokensPerSecond: speed, flopsShare: share,
      overheadShare: result.overheadShare)
    figures.finding = finding
    if mixture.weights.values != plan.method.start.values {
      figures.movers = movers(mixture, most: 3).map { mover($0, mixture) }
    }
    progress.show(figures, firstStep: firstStep, isLast: isLast)
  }

  /// The domains whose weight has moved most from where the run began, that one first.
  func movers(_ mixture: Mixture, most: Int) -> [Int] {
    NamedDomains.largest(most, of: domains.count, by: distance(mixture))
  }

  /// How far the weight of a domain is from where the run began.
  func distance(_ mixture: Mixture) -> (Int) -> Double {
    let (now, start) = (mixture.weights.values, plan.method.start.values)
    return { abs(now[$0] - start[$0]) }
  }

  private func mover(_ domain: Int, _ mixture: Mixture) -> Progress.Mover {
    Progress.Mover(
      name: domains.name(domain), weight: mixture.weights.values[domain], start: plan.method.start.values[domain],
      score: latest?.values[domain], error: latest?.errors?[domain])
  }

  /// Records an evaluation.
  func evaluated(_ step: Int, _ result: EvaluationResult, probeTokens: Int) throws {
    try metrics.append(
      MetricRecord.Evaluation(
        step: step, tokens: step * plan.tokensPerStep, probe_tokens: probeTokens, target: result.target.nats,
        generic: result.generic, target_standard_error: result.target.standardError,
        domains: Dictionary(uniqueKeysWithValues: result.domains.map { ($0.name, $0.loss.nats) }),
        bits_per_byte: result.target.bitsPerByte))
    log.info(
      """
      step \(step): target \(plan.target.name) \(String(format: "%.4f", result.target.nats)) nats \
      (\(String(format: "%.3f", result.target.bitsPerByte)) bits per byte), \
      generic \(String(format: "%.4f", result.generic))
      """)
  }

  /// Records something that a person should know.
  func event(_ step: Int, _ name: String, _ message: String, isWarning: Bool = true) throws {
    try metrics.append(MetricRecord.Event(step: step, name: name, message: message))
    log.log(level: isWarning ? .warning : .info, "\(message)")
  }

  /// Writes the weights for runs to come, and shows what each domain got.
  func finished(_ mixture: Mixture, cursors: [Int]) throws {
    let text = try MixtureFile.text(DomainNames(domains), weights: mixture.average, final: mixture.weights)
    try directory.write(text, to: directory.mixtureFile)
    progress.finishLine()
    if firstStep < plan.steps { log.info("\(closingTable(mixture, cursors: cursors))") }
  }

  func finite(_ value: Double) -> Double? { value.isFinite ? value : nil }
}
