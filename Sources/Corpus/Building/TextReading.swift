import Failures
import Printing
import Signals
import Storage

/// The first half of a build: sources are read into the spool, by default each text once.
struct TextReading: ~Copyable {
  private var spool: Spool
  private let onError: Recipe.ErrorHandling
  private let duplicates: Recipe.Duplicates
  private let progress: (String) -> Void
  /// The first source of each text, by number.
  private var seen: [Checksum.Digest: Int32] = [:]
  private var owners: [String] = []
  private var isReadingTargets = true

  /// What a signal that stops a build leads to.
  static let consequenceOfStopping = "nothing was built, and an older corpus is as it was"

  /// So many faults of a file are named; the others are counted.
  private static let namedFaults = 5

  /// The documents of a source, and what was found among its files.
  struct Documents {
    var documents: [Spool.Document] = []
    var tally: Tally
  }

  init(spool: consuming Spool, recipe: Recipe, progress: @escaping (String) -> Void) {
    self.spool = spool
    onError = recipe.onError
    duplicates = recipe.duplicates
    self.progress = progress
  }

  /// Forgets the targets' documents: whether a domain may keep one depends on what the target takes of them.
  mutating func beginDomains() {
    seen = [:]
    owners = []
    isReadingTargets = false
  }

  /// The name of a document for messages.
  static func name(of file: String, line: Int) -> String { file.printable + (line > 0 ? ":\(line)" : "") }

  /// Reads the documents of a source; a text counts for the first source that has it.
  ///
  /// - Throws: `Failure(.badData)` that names source and file, also if no text is left; the failure of the first fault
  ///   if faults end the build.
  mutating func read(_ source: TextSource, files: TextSource.Files) throws -> Documents {
    var result = Documents(tally: files.tally)
    var dropped: [Int32: Int] = [:]
    owners.append(source.owner)
    let number = Int32(owners.count - 1)
    try handle(files.faults, count: files.faults.count, &result.tally)
    for file in files.paths {
      var faults: [TextFault] = []
      var faultCount = 0
      spool.beginFile(file)
      try source.forEachDocument(in: file) { item, line in
        try StopSignal.check(Self.consequenceOfStopping)
        switch item {
        case .notText: result.tally.note(.notText, first: file.printable)
        case .fault(let fault):
          faultCount += 1
          if faults.count < TextReading.namedFaults { faults.append(fault) }
        case .text(let text, let repaired):
          guard !text.withUnsafeBytes(TextRepair.isBlank) else {
            return result.tally.note(.empty, first: TextReading.name(of: file, line: line))
          }
          let identity = TextIdentity.digest(of: text)
          if let earlier = seen[identity] {
            // A target's text steers or is evaluated, so within a target it never stands twice.
            if duplicates == .drop || (isReadingTargets && earlier == number) {
              dropped[earlier, default: 0] += 1
              return result.tally.note(.duplicate, first: TextReading.name(of: file, line: line))
            }
          } else {
            seen[identity] = number
          }
          if let repaired { result.tally.note(.repaired, first: repaired) }
          result.documents.append(try spool.append(text, identity: identity, line: line))
        }
      }
      try handle(faults, count: faultCount, &result.tally)
    }
    guard !result.documents.isEmpty else { throw emptiness(of: source, result.tally, dropped) }
    report(source, result)
    return result
  }

  /// Counts faults, or ends the build with them.
  private func handle(_ faults: [TextFault], count: Int, _ tally: inout Tally) throws {
    guard let first = faults.first else { return }
    guard onError == .stop else { return tally.note(.faulty, count: count, first: first.message) }
    let hint = "`on_error: skip` in the recipe leaves such text out and counts it."
    guard count > 1 else { throw Failure(first.kind, "\(first.message) \(hint)") }
    let rest = count - faults.count
    let lines = faults.map { "\n  \($0.message)" }.joined() + (rest > 0 ? "\n  and \(rest) more." : "")
    throw Failure(first.kind, "\(count) faults, of which the first \(faults.count) are:\(lines)\n\(hint)")
  }

  /// The failure for a source without text of its own, which says where its text is.
  private func emptiness(of source: TextSource, _ tally: Tally, _ dropped: [Int32: Int]) -> Failure {
    let paths = source.paths.map(\.printable).joined(separator: ", ")
    var reasons = [
      (tally.count(.empty), "are empty"), (tally.count(.notText), "not text"), (tally.count(.faulty), "faulty"),
    ].filter { $0.0 > 0 }.map { "\($0.0) \($0.1)" }
    let others = dropped.sorted { $0.key < $1.key }
    let places = others.map { "\($0.value) also in \(owners[Int($0.key)])" }
    if reasons.isEmpty, others.count == 1 {
      reasons = ["all \(others[0].value) are also in \(owners[Int(others[0].key)])"]
    } else {
      reasons += places
    }
    let hint = others.isEmpty ? "" : " `duplicates: keep` in the recipe keeps the text in all of them."
    return source.section.failure(
      "paths",
      "The \(source.owner) has no text of its own in \(paths): of its documents, \(reasons.joined(separator: ", "))."
        + hint, kind: .badData)
  }

  private func report(_ source: TextSource, _ result: Documents) {
    let bytes = result.documents.reduce(0) { $0 + $1.count }
    progress("Read \(source.owner): \(result.documents.count) documents of \(bytes) bytes.")
    for finding in result.tally.findings(of: source.owner) { progress("  \(finding.words).") }
  }

  /// Ends reading.
  ///
  /// - Throws: `Failure(.inputOutput)`.
  consuming func finish() throws -> SpooledText { try spool.sealed() }
}
