import Configuration
import Failures
import Foundation

/// What a section of a report is about: a study, or runs that were named one by one, as if they were a study.
struct ReportSubject: Sendable {
  /// The study, with what compares the costs of its runs.
  let record: StudyRecord
  /// The study's directory; nil for runs that were named one by one.
  let directory: String?
  /// Those of its runs that have metrics, by name.
  let runs: [String: RunRecord]

  /// Reads a study's directory; runs that cannot be read have no figures.
  ///
  /// - Parameter report: Called with a sentence about each complete run without metrics.
  /// - Throws: `Failure` if there is no study, or a run of it is damaged.
  init(study directory: String, reportingTo report: (String) -> Void) throws {
    let record = try StudyRecord(at: directory)
    let runs = try record.metrics(in: directory, reportingTo: report)
    (self.record, self.directory, self.runs) = (record.adding(runs), directory, runs)
  }

  /// Takes runs for the points of a grid of targets, methods and seeds.
  init(_ records: [RunRecord]) throws {
    let targets = Self.distinct(records.map(\.target))
    let labels = try Self.labels(of: records)
    var axes = [StudyRecord.Axis(name: "method", values: Self.distinct(labels))]
    if targets.count > 1 { axes.insert(StudyRecord.Axis(name: "target", values: targets), at: 0) }
    axes.append(StudyRecord.Axis(name: "seed", values: Self.distinct(records.map { "\($0.seed)" })))
    let runs = zip(records, labels).map { run, label in
      var point = ["method": label, "seed": "\(run.seed)"]
      if targets.count > 1 { point["target"] = run.target }
      return StudyRecord.Run(
        name: run.path, stage: "train", point: point, directory: run.path, state: .complete, results: run.results)
    }
    let study = StudyRecord(
      title: "Runs", axes: axes, stages: ["train"],
      comparison: labels.contains("uniform") ? StudyRecord.Comparison(axis: "method", baseline: "uniform") : nil,
      runs: runs)
    self.runs = Dictionary(zip(runs.map(\.name), records)) { $1 }
    (record, directory) = (study.adding(self.runs), nil)
  }

  private static func distinct(_ values: [String]) -> [String] {
    var seen: Set<String> = []
    return values.filter { seen.insert($0).inserted }
  }

  /// The method of each run, and the settings in which it differs from others of its method.
  private static func labels(of runs: [RunRecord]) throws -> [String] {
    let leaves = try runs.map { try Section.leaves(of: $0.settings).filter { $0.path != "target" } }
    return runs.indices.map { index in
      let rivals = runs.indices.filter { runs[$0].method == runs[index].method }
      let differing = leaves[index].filter { leaf in
        let values = rivals.map { rival in
          (value: leaves[rival].first { $0.path == leaf.path }?.value, seed: runs[rival].seed)
        }
        return values.contains { $0.value != leaf.value } && !followsSeed(values)
      }
      return ([runs[index].method] + differing.map { "\($0.path) \($0.value)" }).joined(separator: ", ")
    }
  }

  /// Whether a setting names another run or file for each seed, such as the reference with the same seed.
  private static func followsSeed(_ values: [(value: String?, seed: Int)]) -> Bool {
    values.allSatisfy { one in
      one.value?.contains("/") == true && values.allSatisfy { ($0.value == one.value) == ($0.seed == one.seed) }
    }
  }

  // MARK: Panels

  /// The panels of the figures, in the order of the study; none for stages without metrics.
  ///
  /// - Parameter prefix: What the names of their files begin with.
  func panels(prefix: String) -> [ReportPanel] {
    record.stages.flatMap { stage in panels(of: stage, prefix: prefix) }
  }

  private func panels(of stage: String, prefix: String) -> [ReportPanel] {
    let members = record.runs.filter { $0.stage == stage && runs[$0.name] != nil }
    let axis = comparedAxis(members)
    let others = record.axes.map(\.name).filter { name in
      name != axis && name != StudyTable.repetition && members.contains { $0.point[name] != nil }
    }
    let places = members.map { run in others.map { run.point[$0] ?? "-" } }
    let value = { (run: StudyRecord.Run) in axis.flatMap { run.point[$0] } ?? stage }
    var result: [ReportPanel] = []
    for (number, place) in Self.unique(places).enumerated() {
      let inside = zip(members, places).filter { $1 == place }.map(\.0)
      let values = Self.distinct(inside.map(value))
      let groups = values.map { label in
        SeedGroup(
          label: label, colour: colour(of: label, on: axis),
          runs: inside.filter { value($0) == label }.map { runs[$0.name]! })
      }
      let words = zip(others, place).map { "\($0) \($1)" }
      result.append(
        ReportPanel(
          title: ([stage] + words).joined(separator: ", "), name: "\(prefix)\(Self.slug(stage))-\(number + 1)",
          groups: groups))
    }
    return result
  }

  /// The colour of a value of an axis, the same in all panels.
  private func colour(of value: String, on axis: String?) -> Chart.Colour {
    let baseline = axis == record.comparison?.axis ? record.comparison?.baseline : nil
    if value == baseline { return .baseline }
    let others = record.axes.first { $0.name == axis }?.values.filter { $0 != baseline }
    return .number(others?.firstIndex(of: value) ?? 0)
  }

  /// The axis whose values share a picture: the one that is compared, or else the last that differs.
  private func comparedAxis(_ members: [StudyRecord.Run]) -> String? {
    if let axis = record.comparison?.axis, members.contains(where: { $0.point[axis] != nil }) { return axis }
    return record.axes.map(\.name).last { name in
      name != StudyTable.repetition && Set(members.compactMap { $0.point[name] }).count > 1
    }
  }

  private static func unique(_ values: [[String]]) -> [[String]] {
    var seen: Set<[String]> = []
    return values.filter { seen.insert($0).inserted }
  }

  /// A name that is good for a file.
  static func slug(_ text: String) -> String {
    String(text.map { $0.isASCII && ($0.isLetter || $0.isNumber) ? $0 : "-" })
  }
}

extension RunRecord {
  /// The results that a study would list.
  fileprivate var results: [String: Double] {
    let last = evaluations[evaluations.count - 1]
    let probe = probeTokens(at: last)
    return [
      "target_loss": last.target, "generic_loss": last.generic, "bits_per_byte": last.bitsPerByte,
      "tokens": Double(last.tokens), "probe_tokens": Double(probe), "cost_tokens": Double(last.tokens + probe),
    ]
  }
}
