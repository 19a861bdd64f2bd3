import Foundation

/// Whether text that became tokens comes back.
enum RoundTrip {
  /// Every byte comes back.
  case exact
  /// Letters and digits come back, but white space, cases or forms of characters are others.
  case normalised
  /// Something is lost.
  case lossy

  /// Decodes the tokens of a text.
  ///
  /// - Throws: `Failure(.internalError)` if the library fails.
  init(of text: String, tokens: [Int32], by tokenizer: Tokenizer) throws {
    let decoded = try tokenizer.decode(tokens)
    if text.utf8.elementsEqual(decoded.utf8) {
      self = .exact
    } else {
      self = RoundTrip.bare(text) == RoundTrip.bare(decoded) ? .normalised : .lossy
    }
  }

  /// What models that normalise leave as it is: no white space or control characters, small letters, compatible forms.
  private static func bare(_ text: String) -> [Unicode.Scalar] {
    text.precomposedStringWithCompatibilityMapping.lowercased().unicodeScalars.filter {
      switch $0.properties.generalCategory {
      case .control, .format, .spaceSeparator, .lineSeparator, .paragraphSeparator: false
      default: true
      }
    }
  }
}
