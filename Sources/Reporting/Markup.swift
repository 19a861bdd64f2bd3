/// HTML or SVG that is well-formed XML, too: text and attributes are escaped when it is written.
indirect enum Markup: Sendable {
  case element(String, [(String, String)], [Markup])
  case text(String)
  /// Style sheets, which are ours and hold nothing to escape.
  case style(String)
  /// Several in a row.
  case all([Markup])

  /// An element with attributes and content.
  static func tag(_ name: String, _ attributes: [(String, String)] = [], _ content: Markup...) -> Markup {
    .element(name, attributes, content)
  }

  /// An element with text alone.
  static func tag(_ name: String, _ attributes: [(String, String)] = [], text: String) -> Markup {
    .element(name, attributes, [.text(text)])
  }

  /// The characters.
  var source: String {
    var result = ""
    write(to: &result)
    return result
  }

  /// Elements after which a line of the file ends; space between others can be seen.
  private static let blocks: Set<String> = [
    "html", "head", "body", "meta", "title", "style", "main", "header", "section", "h1", "h2", "h3", "h4", "p",
    "figure", "figcaption", "div", "details", "summary", "table", "caption", "thead", "tbody", "tr", "ul", "li", "svg",
    "g",
  ]
  /// HTML's elements without content; all others need an end tag.
  private static let empty: Set<String> = ["meta", "path", "circle", "line", "wbr"]

  private func write(to result: inout String) {
    switch self {
    case .text(let text): result += Self.escaped(text)
    case .style(let text): result += "<style>\n\(text)</style>\n"
    case .all(let parts): for part in parts { part.write(to: &result) }
    case .element(let name, let attributes, let content):
      result += "<\(name)"
      for (key, value) in attributes { result += " \(key)=\"\(Self.escaped(value))\"" }
      if Self.empty.contains(name) {
        result += "/>"
      } else {
        result += ">"
        for part in content { part.write(to: &result) }
        result += "</\(name)>"
      }
      if Self.blocks.contains(name) { result += "\n" }
    }
  }

  /// Text without characters that mean something to a parser, or that XML does not allow.
  private static func escaped(_ text: String) -> String {
    var result = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "&": result += "&amp;"
      case "<": result += "&lt;"
      case ">": result += "&gt;"
      case "\"": result += "&quot;"
      case "\n": result += "&#10;"
      case "\u{FFFE}", "\u{FFFF}": result += "\u{FFFD}"
      case _ where scalar.properties.generalCategory == .control: result += "\u{FFFD}"
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result
  }
}
