import Failures
import Foundation
import Storage

/// The directory by which the processes of a build share its work, and from which a later one goes on.
///
/// A result has a name made of everything that it depends on: text that has changed, another recipe or another program
/// lead to other names, so nothing stale is ever taken. Its files are there before its record, which has their
/// checksums. Nobody waits for the disk: after a failure of the machine the checksums tell what is whole.
struct WorkDirectory: Sendable {
  /// The name of such a directory in a corpus that is being built.
  static let name = "work"

  let path: String

  private static let claimPrefix = "claimed-"
  private static let abandonment = "abandoned"
  private static let recordSuffix = ".json"

  /// What is left of a piece of work that is done.
  private struct Record<Content: Codable>: Codable {
    var files: [String: FileRecord]
    var content: Content
  }

  /// Creates the directory, or takes over that of a dead build.
  ///
  /// - Throws: `Failure(.cannotCreate)`.
  func begin() throws {
    guard mkdir(path, 0o755) == 0 || errno == EEXIST else {
      throw Failure(.cannotCreate, "\(path) cannot be created: \(String(cString: strerror(errno))).")
    }
    remove { $0.hasPrefix(Self.claimPrefix) || $0 == Self.abandonment }
  }

  private var names: [String] { (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? [] }

  /// Removes files by their names.
  func remove(where isUnwanted: (String) -> Bool) {
    for name in names where isUnwanted(name) { unlink(file(name)) }
  }

  /// Removes everything but results that a later build can take over; returns the bytes of these.
  func keepOnlyResults() -> Int {
    let results = Set(names.filter { $0.hasSuffix(Self.recordSuffix) }.map { Self.result(of: $0) })
      .subtracting([TokenPlan.name])
    remove { !results.contains(Self.result(of: $0)) }
    return names.reduce(0) { sum, name in
      var status = stat()
      return stat(file(name), &status) == 0 ? sum + Int(status.st_size) : sum
    }
  }

  /// The name of the result that a file belongs to.
  private static func result(of file: String) -> String { String(file.prefix { $0 != "." }) }

  /// Removes results that nothing can be made of any more.
  ///
  /// - Parameter kind: What the names of such results begin with.
  func keepOnly(_ names: [String], of kind: String) {
    let names = Set(names)
    remove { $0.hasPrefix(kind) && !names.contains(Self.result(of: $0)) }
  }

  /// The path of a file.
  func file(_ name: String) -> String { "\(path)/\(name)" }

  // MARK: - Sharing

  /// Takes a piece of work, unless another process has taken it.
  ///
  /// - Throws: `Failure(.inputOutput)`.
  func claim(_ name: String) throws -> Bool {
    let descriptor = open(file(Self.claimPrefix + name), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
    if descriptor < 0 {
      guard errno == EEXIST else {
        throw Failure(.inputOutput, "\(path) cannot be written to: \(String(cString: strerror(errno))).")
      }
      return false
    }
    close(descriptor)
    return true
  }

  /// Tells all processes to leave their work.
  func abandon() { close(open(file(Self.abandonment), O_WRONLY | O_CREAT | O_CLOEXEC, 0o644)) }

  /// Whether a process has failed or was asked to stop, so that the others need not go on.
  var isAbandoned: Bool { access(file(Self.abandonment), F_OK) == 0 }

  // MARK: - Results

  /// Says that a result is whole.
  ///
  /// - Parameter files: The names of its files.
  /// - Throws: `Failure(.inputOutput)` or `.cannotCreate`.
  func finish(_ name: String, _ content: some Codable, files: [String: FileRecord]) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    var record = try OutputFile(file(name + ".unfinished"))
    try record.write(Array(try encoder.encode(Record(files: files, content: content))))
    _ = try record.finishInMemory()
    guard rename(file(name + ".unfinished"), file(name + Self.recordSuffix)) == 0 else {
      throw Failure(.inputOutput, "\(path) cannot be written to: \(String(cString: strerror(errno))).")
    }
  }

  /// Whether somebody has said that a result is whole.
  func isFinished(_ name: String) -> Bool { access(file(name + Self.recordSuffix), F_OK) == 0 }

  /// The record of a result.
  ///
  /// - Parameter checked: Whether the checksums of its files are compared.
  /// - Returns: Nil if there is none or its files are not whole.
  func finished<Content: Codable>(_ name: String, as type: Content.Type, checked: Bool) -> Content? {
    guard let data = FileManager.default.contents(atPath: file(name + Self.recordSuffix)),
      let record = try? JSONDecoder().decode(Record<Content>.self, from: data)
    else { return nil }
    let areWhole = !checked || record.files.allSatisfy { isWhole(file($0), $1) }
    return areWhole ? record.content : nil
  }

  private func isWhole(_ path: String, _ record: FileRecord) -> Bool {
    var status = stat()
    guard stat(path, &status) == 0, Int(status.st_size) == record.bytes else { return false }
    return (try? Checksum.digest(ofFile: path)) == record.checksum
  }

  /// The record of a result that has to be there.
  ///
  /// - Throws: `Failure(.inputOutput)` if it is not.
  func result<Content: Codable>(_ name: String, as type: Content.Type) throws -> Content {
    guard let content = finished(name, as: type, checked: false) else {
      throw Failure(
        .inputOutput,
        "\(file(name + Self.recordSuffix)) cannot be read. All ranks have to see the directory of the output.")
    }
    return content
  }
}
