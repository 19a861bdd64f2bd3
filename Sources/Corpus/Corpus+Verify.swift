import Failures
import Storage

extension Corpus {
  /// Reads everything and checks what opening cannot: checksums, that every id is in the vocabulary, and that every
  /// document has its end.
  ///
  /// - Parameter progress: is called with the name of each file before it is read.
  /// - Returns: A sentence that says what was checked.
  /// - Throws: `Failure(.badData)` with file and offset of the first fault.
  @discardableResult public func verify(progress: (String) -> Void = { _ in }) throws -> String {
    // Ids first: they have an offset to name, a checksum has not.
    for part in Manifest.Part.allCases {
      for file in parts[part]?.pieces.map(\.file) ?? [] {
        progress(file.data.path)
        try file.index.check()
        try checkTokens(of: file)
      }
    }
    for directory in directories {
      for (name, record) in directory.manifest.files.sorted(by: { $0.key < $1.key }) {
        let path = "\(directory.path)/\(name)"
        progress(path)
        let digest = try Checksum.digest(ofFile: path)
        guard digest == record.checksum else {
          throw Failure(
            .badData,
            "\(path) is damaged: its checksum is \(digest), where \(record.checksum) is expected. Build the corpus "
              + "again.")
        }
      }
    }
    let files = directories.reduce(0) { $0 + $1.manifest.files.count + 1 }
    let what = shards.map { $0.areAll ? "whole" : "whole as far as it is here (\($0.description))" } ?? "whole"
    let indices = parts.values.flatMap { $0.pieces.map(\.file.index) }
    return "\(path) is \(what): the checksums of \(files) files are right, all "
      + "\(indices.reduce(0) { $0 + $1.tokenCount }) token ids are below \(vocabularySize), and all "
      + "\(indices.reduce(0) { $0 + $1.documentCount }) documents have their end."
  }

  private func checkTokens(of file: TokenFile) throws {
    var buffer = [Int32](repeating: 0, count: 1 << 16)
    for first in stride(from: 0, to: file.index.tokenCount, by: buffer.count) {
      let count = min(buffer.count, file.index.tokenCount - first)
      let largest = buffer.withUnsafeMutableBufferPointer {
        file.copy(from: first, into: UnsafeMutableBufferPointer(rebasing: $0[..<count]))
      }
      guard largest < vocabularySize else {
        throw file.outsideVocabulary(buffer.span.extracting(first: count), from: first)
      }
    }
    for document in 0..<file.index.documentCount {
      let end = file.index.position(ofDocument: document + 1)
      var last = [Int32](repeating: -1, count: 1)
      if end > file.index.position(ofDocument: document) {
        _ = last.withUnsafeMutableBufferPointer { file.copy(from: end - 1, into: $0) }
      }
      guard last[0] == tokenizer.endOfDocument else {
        throw Failure(
          .badData,
          "\(file.data.path), offset \(max(0, end - 1) * file.index.width.size): Document \(document) does not end "
            + "with the id \(tokenizer.endOfDocument).")
      }
    }
  }
}
