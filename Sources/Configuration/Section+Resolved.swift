import Yams

extension Section {
  /// YAML of everything that was read, defaults included, in the order of reading; it loads again as the same values.
  public var resolved: String {
    // Emitting a tree of scalars that were strings before cannot fail.
    try! Yams.serialize(node: node, width: -1, allowUnicode: true)
  }

  private var node: Node {
    Node(
      readings.map { (Section.text($0.key), Section.node($0.answer)) }, .implicit, readings.isEmpty ? .flow : .block)
  }

  private static func node(_ answer: Answer) -> Node {
    switch answer {
    case .text(let text): Self.text(text)
    case .plain(let text): Node(text, .implicit, .plain)
    case .list(let elements): Node(elements.map(node), .implicit, .flow)
    case .section(let section): section.node
    }
  }

  /// Quotes whatever would be read as something else than text.
  private static func text(_ text: String) -> Node {
    let isWord = Resolver.default.resolveTag(of: Node(text)) == .str
    return Node(text, Tag(.str), isWord ? .any : .doubleQuoted)
  }
}
