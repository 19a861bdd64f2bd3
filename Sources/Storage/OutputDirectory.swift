import Failures
import Foundation

/// A directory that appears whole or not at all.
///
/// It is written beside its destination under a hidden name of ours, which is locked: a second writer is refused, and
/// what a dead one left behind is cleared away, but for remains that the next can go on from. Where there are such, the
/// hidden directory holds both, and remains are removed when the output has appeared. An older directory
/// gives way only if it is empty or, where that is allowed, of the same kind and without files of somebody else; the
/// two then change places in one step.
package struct OutputDirectory: ~Copyable {
  /// Where it will appear.
  package let destination: String
  /// Where it is being written.
  package let path: String

  private let replacement: Replacement?
  /// The hidden directory, and what is in it beside the output.
  private let hidden: String
  private let remains: String?
  private let lock: FileLock
  private let createdParents: [String]
  private var isKept = false

  /// What an older directory has to be to give way.
  package struct Replacement: Sendable {
    /// The kind of directory, and the newest version of its format that is known.
    let kind: DirectoryMarker.Kind
    let newest: Int
    /// What a person has to do to have it replaced; nil if that has been done.
    let condition: String?

    package init(_ kind: DirectoryMarker.Kind, newest: Int, condition: String?) {
      (self.kind, self.newest, self.condition) = (kind, newest, condition)
    }
  }

  /// Creates the hidden directory, and the parents of the destination where they are missing.
  ///
  /// - Parameters:
  ///   - replacement: What may be replaced, besides an empty directory; nil for nothing.
  ///   - remains: The name of a directory in the hidden one that is kept if a dead writer has left one.
  ///   - report: Is called with what a person should know.
  /// - Throws: `Failure(.cannotCreate)` if that fails, another process is writing there, or the destination exists and
  ///   does not give way; `.badData` if that has a newer format.
  package init(
    _ destination: String, replacing replacement: Replacement? = nil, keeping remains: String? = nil,
    report: (String) -> Void = { _ in }
  ) throws {
    let url = Self.resolved(destination)
    let hidden = Self.hiddenPath(for: destination)
    let path = remains == nil ? hidden : "\(hidden)/output"
    guard url.path != "/" else { throw Failure(.cannotCreate, "The root directory cannot be an output.") }
    for path in [hidden, "\(hidden)/output"] { Exchange.recover(url.path, from: path) }
    try Self.check(url.path, replacement)
    let parents = try OutputDirectory.createDirectories(url.deletingLastPathComponent().path)
    let lock: FileLock
    do {
      lock = try OutputDirectory.createLocked(hidden, for: destination, keeping: remains)
      guard path == hidden || mkdir(path, 0o755) == 0 else {
        throw Failure(.cannotCreate, "\(path) cannot be created: \(String(cString: strerror(errno))).")
      }
    } catch {
      for parent in parents.reversed() { rmdir(parent) }
      throw error
    }
    if let warning = lock.warning { report(warning) }
    self.destination = url.path
    self.path = path
    self.replacement = replacement
    self.hidden = hidden
    self.remains = remains
    self.lock = lock
    createdParents = parents
  }

  /// Where a directory is written until it is whole.
  package static func hiddenPath(for destination: String) -> String {
    let url = resolved(destination)
    return url.deletingLastPathComponent().path + "/." + url.lastPathComponent + ".dga-building"
  }

  /// What a link leads to is replaced, not the link.
  private static func resolved(_ destination: String) -> URL {
    URL(fileURLWithPath: destination).standardizedFileURL.resolvingSymlinksInPath()
  }

  /// Leaves the remains to a later writer that goes on from them.
  package mutating func keepRemains() {
    isKept = true
    try? FileManager.default.removeItem(atPath: path)
  }

  deinit {
    guard !isKept else { return }
    try? FileManager.default.removeItem(atPath: hidden)
    for parent in createdParents.reversed() { rmdir(parent) }
  }

  /// Checks that what is at the destination gives way; returns its marker if it has one.
  @discardableResult
  private static func check(_ path: String, _ replacement: Replacement?) throws -> DirectoryMarker? {
    guard entryExists(path) else { return nil }
    let entries = try? FileManager.default.contentsOfDirectory(atPath: path)
    if entries?.isEmpty == true { return nil }
    guard let replacement, let marker = DirectoryMarker(replacement.kind, of: path) else {
      let kind = replacement.map { " and is not a \($0.kind.noun)" } ?? " already"
      throw Failure(.cannotCreate, "\(path) exists\(kind), so it is not replaced; choose another output.")
    }
    try marker.checkVersion(of: path, newest: replacement.newest)
    if let foreign = marker.foreignEntry(in: path) {
      throw Failure(
        .cannotCreate,
        "\(path) is a \(replacement.kind.noun), but \(foreign) in it is none of its files, so it is not replaced; move "
          + "that elsewhere or choose another output.")
    }
    if let condition = replacement.condition {
      throw Failure(.cannotCreate, "\(path) is a \(replacement.kind.noun) already; \(condition).")
    }
    return marker
  }

  /// Whether there is anything under a name, be it a link that leads nowhere.
  private static func entryExists(_ path: String) -> Bool {
    var status = stat()
    return lstat(path, &status) == 0
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

  private static func createLocked(
    _ path: String, for destination: String, keeping remains: String?
  ) throws -> FileLock {
    for attempt in 0... {
      let isNew = mkdir(path, 0o755) == 0
      guard isNew || (errno == EEXIST && attempt < 2) else {
        throw Failure(.cannotCreate, "\(destination) cannot be created: \(String(cString: strerror(errno))).")
      }
      let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
      guard descriptor >= 0 else {
        throw Failure(.cannotCreate, "\(path) cannot be opened: \(String(cString: strerror(errno))).")
      }
      guard let lock = FileLock(descriptor, of: path) else {
        throw Failure(.cannotCreate, "Another process is building \(destination) right now.")
      }
      if isNew { return lock }
      // Nobody holds the lock, so whoever made this died.
      guard let remains, isSame(descriptor, path), entryExists(path + "/" + remains) else {
        try? FileManager.default.removeItem(atPath: path)
        continue
      }
      for name in (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? [] where name != remains {
        try? FileManager.default.removeItem(atPath: path + "/" + name)
      }
      return lock
    }
    preconditionFailure("the loop above returns or throws")
  }

  /// Whether a directory that was opened still has its name: its writer may have ended and renamed it since.
  private static func isSame(_ descriptor: Int32, _ path: String) -> Bool {
    var opened = stat()
    var named = stat()
    return fstat(descriptor, &opened) == 0 && lstat(path, &named) == 0 && opened.st_ino == named.st_ino
  }

  /// Makes the directory appear at its destination in one step; what it replaces is gone afterwards.
  ///
  /// - Parameters:
  ///   - call: What lets the two change places; another one for tests.
  ///   - report: Is called with what a person should know.
  /// - Precondition: every file in it is finished.
  /// - Throws: `Failure(.inputOutput)` or `.cannotCreate`; then the destination is as it was.
  package mutating func commit(
    exchangingBy call: Exchange.Call = Exchange.atOnce, report: (String) -> Void = { _ in }
  ) throws {
    try DurableFile.flush(path)
    // Somebody may have put something there in the meantime.
    if let old = try Self.check(destination, replacement) {
      if try !Exchange.swap(path, destination, by: call) {
        report("The file system of \(destination) cannot exchange directories, so the old one was renamed first.")
      }
      isKept = true
      old.remove(path)
    } else {
      // An empty directory gives way as well.
      guard rename(path, destination) == 0 else {
        throw Failure(.cannotCreate, "\(destination) cannot be created: \(String(cString: strerror(errno))).")
      }
      isKept = true
    }
    if let remains {
      try? FileManager.default.removeItem(atPath: "\(hidden)/\(remains)")
      // Not if somebody else's files were in what was replaced.
      rmdir(hidden)
    }
    try? DurableFile.flush(URL(fileURLWithPath: destination).deletingLastPathComponent().path)
  }
}
