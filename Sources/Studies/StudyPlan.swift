import Configuration
import Failures
import Reporting

/// The runs of a study: one for each stage and point of the grid, each after those that it builds on.
struct StudyPlan {
  /// A run to be made.
  struct Run {
    /// The stage's name and the values of its axes, unique in the study; also the names of its files.
    let name: String
    let stage: StudyDescription.Stage
    /// The label of each axis's value.
    let point: [String: String]
    /// What is set besides the base: by the grid, then by the stage, whose word counts.
    let settings: [Assignment]
    /// What clusters or evaluates reads: a path, or the directory of another run.
    let input: String
    /// The names of the runs that it builds on.
    let buildsOn: [String]
    /// The directory with its results.
    let directory: String
  }

  let description: StudyDescription
  /// Stage by stage, in the order of the grid.
  let runs: [Run]

  /// Keys whose value may be the name of a stage: the directory of its run takes its place.
  private static let referring = ["init", "corpus", "mixture.reference", "mixture.prior", "mixture.file"]

  /// Expands the grid.
  ///
  /// - Throws: `Failure(.badConfiguration)` if runs would have the same name, or a stage refers to one that is made
  ///   more than once for each of its points.
  init(_ description: StudyDescription) throws {
    self.description = description
    var runs: [Run] = []
    var names: Set<String> = []
    for (index, stage) in description.stages.enumerated() {
      let earlier = description.stages[..<index]
      for values in Self.points(of: stage.axes) {
        let run = try Self.run(stage, values, after: earlier, in: description.directory)
        guard names.insert(run.name).inserted else {
          throw Failure(
            .badConfiguration,
            "\(stage.place): Two runs would be called \(run.name); give the values of the grid names that differ in "
              + "letters and digits.")
        }
        runs.append(run)
      }
    }
    self.runs = runs
  }

  /// All combinations of the values of some axes, the last axis fastest.
  private static func points(of axes: [StudyDescription.Axis]) -> [[StudyDescription.Value]] {
    axes.reduce([[]]) { points, axis in points.flatMap { point in axis.values.map { point + [$0] } } }
  }

  private static func run(
    _ stage: StudyDescription.Stage, _ values: [StudyDescription.Value],
    after earlier: ArraySlice<StudyDescription.Stage>, in directory: String
  ) throws -> Run {
    let point = Dictionary(uniqueKeysWithValues: zip(stage.axes.map(\.name), values.map(\.label)))
    var buildsOn: [String] = []
    /// The directory of another stage's run, if that is what a word stands for.
    func resolved(_ word: String) throws -> String {
      guard let other = earlier.first(where: { $0.name == word }) else { return word }
      let name = try Self.name(of: other, at: point, for: stage)
      if !buildsOn.contains(name) { buildsOn.append(name) }
      return Self.directory(of: name, in: directory)
    }
    // Options of a command are not keys of a run: of the grid only the stage's own axes set some.
    let given = stage.work.trains ? values : Array(values.dropFirst(stage.shared.count))
    let settings = try (given.flatMap(\.settings) + stage.settings).map { setting in
      try setting.mapped { path, word in
        let word = filled(word, point)
        return stage.work.trains && path.map(referring.contains) ?? false ? try resolved(word) : word
      }
    }
    let input =
      switch stage.work {
      case .train: ""
      case .cluster(let corpus): try resolved(filled(corpus, point))
      case .evaluate(let run): try resolved(filled(run, point))
      }
    let name = Self.name(of: stage, at: point)
    return Run(
      name: name, stage: stage, point: point, settings: settings, input: input, buildsOn: buildsOn,
      directory: Self.directory(of: name, in: directory))
  }

  /// A word in which the name of an axis in braces stands for its value.
  private static func filled(_ word: String, _ point: [String: String]) -> String {
    point.reduce(word) { $0.replacing("{\($1.key)}", with: $1.value) }
  }

  /// The run of another stage at a point of this one.
  private static func name(
    of other: StudyDescription.Stage, at point: [String: String], for stage: StudyDescription.Stage
  ) throws -> String {
    for axis in other.axes {
      guard let label = point[axis.name] else {
        throw Failure(
          .badConfiguration,
          "\(stage.place): The stage '\(stage.name)' builds on '\(other.name)', of which there are several for each of "
            + "its points, one for each value of '\(axis.name)'.")
      }
      guard axis.values.contains(where: { $0.label == label }) else {
        throw Failure(
          .badConfiguration,
          "\(stage.place): The stage '\(stage.name)' builds on '\(other.name)', which is not made where '\(axis.name)' "
            + "is '\(label)'.")
      }
    }
    return name(of: other, at: point)
  }

  private static func name(of stage: StudyDescription.Stage, at point: [String: String]) -> String {
    let parts = stage.axes.map { axis in
      let key = axis.name.split(separator: ".").last.map(String.init) ?? axis.name
      return "\(key)-\(plain(point[axis.name]!))"
    }
    return ([stage.name] + parts).joined(separator: "_")
  }

  /// Text as names of files have it.
  private static func plain(_ text: String) -> String {
    String(text.map { $0.isASCII && ($0.isLetter || $0.isNumber || ".-+".contains($0)) ? $0 : "-" }.prefix(60))
  }

  private static func directory(of name: String, in directory: String) -> String { "\(directory)/runs/\(name)" }
}

extension StudyDescription.Stage.Work {
  /// Whether the stage trains a model.
  var trains: Bool { if case .train = self { true } else { false } }
}
