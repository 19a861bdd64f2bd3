extension String {
  /// The text with control characters written as `\x1b`, so that a name can neither move a terminal's cursor nor end a
  /// line.
  public var printable: String { escaping { $0.properties.generalCategory == .control } }

  /// The text with control characters written as `\x1b`, but for line feeds and tabs.
  public var printableLines: String {
    escaping { $0.properties.generalCategory == .control && $0 != "\n" && $0 != "\t" }
  }

  private func escaping(_ isEscaped: (Unicode.Scalar) -> Bool) -> String {
    guard unicodeScalars.contains(where: isEscaped) else { return self }
    var text = ""
    for scalar in unicodeScalars {
      guard isEscaped(scalar) else {
        text.unicodeScalars.append(scalar)
        continue
      }
      let digits = String(scalar.value, radix: 16)
      text += "\\x" + (digits.count < 2 ? "0" : "") + digits
    }
    return text
  }
}
