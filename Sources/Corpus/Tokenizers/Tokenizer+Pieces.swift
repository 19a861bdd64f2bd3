extension Tokenizer {
  /// The bytes of text that each id stands for, (vocabulary); none for an id that stands for no text, such as the end
  /// of a document.
  package var pieces: [[UInt8]] {
    switch kind {
    case .bytes: (0..<vocabularySize).map { $0 < 256 ? [UInt8($0)] : [] }
    case .ids: [[UInt8]](repeating: [], count: vocabularySize)
    case .sentencepiece: model?.pieces ?? []
    }
  }
}
