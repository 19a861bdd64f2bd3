import Foundation
import Storage

/// The text of all documents of a build, one after the other in a temporary file, while it is written.
///
/// Text is read and unpacked once; from here it is taken in any order, so documents can be shuffled, split and sampled
/// without holding them in memory.
struct Spool: ~Copyable {
  /// Where a document's text lies, and the checksum of the document it came from.
  struct Document {
    let offset: Int
    let count: Int
    let digest: Checksum.Digest
  }

  private var file: OutputFile

  /// Creates the temporary file.
  ///
  /// - Throws: `Failure(.cannotCreate)`.
  init(_ path: String) throws { file = try OutputFile(path) }

  /// Appends a document.
  ///
  /// - Throws: `Failure(.inputOutput)`, for instance on a full disk.
  mutating func append(_ text: [UInt8], digest: Checksum.Digest) throws -> Document {
    let document = Document(offset: file.count, count: text.count, digest: digest)
    try file.write(text)
    return document
  }

  /// Ends writing and maps the file, which needs no name from then on.
  ///
  /// - Throws: `Failure(.inputOutput)`.
  consuming func sealed() throws -> SpooledText {
    try file.flush()
    let text = SpooledText(file: try MappedFile(file.path))
    unlink(file.path)
    return text
  }
}

/// The text of all documents of a build, for reading.
struct SpooledText {
  fileprivate let file: MappedFile

  /// Calls a body with the text of a document, which is well-formed UTF-8.
  func withText<Result>(
    of document: Spool.Document, _ body: (UnsafeRawBufferPointer) throws -> Result
  ) rethrows -> Result {
    try file.withBytes {
      try body(UnsafeRawBufferPointer(rebasing: $0[document.offset..<document.offset + document.count]))
    }
  }
}
