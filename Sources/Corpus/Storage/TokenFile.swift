import Failures
import Storage

/// One part of a corpus: a `.bin` file of tokens with its `.idx`, both mapped.
final class TokenFile: Sendable {
  /// The `.bin` file.
  let data: MappedFile
  let index: TokenIndex
  let vocabularySize: Int

  /// Joins a `.bin` file with its `.idx`.
  ///
  /// - Throws: `Failure(.badData)` if they contradict each other.
  init(data: MappedFile, index: MappedFile, vocabularySize: Int) throws {
    self.data = data
    self.index = try TokenIndex(index, dataSize: data.count)
    self.vocabularySize = vocabularySize
  }

  /// Copies tokens as 32-bit ids and returns the largest of them, as if unsigned.
  ///
  /// - Precondition: the tokens lie within the file.
  func copy(from first: Int, into target: UnsafeMutableBufferPointer<Int32>) -> UInt32 {
    precondition(first >= 0 && first + target.count <= index.tokenCount, "tokens beyond the end of \(data.path)")
    return data.withBytes { bytes in
      guard target.count > 0, let base = bytes.baseAddress else { return 0 }
      switch index.width {
      case .uint16: return TokenFile.copy(base.assumingMemoryBound(to: UInt16.self) + first, into: target)
      case .int32: return TokenFile.copy(base.assumingMemoryBound(to: UInt32.self) + first, into: target)
      }
    }
  }

  @inline(__always)
  private static func copy<Stored: FixedWidthInteger>(
    _ source: UnsafePointer<Stored>, into target: UnsafeMutableBufferPointer<Int32>
  ) -> UInt32 {
    var largest: UInt32 = 0
    for i in 0..<target.count {
      let token = UInt32(truncatingIfNeeded: source[i])
      largest = max(largest, token)
      target[i] = Int32(bitPattern: token)
    }
    return largest
  }

  /// Copies tokens as 32-bit ids and checks them.
  ///
  /// - Precondition: the tokens lie within the file.
  /// - Throws: `Failure`: `.badData` with file, offset and id if an id is beyond the vocabulary, `.inputOutput` if the
  ///   file has become shorter.
  func read(from first: Int, into target: UnsafeMutableBufferPointer<Int32>) throws(Failure) {
    try data.checkSize()
    let largest = copy(from: first, into: target)
    try data.checkSize()
    guard largest < vocabularySize || target.isEmpty else {
      throw outsideVocabulary(Span(_unsafeElements: UnsafeBufferPointer(target)), from: first)
    }
  }

  /// Makes the failure for the first of some tokens whose id is not in the vocabulary.
  func outsideVocabulary(_ tokens: Span<Int32>, from first: Int) -> Failure {
    let isOutside = { (token: Int32) in token < 0 || Int(token) >= self.vocabularySize }
    var place = 0
    while place < tokens.count - 1, !isOutside(tokens[place]) { place += 1 }
    return Failure(
      .badData,
      "\(data.path), offset \((first + place) * index.width.size): The token id \(tokens[place]) is beyond the "
        + "vocabulary of \(vocabularySize); the file is damaged or was made with another tokenizer. Build it again."
    )
  }
}
