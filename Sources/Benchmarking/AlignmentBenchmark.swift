import Foundation
import MPI
import Mixing
import Printing
import Runs
import Settings

/// What an update of the mixture costs, by estimator and number of domains: training runs with few steps between
/// updates.
public struct AlignmentBenchmark {
  private let shape: BenchmarkShape
  private let threads: Int
  private let directory: String?
  private let updates: Int
  private let probeSequences: Int

  /// Plans measurements of a shape.
  ///
  /// - Parameters:
  ///   - updates: Updates in a run; with two or more the first does not count.
  ///   - probeSequences: Sequences that estimators which probe read of each domain.
  ///   - directory: Where to make temporary directories; nil for the system's place.
  public init(shape: BenchmarkShape, updates: Int, probeSequences: Int, threads: Int, directory: String?) {
    self.shape = shape
    self.updates = updates
    self.probeSequences = probeSequences
    self.threads = threads
    self.directory = directory
  }

  /// One estimator's cost, as `--json` prints it.
  public struct Figure: Encodable {
    let shape, estimator: String
    let domains, probe_sequences, target_sequences, sequences_per_step: Int
    /// Of one update: what it takes, and how many training steps take as long.
    let seconds, steps: Double
    /// Of a training step without alignment.
    let step_seconds: Double
    /// Of the training time, with so many steps between updates.
    let share_every_30, share_every_100: Double
  }

  private typealias Estimator = SteeringSettings.Estimator

  /// The estimators to choose from.
  public static let estimators = Estimator.allCases.map(\.rawValue)

  private static let targetSequences = 16
  private static let every = 4

  /// Trains with an estimator. Collective: every rank calls.
  ///
  /// - Throws: `Failure`, agreed; `MPIError`.
  public func run(_ estimator: String, domains: Int, over world: borrowing Communicator) throws -> Figure {
    var benchmark = StepBenchmark(
      shape: shape, sequences: shape.sequencesPerRank(ranks: world.size), steps: Self.every * updates + 1,
      threads: threads, directory: directory)
    benchmark.domains = domains
    benchmark.mixture.steering.estimator = Estimator(rawValue: estimator)!
    benchmark.mixture.steering.sequences = probeSequences
    benchmark.mixture.steering.targetSequences = Self.targetSequences
    benchmark.mixture.use(DynamicGradientAlignment.self)
    benchmark.mixture.every = Quantity(Double(Self.every), .steps)
    let figures = try benchmark.run(over: world)
    // An update is charged to the step after it, and what comes before it to the steps since the update before.
    let first = updates > 1 ? Self.every + 1 : 0
    let counted = figures.alignment.dropFirst(first)
    let seconds = counted.reduce(0, +) / Double(updates > 1 ? updates - 1 : 1)
    let steps = zip(figures.steady, figures.alignment.dropFirst()).map { $0 - $1 }
    let step = Timing(steps).median
    return Figure(
      shape: shape.name, estimator: estimator, domains: domains,
      probe_sequences: estimator == "inline" ? 0 : probeSequences, target_sequences: Self.targetSequences,
      sequences_per_step: shape.sequencesPerRank(ranks: world.size) * world.size, seconds: seconds,
      steps: seconds / step, step_seconds: step, share_every_30: seconds / (30 * step),
      share_every_100: seconds / (100 * step))
  }

  /// The figures as a table for people.
  public static func text(_ figures: [Figure]) -> String {
    var table = TextTable([
      "estimator", "domains", "probe", "seconds", "training steps", "of every 30", "of every 100",
    ])
    for figure in figures {
      table.append([
        figure.estimator, "\(figure.domains)", "\(figure.probe_sequences)", String(format: "%.2f", figure.seconds),
        String(format: "%.2f", figure.steps), String(format: "%.2f %%", 100 * figure.share_every_30),
        String(format: "%.2f %%", 100 * figure.share_every_100),
      ])
    }
    return table.text
  }
}
