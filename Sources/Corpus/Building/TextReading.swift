import Signals
import Storage

/// The first half of a build: sources are read into the spool, without duplicates.
struct TextReading: ~Copyable {
  private var spool: Spool
  private let progress: (String) -> Void
  private var seen: Set<Checksum.Digest> = []
  private(set) var removed = Manifest.Removed()

  /// What a signal that stops a build leads to.
  static let consequenceOfStopping = "nothing was built, and an older corpus is as it was"

  init(spool: consuming Spool, progress: @escaping (String) -> Void) {
    self.spool = spool
    self.progress = progress
  }

  /// Forgets the targets' documents: whether a domain may keep one depends on what the target takes of them.
  mutating func beginDomains() { seen = [] }

  /// Reads the documents of a source; a text counts for the first source that has it.
  ///
  /// - Throws: `Failure(.badData)` that names source and file, also if no text is left.
  mutating func read(_ source: TextSource, files: [String]) throws -> [Spool.Document] {
    var documents: [Spool.Document] = []
    var duplicates = 0
    var empty = 0
    var binary: [String] = []
    var repaired: [String] = []
    for file in files {
      try source.forEachDocument(in: file) { item in
        try StopSignal.check(Self.consequenceOfStopping)
        switch item {
        case .binary(let path): binary.append(path)
        case .text(let text, let fault):
          guard !text.withUnsafeBytes(TextRepair.isBlank) else {
            empty += 1
            return
          }
          let digest = Checksum.digest(of: text)
          guard seen.insert(digest).inserted else {
            duplicates += 1
            return
          }
          if let fault { repaired.append(fault) }
          documents.append(try spool.append(text, digest: digest))
        }
      }
    }
    removed.duplicates += duplicates
    removed.empty += empty
    removed.binary += binary.count
    removed.repaired += repaired.count
    guard !documents.isEmpty else {
      throw source.section.failure(
        "paths",
        "The \(source.owner) has no text of its own in \(source.paths.joined(separator: ", ")): of its documents, "
          + "\(empty) are empty, \(binary.count) not text and \(duplicates) are in earlier places already.",
        kind: .badData)
    }
    report(source, documents, duplicates: duplicates, binary: binary, repaired: repaired)
    return documents
  }

  private func report(
    _ source: TextSource, _ documents: [Spool.Document], duplicates: Int, binary: [String], repaired: [String]
  ) {
    let bytes = documents.reduce(0) { $0 + $1.count }
    let without = duplicates > 0 ? ", without \(duplicates) duplicates" : ""
    progress("Read \(source.owner): \(documents.count) documents of \(bytes) bytes\(without).")
    if let first = repaired.first {
      progress("Invalid UTF-8 was replaced by U+FFFD in \(repaired.count) documents, first in \(first).")
    }
    if let first = binary.first { progress("\(binary.count) files are not text and were left out, first \(first).") }
  }

  /// Ends reading.
  ///
  /// - Throws: `Failure(.inputOutput)`.
  consuming func finish() throws -> (text: SpooledText, removed: Manifest.Removed) {
    let removed = removed
    return (try spool.sealed(), removed)
  }
}
