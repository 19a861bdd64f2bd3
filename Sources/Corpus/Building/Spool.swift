import Foundation
import Storage

/// The text of all documents of a build, one after the other in a temporary file, while it is written.
///
/// Text is read and unpacked once; from here it is taken in any order, so documents can be shuffled, split and sampled
/// without holding them in memory.
struct Spool: ~Copyable {
  /// Where a document's text lies, and what is known of the document it came from.
  struct Document {
    var offset: Int
    var count: Int
    /// The checksum of its text, which decides its place in the order.
    let digest: Checksum.Digest
    /// The checksum of its text in normal form, by which it is compared with others.
    let identity: Checksum.Digest
    /// The number of its file, and its line there, 0 for the whole file.
    let file: Int32, line: Int32
  }

  private var file: OutputFile
  private var names: [String] = []

  /// Creates the temporary file.
  ///
  /// - Throws: `Failure(.cannotCreate)`.
  init(_ path: String) throws { file = try OutputFile(path) }

  /// Says which file the next documents are from.
  mutating func beginFile(_ name: String) { names.append(name) }

  /// Appends a document.
  ///
  /// - Throws: `Failure(.inputOutput)`, for instance on a full disk.
  mutating func append(_ text: [UInt8], identity: Checksum.Digest, line: Int) throws -> Document {
    let document = Document(
      offset: file.count, count: text.count, digest: Checksum.digest(of: text), identity: identity,
      file: Int32(names.count - 1), line: Int32(clamping: line))
    try file.write(text)
    return document
  }

  /// Ends writing and maps the file, which needs no name from then on.
  ///
  /// - Throws: `Failure(.inputOutput)`.
  consuming func sealed() throws -> SpooledText {
    try file.flush()
    let text = SpooledText(file: try MappedFile(file.path), names: names)
    unlink(file.path)
    return text
  }
}

/// The text of all documents of a build, for reading.
struct SpooledText {
  fileprivate let file: MappedFile
  fileprivate let names: [String]

  /// The file of a document, with its line if the file holds several.
  func name(of document: Spool.Document) -> String {
    TextReading.name(of: names[Int(document.file)], line: Int(document.line))
  }

  /// Calls a body with the text of a document, which is well-formed UTF-8.
  func withText<Result>(
    of document: Spool.Document, _ body: (UnsafeRawBufferPointer) throws -> Result
  ) rethrows -> Result {
    try file.withBytes {
      try body(UnsafeRawBufferPointer(rebasing: $0[document.offset..<document.offset + document.count]))
    }
  }
}
