import Failures

/// How steadily a run has gone, from its metrics.
extension RunRecord {
  /// - `best_target_loss`: the lowest loss on the target of all evaluations; below the last one if the run overfitted.
  /// - `target_rises`: the sum of all rises of the target's loss from one evaluation to the next, in nats per token.
  /// - `weights_moved`: the sum over all updates of the total variation between the weights before and after, which is
  ///   the share of the mixture that goes to other domains; absent if the weights stand still or not all are recorded.
  var steadiness: [String: Double] {
    let losses = evaluations.map(\.target)
    var results = [
      "best_target_loss": losses.min()!,
      "target_rises": zip(losses, losses.dropFirst()).reduce(0) { $0 + max(0, $1.1 - $1.0) },
    ]
    if !mixtures.isEmpty, let start = starts.first, start.domainCount == start.weights.count {
      let weights = [start.weights] + mixtures.map(\.weights)
      results["weights_moved"] = zip(weights, weights.dropFirst()).reduce(0) { $0 + Self.variation($1.0, $1.1) }
    }
    return results
  }

  private static func variation(_ one: [String: Double], _ other: [String: Double]) -> Double {
    // Sums depend on the order, and that of a set changes from one process to the next.
    Set(one.keys).union(other.keys).sorted().reduce(0) { $0 + abs((one[$1] ?? 0) - (other[$1] ?? 0)) } / 2
  }
}

extension StudyRecord {
  /// The metrics of the complete runs in a study's directory, by name.
  ///
  /// - Parameter report: Called with a sentence about each run without metrics.
  /// - Throws: `Failure(.badData)` if metrics are damaged.
  func metrics(in directory: String, reportingTo report: (String) -> Void) throws -> [String: RunRecord] {
    var records: [String: RunRecord] = [:]
    for run in runs where run.state == .complete && run.results["target_loss"] != nil {
      do {
        records[run.name] = try RunRecord(at: "\(directory)/\(run.directory)")
      } catch let failure as Failure where failure.kind == .missingInput {
        report(failure.message)
      }
    }
    return records
  }

  /// The study with results that follow from metrics: how steadily runs have gone, and what they cost beside others.
  func adding(_ records: [String: RunRecord]) -> StudyRecord {
    var result = comparingCosts(records)
    for index in runs.indices {
      result.runs[index].results.merge(records[runs[index].name]?.steadiness ?? [:]) { own, _ in own }
    }
    return result
  }
}

extension StudyTable {
  /// Tabulates a study with what follows from the metrics of its runs.
  ///
  /// - Throws: `Failure(.badData)` if metrics are damaged.
  public init(_ record: StudyRecord, in directory: String) throws {
    self.init(record.adding(try record.metrics(in: directory, reportingTo: { _ in })))
  }
}
