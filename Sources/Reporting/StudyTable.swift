import Foundation

/// The results of a study: for each stage and point of the grid the means over seeds, and the differences from the
/// baseline of the comparison.
public struct StudyTable: Sendable {
  /// The axis whose values are repetitions of one thing.
  public static let repetition = "seed"

  /// A point of the grid without its seed.
  public struct Row: Sendable {
    /// The value of each other axis that the stage depends on.
    public let point: [String: String]
    /// The complete runs.
    public let runs: [StudyRecord.Run]
    /// The results over the seeds, by name.
    public let results: [String: Estimate]
    /// By the result's name, the difference from the baseline's run with the same seed and other axes; none for the
    /// baseline.
    public let differences: [String: PairedDifference]
  }

  /// The rows of a stage.
  public struct Stage: Sendable {
    /// The stage's name.
    public let name: String
    /// The axes that it depends on, without the seed.
    public let axes: [String]
    /// The results that some run has, in the order of columns.
    public let results: [String]
    /// One row for each point, in the order of the study.
    public let rows: [Row]
  }

  /// The stages in their order.
  public let stages: [Stage]
  /// The runs without results, in the order of the study.
  public let incomplete: [StudyRecord.Run]
  /// The study.
  public let record: StudyRecord

  /// Tabulates a study.
  ///
  /// - Parameter results: The names of the results that are wanted, in their order; nil is all that runs have, except
  ///   times, which differ whenever the study is repeated.
  public init(_ record: StudyRecord, results: [String]? = nil) {
    self.record = record
    incomplete = record.runs.filter { $0.state != .complete }
    stages = record.stages.compactMap { name in
      let runs = record.runs.filter { $0.stage == name }
      return runs.isEmpty ? nil : Stage(name, runs, record, wanted: results)
    }
  }
}

extension StudyTable.Stage {
  fileprivate init(_ name: String, _ runs: [StudyRecord.Run], _ record: StudyRecord, wanted: [String]?) {
    self.name = name
    let complete = runs.filter { $0.state == .complete }
    let present = Set(complete.flatMap { $0.results.keys })
    let results = (wanted ?? ResultName.inOrder(present).filter { !ResultName.isTime($0) }).filter(present.contains)
    self.results = results
    axes = record.axes.map(\.name).filter { axis in
      axis != StudyTable.repetition && runs.contains { $0.point[axis] != nil }
    }
    var order: [[String: String]] = []
    var members: [[String: String]: [StudyRecord.Run]] = [:]
    for run in runs {
      let point = run.pointWithoutSeed
      if members[point] == nil { order.append(point) }
      members[point, default: []] += run.state == .complete ? [run] : []
    }
    rows = order.map { point in
      let runs = members[point]!
      let baseline = record.comparison.flatMap { $0.baselinePoint(of: point) }.flatMap { members[$0] } ?? []
      return StudyTable.Row(point: point, runs: runs, baseline: baseline, results: results)
    }
  }
}

extension StudyTable.Row {
  fileprivate init(point: [String: String], runs: [StudyRecord.Run], baseline: [StudyRecord.Run], results: [String]) {
    (self.point, self.runs) = (point, runs)
    var estimates: [String: Estimate] = [:]
    var differences: [String: PairedDifference] = [:]
    for name in results {
      estimates[name] = Estimate(runs.compactMap { $0.results[name] })
      guard ResultName.isCompared(name, among: results) else { continue }
      differences[name] = PairedDifference(
        runs.compactMap { run in
          let partner = baseline.first { $0.point[StudyTable.repetition] == run.point[StudyTable.repetition] }
          guard let value = run.results[name], let other = partner?.results[name] else { return nil }
          return (value, other)
        })
    }
    (self.results, self.differences) = (estimates, differences)
  }
}

extension StudyRecord.Run {
  /// Where it is in the grid, without the axis whose values are repetitions.
  var pointWithoutSeed: [String: String] { point.filter { $0.key != StudyTable.repetition } }
}

extension StudyRecord.Comparison {
  /// The point that another one is compared with; nil for a baseline itself, or where the axis has no value.
  func baselinePoint(of point: [String: String]) -> [String: String]? {
    guard let value = point[axis], value != baseline else { return nil }
    return point.merging([axis: baseline]) { $1 }
  }
}

/// What names of results stand for.
enum ResultName {
  private static let first = [
    "target_loss", "best_target_loss", "generic_loss", "bits_per_byte", "accuracy", "target_loss_at_equal_cost",
    "speed_up", "speed_up_by_cost", "weights_moved", "target_rises", "tokens", "probe_tokens", "cost_tokens",
  ]

  /// Names in the order of columns: losses, accuracy, others, costs.
  static func inOrder(_ names: Set<String>) -> [String] {
    func rank(_ name: String) -> Int {
      (isCost(name) ? 100 : 0) + (first.firstIndex(of: name) ?? first.count)
    }
    return names.sorted { (rank($0), $0) < (rank($1), $1) }
  }

  /// What an evaluation counts or knows before: nothing that methods differ in.
  private static let given: Set = ["standard_error", "chance", "n", "shots", "cut_prompts", "bytes", "words"]

  /// Whether differences in a result say something of their own; bits per byte follow from the loss on the target.
  static func isCompared(_ name: String, among results: [String]) -> Bool {
    !isCost(name) && !given.contains(name) && !(name == "bits_per_byte" && results.contains("target_loss"))
  }

  /// Whether a result is what a run costs.
  static func isCost(_ name: String) -> Bool { name.hasSuffix("tokens") || name == "steps" || isTime(name) }

  /// Whether a result depends on the machine, so that it is another one whenever a run is repeated.
  static func isTime(_ name: String) -> Bool {
    name.hasSuffix("seconds") || name.hasSuffix("per_second") || name == "flops_share" || name == "overhead_share"
  }

  /// What derived results mean, in sentences; nil if there is none.
  static func explanation(of names: [String]) -> String? {
    let sentences = [
      "target_loss_at_equal_cost":
        "Equal cost: the loss when as many tokens were spent as the cheapest of the compared runs spent in all, "
        + "interpolated between evaluations; training, probe and upstream tokens count.",
      "speed_up":
        "Speed up: training tokens of the baseline over those of the run until it reaches the baseline's last loss; "
        + "runs that never do are left out.",
      "speed_up_by_cost": "By cost: the same with probe and upstream tokens.",
      "best_target_loss": "Best: the lowest of all evaluations.",
      "weights_moved":
        "Weights moved: the share of the mixture that an update gives to other domains, summed over all updates.",
      "target_rises": "Target rises: all rises of the target's loss from one evaluation to the next, summed, in nats.",
    ]
    let used = names.compactMap { sentences[$0] }
    return used.isEmpty ? nil : used.joined(separator: " ")
  }

  /// The words for people.
  static func title(_ name: String) -> String { name.replacingOccurrences(of: "_", with: " ") }
}
