import Storage

/// Where a document's text lies, and what is known of the document it came from: a record in a file.
struct Document: BitwiseCopyable {
  /// The checksum of its text, which decides its place in the order.
  let digest: Checksum.Digest
  /// The checksum of its text in normal form, by which it is compared with others.
  let identity: Checksum.Digest
  /// Where its text begins in its block, and how many bytes it has.
  var offset: Int
  var count: Int32
  let block: Int32
  /// The number of its file, and its line there, 0 for the whole file.
  let file: Int32, line: Int32
  /// What was replaced in it.
  let repair: Repair
}

/// A text, and which document of its block has it: what duplicates are found by. Blocks have these sorted.
struct TextKey: BitwiseCopyable, Comparable {
  let identity: Checksum.Digest
  var document: Int

  static func < (a: TextKey, b: TextKey) -> Bool {
    (a.identity.high, a.identity.low, a.document) < (b.identity.high, b.identity.low, b.document)
  }

  static func == (a: TextKey, b: TextKey) -> Bool { a.identity == b.identity && a.document == b.document }
}

/// The names of the files that hold a block of text.
extension TextBlock {
  /// The text of its documents, one after the other.
  var textFile: String { name + ".text" }

  /// A `Document` for each, in the order of the files.
  var documentFile: String { name + ".documents" }

  /// A `TextKey` for each, sorted.
  var keyFile: String { name + ".keys" }
}
