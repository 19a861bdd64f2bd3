import Configuration
import Foundation
import Kernels
import Logging
import MPI
import Mixing
import Transformer

/// What the root rank writes about a run: metrics for programs, the log and progress line for people.
final class Journal {
  private let plan: RunPlan
  private let directory: RunDirectory
  private let metrics: MetricsFile
  private let progress = Progress()
  private let log: Logger
  private let ceiling: Double
  private let flopsPerToken: Double
  private let firstStep: Int
  /// What a run that goes on has other settings in than before.
  private let changes: [String]
  private let names: [String]
  /// The scores of the last update.
  private var latest: Scores?

  /// Opens the journal of a run that starts, or goes on, after `firstStep` steps.
  ///
  /// - Parameter ceiling: The matrix product's rate of all ranks together, in floating-point operations a second.
  init(_ plan: RunPlan, in directory: RunDirectory, metricsOffset: Int, ceiling: Double, firstStep: Int) throws {
    self.plan = plan
    self.directory = directory
    self.ceiling = ceiling
    flopsPerToken = plan.model.trainingFlopsPerToken(length: plan.model.context)
    self.firstStep = firstStep
    names = plan.corpus.domains.map(\.name)
    let resolved = plan.configuration.resolved
    let before = try? String(contentsOfFile: directory.configurationFile, encoding: .utf8)
    changes = firstStep == 0 ? [] : before.flatMap { try? Section.changes(from: $0, to: resolved) } ?? []
    // Whoever finds metrics finds a run, so they come last.
    if firstStep < plan.steps { try directory.write(resolved, to: directory.configurationFile) }
    metrics = try MetricsFile(at: directory.metricsFile, keeping: metricsOffset)
    directory.keep()
    let progress = progress
    log = Logger(label: "dga") { _ in Console(sharing: progress) }
  }

  /// Brings `metrics.jsonl` to disk and returns its length, for a checkpoint.
  ///
  /// - Throws: `Failure(.inputOutput)`.
  func synchronizeMetrics() throws -> Int { try metrics.synchronize() }

  /// Says what starts, on what machine.
  func begin(
    world: borrowing Communicator, placement: Placement, isResumed: Bool, skippedInEvaluation skipped: [String]
  ) throws {
    let parameters = ParameterLayout(plan.model).elementCount
    log.info(
      """
      \(plan.configuration.run): \(parameters) parameters, \(names.count) domains, target \(plan.target.name), \
      \(plan.configuration.mixture.method.rawValue); \(plan.steps) steps of \(plan.tokensPerStep) tokens
      """)
    log.info(
      """
      \(world.size) ranks on \(placement.nodes) nodes, \(plan.configuration.threads) threads each; products by \
      \(BLAS.productName), OpenBLAS \(BLAS.coreName) sgemm \(String(format: "%.0f", ceiling / 1e9)) GFLOP/s together; \
      \(MPI.libraryVersion)
      """)
    for warning in placement.warnings { log.warning("\(warning)") }
    if let every = plan.mixEvery {
      let alignment = plan.configuration.mixture.alignment
      let targets = plan.steeringTargets.map(\.target.name).joined(separator: ", ")
      log.info("mixture: every \(every) steps, by \(alignment.estimator), towards \(targets); \(alignment.rule)")
    }
    if plan.lacksCanonicalOrder {
      log.info(
        "reduction: the canonical order is for 1, 2, 4 or 8 ranks; results on \(world.size) are equal but for rounding")
    }
    if firstStep >= plan.steps {
      log.info("the run is complete after \(firstStep) steps; give it a longer `duration` to go on")
    } else if firstStep > 0 {
      log.info("going on after step \(firstStep)")
      if !changes.isEmpty {
        try event(firstStep, "settings", "Goes on with \(changes.joined(separator: ", ")).", isWarning: false)
      }
    } else if isResumed {
      log.info("there is no checkpoint to go on from yet: the run begins anew")
    }
    if !skipped.isEmpty {
      let more = skipped.count > 5 ? " and \(skipped.count - 5) more" : ""
      log.warning(
        "Too little validation text for one sequence, so not evaluated: \(skipped.prefix(5).joined(separator: ", "))\(more)."
      )
    }
  }

  /// Records a step.
  func stepped(
    _ step: Int, loss: Double, rate: Double, norm: Double, watch: Stopwatch, overheadShare: Double,
    weights mixture: Mixture, isLast: Bool
  ) throws {
    let speed = Double(plan.tokensPerStep) / watch.total
    let share = speed * flopsPerToken / ceiling
    try metrics.append(
      MetricRecord.Step(
        step: step, tokens: step * plan.tokensPerStep, loss: finite(loss), learning_rate: rate,
        gradient_norm: finite(norm),
        seconds: watch.seconds, tokens_per_second: speed, flops_share: share))
    guard progress.isDue(isLast: isLast) else { return }
    var figures = Progress.Figures(
      step: step, steps: plan.steps, loss: loss, tokensPerSecond: speed, flopsShare: share, overheadShare: overheadShare
    )
    if plan.mixEvery != nil {
      let weights = mixture.sampledWeights.values
      figures.leaders = weights.indices.sorted { weights[$0] > weights[$1] }.prefix(3).map {
        Progress.Leader(
          name: names[$0], weight: weights[$0], score: latest?.values[$0], error: latest?.errors?[$0])
      }
    }
    progress.show(figures, firstStep: firstStep, isLast: isLast)
  }

  /// Records an update of the mixture and passes its warnings on.
  func mixed(
    _ step: Int, _ mixture: Mixture, _ update: AlignmentMeter.Update, _ report: MixingReport, probeTokens: Int,
    overheadShare: Double
  ) throws {
    let (scores, diagnosis) = (update.scores, update.diagnosis)
    latest = scores
    try metrics.append(
      MetricRecord.Mixture(
        step: step, tokens: step * plan.tokensPerStep, probe_tokens: probeTokens,
        weights: named(mixture.sampledWeights.values), raw_weights: named(mixture.rawWeights.values),
        alignment: named(scores.alignments.map(finite)),
        standard_error: scores.alignmentErrors.map { named($0.map(finite)) },
        age: named(update.ages).filter { $0.value != 0 }, effective_domains: report.effectiveDomains,
        distance_from_uniform: report.distanceFromUniform, spread: report.spread, overhead_share: overheadShare,
        steering_objective: diagnosis.objective.flatMap(finite),
        realised_change: diagnosis.realisedChange.flatMap(finite),
        predicted_change: diagnosis.predictedChange.flatMap(finite)))
    for warning in report.warnings {
      try event(step, "mixture", warning.sentence { names[$0] })
    }
  }

  /// Records an evaluation.
  func evaluated(_ step: Int, _ result: EvaluationResult) throws {
    try metrics.append(
      MetricRecord.Evaluation(
        step: step, tokens: step * plan.tokensPerStep, target: result.target.nats, generic: result.generic,
        target_standard_error: result.target.standardError,
        domains: Dictionary(uniqueKeysWithValues: result.domains.map { ($0.name, $0.loss.nats) }),
        bits_per_byte: result.target.bitsPerByte))
    log.info(
      """
      step \(step): target \(plan.target.name) \(String(format: "%.4f", result.target.nats)) nats \
      (\(String(format: "%.3f", result.target.bitsPerByte)) bits a byte), generic \(String(format: "%.4f", result.generic))
      """)
  }

  /// Records something that a person should know.
  func event(_ step: Int, _ name: String, _ message: String, isWarning: Bool = true) throws {
    try metrics.append(MetricRecord.Event(step: step, name: name, message: message))
    log.log(level: isWarning ? .warning : .info, "\(message)")
  }

  /// Writes the weights for runs to come.
  func finished(weights mixture: Mixture) throws {
    let file = MixtureFile(
      weights: named(mixture.averageWeights.values), final: named(mixture.sampledWeights.values))
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .prettyPrinted]
    try directory.write(String(decoding: encoder.encode(file), as: UTF8.self) + "\n", to: directory.mixtureFile)
    progress.finishLine()
  }

  private func named<Value>(_ values: [Value]) -> [String: Value] {
    Dictionary(uniqueKeysWithValues: zip(names, values))
  }

  private func finite(_ value: Double) -> Double? { value.isFinite ? value : nil }
}
