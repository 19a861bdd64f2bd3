import Corpus

/// What windows are read from.
package enum WindowSource {
  /// Text that this rank has.
  case mapped(TokenSlices)

  /// Copies the tokens of a window, `length` + 1 of them, into a span from a place on.
  ///
  /// - Throws: `Failure(.badData)` that names file and place if a token id is outside the vocabulary.
  func copy(_ window: Window, length: Int, into tokens: inout MutableSpan<Int32>, at place: Int) throws {
    switch self {
    case .mapped(let slices):
      let first = window.index * length
      try slices[Int(window.domain)].copy(first..<(first + length + 1), into: &tokens, at: place)
    }
  }
}
