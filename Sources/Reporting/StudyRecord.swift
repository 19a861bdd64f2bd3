import Failures
import Foundation

/// What a study's directory says of its runs: the file `study.json`, which `dga study` writes whenever a run ends.
public struct StudyRecord: Codable, Sendable, Equatable {
  /// The file's name in the directory of a study.
  public static let fileName = "study.json"

  /// One thing that differs between runs, such as the seed, and the words for its values.
  public struct Axis: Codable, Sendable, Equatable {
    /// The axis as the study names it: a key such as `seed`, or a word such as `method`.
    public let name: String
    /// The values in the order of the study.
    public let values: [String]

    /// Describes an axis.
    public init(name: String, values: [String]) { (self.name, self.values) = (name, values) }
  }

  /// Which runs are compared with which: those that differ in one axis only, with the one that has a certain value.
  public struct Comparison: Codable, Sendable, Equatable {
    /// The axis, such as `method`.
    public let axis: String
    /// The value that the others are compared with, such as `uniform`.
    public let baseline: String

    /// Describes a comparison.
    public init(axis: String, baseline: String) { (self.axis, self.baseline) = (axis, baseline) }
  }

  /// One run of one stage at one point of the grid.
  public struct Run: Codable, Sendable, Equatable {
    /// How far a run has come.
    public enum State: String, Codable, Sendable {
      /// It has ended, and its results are there.
      case complete
      /// It has not begun, or was stopped.
      case waiting
      /// It ended with an error.
      case failed
      /// A run that it builds on failed.
      case blocked
      /// Its directory has results of another configuration.
      case changed
    }

    /// The name, unique in the study: its stage and the values of its axes.
    public let name: String
    /// The stage's name.
    public let stage: String
    /// The value of every axis that the stage depends on, by the axis's name.
    public let point: [String: String]
    /// The run directory, relative to the study's.
    public let directory: String
    /// How far it has come.
    public var state: State
    /// What went wrong, in a sentence; nil if nothing did.
    public var message: String?
    /// The names of the runs whose results it uses.
    public let buildsOn: [String]
    /// Its results by name, such as `target_loss` and `generic_loss` (nats per token), `accuracy`, `tokens`,
    /// `probe_tokens`, and `cost_tokens`, which counts those of the runs that it builds on, too; none until it is
    /// complete.
    public var results: [String: Double]

    /// Describes a run.
    public init(
      name: String, stage: String, point: [String: String], directory: String, state: State, message: String? = nil,
      buildsOn: [String] = [], results: [String: Double] = [:]
    ) {
      (self.name, self.stage, self.point, self.directory) = (name, stage, point, directory)
      (self.state, self.message, self.buildsOn, self.results) = (state, message, buildsOn, results)
    }

    private enum CodingKeys: String, CodingKey {
      case name, stage, point, directory, state, message, results
      case buildsOn = "builds_on"
    }
  }

  /// The study's title.
  public let title: String
  /// What differs between runs, in the order of the study; those of single stages come last.
  public let axes: [Axis]
  /// The names of the stages in their order.
  public let stages: [String]
  /// What is compared; nil if no axis has a value to compare with.
  public let comparison: Comparison?
  /// The runs, stage by stage, in the order of the grid.
  public var runs: [Run]

  /// Describes a study.
  public init(title: String, axes: [Axis], stages: [String], comparison: Comparison?, runs: [Run]) {
    (self.title, self.axes, self.stages) = (title, axes, stages)
    (self.comparison, self.runs) = (comparison, runs)
  }

  /// Reads the record of a study's directory.
  ///
  /// - Throws: `Failure`: `.missingInput` if there is none, `.badData` if it is no such file.
  public init(at directory: String) throws {
    let file = "\(directory)/\(Self.fileName)"
    guard let data = FileManager.default.contents(atPath: file) else {
      throw Failure(.missingInput, "\(directory) is no study: there is no readable \(file).")
    }
    guard let record = try? JSONDecoder().decode(Self.self, from: data) else {
      throw Failure(.badData, "\(file) is not what dga study writes.")
    }
    self = record
  }
}
