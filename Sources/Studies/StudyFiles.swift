import Configuration
import Failures
import Foundation
import Printing
import Reporting
import Storage

/// The directory of a study, held by a lock while the study is at work.
///
/// `study.json` tells of all runs. By the name of a run there are `runs/NAME/`, its results; `asked/NAME.yaml`, what
/// it was asked for; `outcomes/NAME.json`, its figures, written when it is complete; and `logs/NAME.log`, what it said.
final class StudyFiles {
  let directory: String
  private let lock: FileLock
  private static let directories = ["asked", "outcomes", "logs", "runs"]

  /// Creates the directory, or takes hold of one that a study has written.
  ///
  /// - Throws: `Failure(.cannotCreate)` if it belongs to somebody else or to a study at work.
  init(at directory: String) throws {
    try Self.checkOwner(directory)
    self.directory = directory
    _ = try OutputDirectory.createDirectories(directory)
    let descriptor = open("\(directory)/lock", O_CREAT | O_RDWR | O_NOFOLLOW | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else {
      throw Failure(.cannotCreate, "\(directory) cannot be written: \(String(cString: strerror(errno))).")
    }
    guard let lock = FileLock(descriptor, of: "\(directory)/lock") else {
      throw Failure(.cannotCreate, "Another dga is at work on the study \(directory); wait for it, or stop it.")
    }
    self.lock = lock
    if let warning = lock.warning { Console.note("warning: \(warning)") }
    for name in Self.directories {
      _ = try OutputDirectory.createDirectories("\(directory)/\(name)")
    }
  }

  /// Checks that there is nothing, or a study.
  static func checkOwner(_ directory: String) throws {
    let entries = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
    let foreign = entries.sorted().first { !(Self.directories + ["lock"]).contains($0) }
    guard let foreign, !entries.contains(StudyRecord.fileName) else { return }
    throw Failure(
      .cannotCreate,
      "\(directory) is not empty (it has \(foreign)) and no study, so nothing is written there; choose another "
        + "`directory`.")
  }

  func log(of name: String) -> String { "\(directory)/logs/\(name).log" }
  func output(of name: String) -> String { "\(directory)/logs/\(name).json" }
  func asked(of name: String) -> String { Self.asked(of: name, in: directory) }

  private static func asked(of name: String, in directory: String) -> String { "\(directory)/asked/\(name).yaml" }
  private static func outcome(of name: String, in directory: String) -> String { "\(directory)/outcomes/\(name).json" }

  /// How far a run has come, by what is in the directory.
  ///
  /// - Parameter wanted: The request by the present study, which is compared with the one that the run was made for.
  static func state(
    of run: StudyPlan.Run, wanted: String, in directory: String
  ) -> (state: StudyRecord.Run.State, message: String?, results: [String: Double]) {
    let before = try? String(contentsOfFile: asked(of: run.name, in: directory), encoding: .utf8)
    let isBegun = FileManager.default.fileExists(atPath: run.directory)
    let outcome = outcome(of: run.name, in: directory)
    let results = FileManager.default.contents(atPath: outcome).flatMap {
      try? JSONDecoder().decode([String: Double].self, from: $0)
    }
    if let before, isBegun || results != nil {
      let changes = StudyChanges.between(before, wanted)
      if !changes.isEmpty { return (.changed, "It was made with other settings: \(Words.list(changes)).", [:]) }
    }
    return results.map { (.complete, nil, $0) } ?? (.waiting, nil, [:])
  }

  /// Whether a corpus that a run makes is there, and whole.
  static func hasCorpus(_ run: StudyPlan.Run) -> Bool {
    FileManager.default.fileExists(atPath: "\(run.directory)/manifest.json")
  }

  /// Notes what a run is asked for, before it begins.
  func note(_ run: StudyPlan.Run, asked text: String) throws {
    try DurableFile.replace(asked(of: run.name), with: Data(text.utf8))
  }

  /// Notes the figures of a run that is complete.
  func note(_ run: StudyPlan.Run, results: [String: Double]) throws {
    try DurableFile.replace(
      Self.outcome(of: run.name, in: directory), with: JSON.pretty.data(results) + Data("\n".utf8))
  }

  /// Writes the record of all runs.
  func write(_ record: StudyRecord) throws {
    try DurableFile.replace(
      "\(directory)/\(StudyRecord.fileName)", with: JSON.pretty.data(record) + Data("\n".utf8))
  }

  /// Moves what a run has left into the directory `replaced`, so that it can be made anew.
  ///
  /// - Throws: `Failure(.cannotCreate)` with the system's reason.
  func setAside(_ run: StudyPlan.Run) throws {
    var number = 1
    while FileManager.default.fileExists(atPath: "\(directory)/replaced/\(run.name)-\(number)") { number += 1 }
    let place = "\(directory)/replaced/\(run.name)-\(number)"
    _ = try OutputDirectory.createDirectories(place)
    let files = [
      (asked(of: run.name), "asked.yaml"), (Self.outcome(of: run.name, in: directory), "outcome.json"),
      (log(of: run.name), "log"), (output(of: run.name), "output.json"), (run.directory, "run"),
    ]
    for (file, name) in files where FileManager.default.fileExists(atPath: file) {
      guard rename(file, "\(place)/\(name)") == 0 else {
        throw Failure(.cannotCreate, "\(file) cannot be moved to \(place): \(String(cString: strerror(errno))).")
      }
    }
  }
}
