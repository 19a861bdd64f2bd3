/// Runs with the same settings, which differ in their seeds only.
struct RunGroup {
  /// The method, or the runs' names where one method comes with several settings.
  let label: String
  let runs: [RunRecord]

  /// The mean over the seeds of the last evaluation's loss on the target.
  var target: Double { mean { $0.target } }
  /// The mean over the seeds of the last evaluation's generic loss.
  var generic: Double { mean { $0.generic } }
  /// The difference between the best and the worst seed on the target.
  var spread: Double {
    let losses = runs.map { $0.evaluations[$0.evaluations.count - 1].target }
    return losses.max()! - losses.min()!
  }

  private func mean(_ value: (RunRecord.Evaluation) -> Double) -> Double {
    runs.reduce(0) { $0 + value($1.evaluations[$1.evaluations.count - 1]) } / Double(runs.count)
  }

  /// Groups runs in the order of each group's first.
  static func groups(of runs: [RunRecord]) -> [RunGroup] {
    var order: [String] = []
    var members: [String: [RunRecord]] = [:]
    for run in runs {
      if members[run.settings] == nil { order.append(run.settings) }
      members[run.settings, default: []].append(run)
    }
    return order.map { settings in
      let runs = members[settings]!
      let isOnly = order.allSatisfy { $0 == settings || members[$0]![0].method != runs[0].method }
      return RunGroup(label: isOnly ? runs[0].method : runs.map(\.name).joined(separator: ", "), runs: runs)
    }
  }

  /// What to call each of some runs in a picture: method and seed, or its name where one method comes with several
  /// settings.
  static func titles(of runs: [RunRecord], among all: [RunRecord]) -> [String] {
    let groups = groups(of: all)
    return runs.map { run in
      let group = groups.first { $0.runs[0].settings == run.settings }!
      return group.label == run.method ? "\(run.method), seed \(run.seed)" : run.name
    }
  }
}
