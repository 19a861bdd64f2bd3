import Failures
import Foundation
import Printing
import Storage

/// The checkpoints of a run: directories that are complete or invisible, and verified before they are used.
///
/// A checkpoint is written into a temporary directory, its manifest with a checksum of every file last, and renamed.
/// Each file and directory is flushed to disk before the step that relies on it. Damaged checkpoints stay where they
/// are, and so does whatever is not a checkpoint.
package final class CheckpointStore {
  /// The directory that holds the checkpoints.
  package let path: String
  /// How many to keep, the newest.
  package let keep: Int
  /// Damaged checkpoints that were found, by name; they do not count among those that are kept.
  private var passedOver: Set<String> = []

  package init(path: String, keep: Int) { (self.path, self.keep) = (path, keep) }

  /// Writes the checkpoint of a step: `body` writes its files into the directory that it is given.
  ///
  /// - Throws: `Failure(.inputOutput)` if anything cannot be written; earlier checkpoints are intact and nothing is
  ///   left behind.
  package func write(step: Int, _ body: (_ directory: String) throws -> Void) throws {
    let directory = "\(path)/\(Self.name(of: step))"
    let temporary = temporary(Self.name(of: step))
    let files = FileManager.default
    do {
      try? files.removeItem(atPath: temporary)
      try files.createDirectory(atPath: temporary, withIntermediateDirectories: true)
      try body(temporary)
      try CheckpointManifest.seal(temporary)
      try put(temporary, at: directory)
      try DurableFile.flush(path)
      try DurableFile.replace("\(path)/latest", with: Array((Self.name(of: step) + "\n").utf8))
    } catch {
      try? files.removeItem(atPath: temporary)
      let reason = (error as? Failure)?.message ?? error.localizedDescription
      throw Failure(
        .inputOutput, "The checkpoint \(directory) cannot be written: \(reason) Earlier checkpoints are intact.")
    }
    prune(after: step)
  }

  /// Gives a finished checkpoint its name.
  ///
  /// What has the name already is the same checkpoint, which is replaced, or a damaged one, which is kept beside it.
  private func put(_ temporary: String, at directory: String) throws {
    if FileManager.default.fileExists(atPath: directory) {
      if let marker = DirectoryMarker(.checkpoint, of: directory), (try? CheckpointManifest.verify(directory)) != nil,
        marker.foreignEntry(in: directory) == nil
      {
        _ = try Exchange.swap(temporary, directory)
        return marker.remove(temporary)
      }
      let aside = (1...).lazy.map { $0 == 1 ? directory + ".damaged" : "\(directory).damaged-\($0)" }
        .first { !FileManager.default.fileExists(atPath: $0) }!
      rename(directory, aside)
      passedOver.remove(URL(fileURLWithPath: directory).lastPathComponent)
    }
    guard rename(temporary, directory) == 0 else {
      throw Failure(.inputOutput, "\(temporary) cannot be renamed: \(String(cString: strerror(errno))).")
    }
  }

  /// Removes all but the newest checkpoints up to a step; those that hold a file which is none of theirs are left.
  private func prune(after step: Int) {
    let prunable = names().filter { name in
      guard let number = Self.step(of: name), number <= step, !passedOver.contains(name) else { return false }
      guard let marker = DirectoryMarker(.checkpoint, of: "\(path)/\(name)") else { return false }
      return marker.version <= CheckpointManifest.newest && marker.foreignEntry(in: "\(path)/\(name)") == nil
    }
    for old in prunable.dropFirst(keep) {
      guard let marker = DirectoryMarker(.checkpoint, of: "\(path)/\(old)") else { continue }
      // Under a hidden name first: half a checkpoint would look like a damaged one.
      guard rename("\(path)/\(old)", temporary(old)) == 0 else { continue }
      marker.remove(temporary(old))
    }
  }

  /// Removes what a run was writing or pruning when it was killed, which is of no use to anybody.
  package func removeUnfinished() {
    DurableFile.removeUnfinished("\(path)/latest")
    for name in entries() where name.hasPrefix(".step-") && name.hasSuffix(".partial") {
      try? FileManager.default.removeItem(atPath: "\(path)/\(name)")
    }
  }

  /// Finds the newest checkpoint that is whole; damaged ones are named in `report` and left where they are.
  ///
  /// - Parameter examine: Checks what is in a checkpoint whose files are those that were written.
  /// - Returns: Its directory, or nil if there are no checkpoints.
  /// - Throws: `Failure(.badData)` if there are, but none is whole, or the newest was written by another version of
  ///   dga; `.badConfiguration` from `examine`.
  package func newest(
    examine: (String) throws -> Void = { _ in }, report: (String) -> Void
  ) throws -> String? {
    var first: String?
    for name in names() {
      let directory = "\(path)/\(name)"
      try CheckpointManifest.checkVersion(of: directory)
      do {
        try CheckpointManifest.verify(directory)
        try examine(directory)
        return directory
      } catch {
        if let failure = error as? Failure, failure.kind == .badConfiguration { throw failure }
        let reason = (error as? Failure)?.message ?? error.localizedDescription
        passedOver.insert(name)
        report("The checkpoint \(directory) is damaged and passed over: \(reason)")
        first = first ?? reason
      }
    }
    guard holdsCheckpoints else { return nil }
    throw Failure(
      .badData,
      "No checkpoint in \(path) is whole, so there is nothing to go on from; start another `run`. "
        + (first ?? "All that is left was set aside as damaged."))
  }

  /// Whether there are checkpoints, whole or not.
  package var holdsCheckpoints: Bool { entries().contains { $0.hasPrefix("step-") } }

  // MARK: Names

  private func entries() -> [String] { (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? [] }

  /// The names of all checkpoints, the newest first.
  private func names() -> [String] {
    entries().compactMap { name in Self.step(of: name).map { (name, $0) } }.sorted { $0.1 > $1.1 }.map(\.0)
  }

  private func temporary(_ name: String) -> String { "\(path)/.\(name).partial" }

  private static func name(of step: Int) -> String { "step-" + String(format: "%08d", step) }

  /// The step in the name of a checkpoint's directory; nil for other names.
  package static func step(of name: String) -> Int? {
    guard name.hasPrefix("step-"), let step = Int(name.dropFirst(5)), Self.name(of: step) == name else { return nil }
    return step
  }
}
