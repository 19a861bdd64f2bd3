import Configuration
import Failures
import Foundation
import Reporting

/// What a study is told by its YAML file: a grid of settings, and the stages that run at each of its points.
///
/// ```yaml
/// base: run.yaml                       # a run's configuration
/// directory: studies/first             # what the study writes
/// grid:
///   seed: [1, 2, 3]                    # a key with its values,
///   method:                            # or a word, whose values are settings with a name each
///     uniform: {mixture.method: uniform}
///     no-average: {mixture.method: dga, mixture.smoothing.new_weight: 1}
/// stages: [train, {name: tune, init: train, mixture.method: target, duration: 50steps}]
/// jobs: 2                              # runs side by side
/// ranks: 1                             # of each
/// ```
public struct StudyDescription: Sendable {
  /// Something that differs between runs.
  struct Axis: Sendable {
    /// The key, or a word.
    let name: String
    let values: [Value]
  }

  /// One value of an axis.
  struct Value: Sendable {
    /// The word for it.
    let label: String
    /// What it sets.
    let settings: [Assignment]
  }

  /// What runs at the points of the grid, once for each.
  struct Stage: Sendable {
    /// What a stage does.
    enum Work: Sendable {
      /// Trains a model.
      case train
      /// Makes a corpus whose domains are clusters of another's documents.
      case cluster(corpus: String)
      /// Evaluates the model of a run.
      case evaluate(run: String)
    }

    let name: String
    let work: Work
    /// Axes of the grid that the stage depends on.
    let shared: [Axis]
    /// Axes of its own.
    let own: [Axis]
    /// Its settings: keys of a run's configuration for training, else options of the command.
    let settings: [Assignment]
    /// Where it stands in the file.
    let place: String

    /// All axes that the stage depends on, in the order of the study.
    var axes: [Axis] { shared + own }
  }

  /// The title: the file's, or the name of the directory.
  public let title: String
  /// The configuration that every run starts from.
  let base: String
  /// The directory that the study writes.
  public let directory: String
  let axes: [Axis]
  let stages: [Stage]
  /// What is compared with what; nil if there is no axis with a value to compare with.
  let comparison: StudyRecord.Comparison?
  /// The most runs side by side.
  let jobs: Int
  /// The ranks of each run.
  let ranks: Int

  /// Reads a file, then `overrides` such as `jobs=4`.
  ///
  /// - Parameter isQuick: Whether the settings under the file's key `quick` take the place of others.
  /// - Throws: `Failure` that names file, line and key.
  public init(contentsOf path: String, overrides: [String] = [], isQuick: Bool = false) throws {
    var quick: [Assignment] = []
    if isQuick {
      let root = try Section(contentsOf: path)
      quick = try root.section("quick").assignments()
      guard !quick.isEmpty else {
        throw root.failure("quick", "The study has no quick size: give the settings of one.")
      }
    }
    let root = try Section(contentsOf: path, overrides: quick.map(\.text) + overrides)
    _ = try root.section("quick").assignments()
    base = try root.string("base")
    guard FileManager.default.fileExists(atPath: base) else {
      throw root.failure("base", "There is no file \(base).", kind: .missingInput)
    }
    directory = try root.string("directory")
    title = try root.string("title", default: URL(fileURLWithPath: directory).lastPathComponent)
    let axes = try Self.axes(root, "grid")
    self.axes = axes
    stages = try StageReader(axes).stages(root)
    comparison = try Self.comparison(root, among: axes)
    jobs = try root.integer("jobs", default: 1, in: 1...1024)
    ranks = try root.integer("ranks", default: 1, in: 1...1024)
    try root.finish()
  }

  /// Reads a grid: keys with lists of values, or words with named settings.
  static func axes(_ section: Section, _ key: String) throws -> [Axis] {
    let grid = try section.section(key)
    return try grid.keys.map { name in
      let values =
        grid.isMapping(name)
        ? try grid.entries(name).map { Value(label: $0.name, settings: $0.section.assignments()) }
        : try grid.values(name).map { Value(label: $0.word ?? $0.value, settings: [$0]) }
      guard !values.isEmpty else { throw grid.failure(name, "At least one value is needed here.") }
      for (index, value) in values.enumerated() where values[..<index].contains(where: { $0.label == value.label }) {
        throw grid.failure(name, "The value \(value.label) stands there twice.")
      }
      return Axis(name: name, values: values)
    }
  }

  private static func comparison(_ root: Section, among axes: [Axis]) throws -> StudyRecord.Comparison? {
    guard root.contains("compare") else {
      // What is compared nearly always: methods, with uniform sampling.
      for axis in axes where ["method", "mixture.method"].contains(axis.name) {
        let labels = axis.values.map(\.label)
        return StudyRecord.Comparison(axis: axis.name, baseline: labels.contains("uniform") ? "uniform" : labels[0])
      }
      return nil
    }
    let section = try root.section("compare")
    let name = try section.word("axis", among: axes.map(\.name))
    let labels = axes.first { $0.name == name }!.values.map(\.label)
    return StudyRecord.Comparison(axis: name, baseline: try section.word("with", among: labels))
  }
}

/// Reads the stages of a study.
private struct StageReader {
  private let axes: [StudyDescription.Axis]

  init(_ axes: [StudyDescription.Axis]) { self.axes = axes }

  func stages(_ root: Section) throws -> [StudyDescription.Stage] {
    var stages: [StudyDescription.Stage] = []
    for item in try root.items("stages") {
      let stage =
        switch item {
        case .word(let name): try self.stage(name, of: root)
        case .mapping(let section): try self.stage(section)
        }
      try check(stage.name, stages, at: stage.place)
      stages.append(stage)
    }
    return stages.isEmpty ? [try stage("train", of: root)] : stages
  }

  /// A stage of which only the name is given trains at every point of the grid.
  private func stage(_ name: String, of root: Section) throws -> StudyDescription.Stage {
    StudyDescription.Stage(
      name: name, work: .train, shared: axes, own: [], settings: [], place: root.place(of: "stages"))
  }

  private func stage(_ section: Section) throws -> StudyDescription.Stage {
    let name = try section.string("name")
    var work = StudyDescription.Stage.Work.train
    if section.contains("cluster") { work = .cluster(corpus: try section.string("cluster")) }
    if section.contains("evaluate") {
      guard work.trains else { throw section.failure("evaluate", "A stage clusters or evaluates; give one of them.") }
      work = .evaluate(run: try section.string("evaluate"))
    }
    var shared = try only(section)
    if section.contains("axes") {
      let names = try section.strings("axes")
      for name in names where !axes.contains(where: { $0.name == name }) {
        throw section.failure("axes", "The grid has no axis '\(name)'.")
      }
      shared = shared.filter { names.contains($0.name) }
    }
    let own = try StudyDescription.axes(section, "grid")
    for axis in own where axes.contains(where: { $0.name == axis.name }) {
      throw section.failure("grid", "The study's grid has the axis '\(axis.name)' already.")
    }
    return StudyDescription.Stage(
      name: name, work: work, shared: shared, own: own, settings: section.assignments(),
      place: section.place(of: "name"))
  }

  /// The axes of the grid with those of their values for which there is the stage.
  private func only(_ section: Section) throws -> [StudyDescription.Axis] {
    let chosen = try section.section("only")
    let shared = try axes.map { axis in
      guard chosen.contains(axis.name) else { return axis }
      let labels = try chosen.strings(axis.name)
      for label in labels where !axis.values.contains(where: { $0.label == label }) {
        throw chosen.failure(axis.name, "The axis has no value '\(label)'.")
      }
      return StudyDescription.Axis(name: axis.name, values: axis.values.filter { labels.contains($0.label) })
    }
    try chosen.finish()
    return shared
  }

  private func check(_ name: String, _ earlier: [StudyDescription.Stage], at place: String) throws {
    guard name.wholeMatch(of: /[A-Za-z0-9][A-Za-z0-9.-]*/) != nil else {
      throw Failure(
        .badConfiguration, "\(place): The name of a stage has letters, digits, dots and dashes only, not '\(name)'.")
    }
    guard !earlier.contains(where: { $0.name == name }) else {
      throw Failure(.badConfiguration, "\(place): Two stages are called '\(name)'.")
    }
  }
}
