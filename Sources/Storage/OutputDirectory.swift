import Failures
import Foundation

/// A directory that appears whole or not at all.
///
/// It is written beside its destination under a hidden name, which is locked: a second writer is refused, and what a
/// dead one left behind is cleared away.
package struct OutputDirectory: ~Copyable {
  /// Where it will appear.
  package let destination: String

  /// Where it is being written.
  package let path: String

  private let lock: Int32
  private let createdParents: [String]
  private var isCommitted = false

  /// Creates the hidden directory, and the parents of the destination where they are missing.
  ///
  /// - Throws: `Failure(.cannotCreate)` if that fails, another process is writing there, or the destination exists and
  ///   `mayReplace` says no.
  package init(_ destination: String, mayReplace: (String) -> Bool) throws {
    let url = URL(fileURLWithPath: destination).standardizedFileURL
    let parent = url.deletingLastPathComponent().path
    let path = parent + "/." + url.lastPathComponent + ".building"
    guard url.path != "/" else { throw Failure(.cannotCreate, "The root directory cannot be an output.") }
    if FileManager.default.fileExists(atPath: url.path), !mayReplace(url.path) {
      throw Failure(
        .cannotCreate, "\(destination) exists and is not a corpus, so it is not replaced; choose another output.")
    }
    let parents = try OutputDirectory.createDirectories(parent)
    let lock: Int32
    do {
      lock = try OutputDirectory.createLocked(path, for: destination)
    } catch {
      for parent in parents.reversed() { rmdir(parent) }
      throw error
    }
    self.destination = url.path
    self.path = path
    self.lock = lock
    createdParents = parents
  }

  deinit {
    close(lock)
    guard !isCommitted else { return }
    try? FileManager.default.removeItem(atPath: path)
    for parent in createdParents.reversed() { rmdir(parent) }
  }

  /// Creates a directory and the parents that it lacks; returns what it has created, the outermost first.
  ///
  /// - Throws: `Failure(.cannotCreate)`; then nothing is created.
  package static func createDirectories(_ path: String) throws -> [String] {
    var missing: [String] = []
    var parent = path
    while !FileManager.default.fileExists(atPath: parent) {
      missing.append(parent)
      parent = URL(fileURLWithPath: parent).deletingLastPathComponent().path
    }
    var created: [String] = []
    for directory in missing.reversed() {
      guard mkdir(directory, 0o755) == 0 || errno == EEXIST else {
        let reason = String(cString: strerror(errno))
        for directory in created.reversed() { rmdir(directory) }
        throw Failure(.cannotCreate, "The directory \(directory) cannot be created: \(reason).")
      }
      created.append(directory)
    }
    return created
  }

  private static func createLocked(_ path: String, for destination: String) throws -> Int32 {
    for attempt in 0... {
      let isNew = mkdir(path, 0o755) == 0
      guard isNew || (errno == EEXIST && attempt < 2) else {
        throw Failure(.cannotCreate, "\(destination) cannot be created: \(String(cString: strerror(errno))).")
      }
      let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
      guard descriptor >= 0 else {
        throw Failure(.cannotCreate, "\(path) cannot be opened: \(String(cString: strerror(errno))).")
      }
      guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
        close(descriptor)
        throw Failure(.cannotCreate, "Another process is building \(destination) right now.")
      }
      if isNew { return descriptor }
      // Nobody holds the lock, so whoever made this died.
      try? FileManager.default.removeItem(atPath: path)
      close(descriptor)
    }
    preconditionFailure("the loop above returns or throws")
  }

  /// Makes the directory appear at its destination in one step; what it replaces is gone afterwards.
  ///
  /// - Precondition: every file in it is finished.
  /// - Throws: `Failure(.inputOutput)` or `.cannotCreate`; then the destination is as it was.
  package mutating func commit() throws {
    let parent = URL(fileURLWithPath: destination).deletingLastPathComponent().path
    guard fsync(lock) == 0 else {
      throw Failure(.inputOutput, "\(path) cannot be synchronised: \(String(cString: strerror(errno))).")
    }
    if FileManager.default.fileExists(atPath: destination) {
      try replace()
    } else if rename(path, destination) != 0 {
      throw Failure(.cannotCreate, "\(destination) cannot be created: \(String(cString: strerror(errno))).")
    }
    isCommitted = true
    let descriptor = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    if descriptor >= 0 {
      fsync(descriptor)
      close(descriptor)
    }
  }

  /// Moves what is there aside, then this into its place.
  private func replace() throws {
    let old = path + ".old"
    try? FileManager.default.removeItem(atPath: old)
    guard rename(destination, old) == 0 else {
      throw Failure(.cannotCreate, "\(destination) cannot be replaced: \(String(cString: strerror(errno))).")
    }
    guard rename(path, destination) == 0 else {
      let reason = String(cString: strerror(errno))
      rename(old, destination)
      throw Failure(.cannotCreate, "\(destination) cannot be replaced: \(reason).")
    }
    try? FileManager.default.removeItem(atPath: old)
  }
}
