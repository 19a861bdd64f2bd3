import Failures
import Foundation
import Settings
import Yams

/// A writer of settings as YAML, in the order of visiting; it loads again as the same values.
package final class ConfigurationWriter: SettingLister {
  private var pairs: [(Node, Node)] = []
  private let path: String

  package init() { path = "" }
  private init(path: String) { self.path = path }

  /// The YAML of settings, defaults included.
  ///
  /// - Throws: `Failure(.badConfiguration)` that names the key of a value which no configuration could give.
  package static func yaml(of settings: some Configurable) throws -> String {
    let writer = ConfigurationWriter()
    var copy = settings
    try copy.visit(writer)
    return try Yams.serialize(node: writer.node, width: -1, allowUnicode: true)
  }

  package func take(_ key: String, _ value: SettingValue?, range: String, _ meaning: String) {
    if let value { pairs.append((Self.quoted(key), Self.node(of: value))) }
  }

  package func take(
    _ key: String, mappings count: Int, _ meaning: String, visit: (Int, any KeyVisitor) throws -> Void
  ) throws {
    guard count > 0 else { return }
    let nodes = try (0..<count).map { index in
      let writer = ConfigurationWriter(path: "\(path)\(key)[\(index)].")
      try visit(index, writer)
      return writer.node
    }
    pairs.append((Self.quoted(key), Node(nodes, .implicit, .block)))
  }

  package func section(_ key: String, _ body: (any KeyVisitor) throws -> Void) throws {
    let writer = ConfigurationWriter(path: path + key + ".")
    try body(writer)
    if !writer.pairs.isEmpty { pairs.append((Self.quoted(key), writer.node)) }
  }

  /// Writes the path from the root, so that the configuration can be read from any directory.
  package func path(_ key: String, _ value: inout String, _ meaning: String) throws {
    var absolute = value.isEmpty ? value : Self.absolute(value)
    try text(key, &absolute, meaning)
  }

  package func path(_ key: String, _ value: inout String?, _ meaning: String) throws {
    var absolute = value.map(Self.absolute)
    try text(key, &absolute, meaning)
  }

  package func mixture(_ key: String, _ value: inout MixtureSource?, _ meaning: String) throws {
    guard case .run(var run)? = value else { return try list(mixture: key, value, meaning) }
    try path(key, &run, meaning)
  }

  private static func absolute(_ path: String) -> String { URL(fileURLWithPath: path).standardizedFileURL.path }

  package func place(of key: String) -> String { path + key }

  package func failure(_ key: String, _ message: String) -> any Error {
    Failure(.badConfiguration, "\(path)\(key): \(message)")
  }

  private var node: Node { Node(pairs, .implicit, pairs.isEmpty ? .flow : .block) }

  /// Quotes whatever would be read as something else than text.
  private static func quoted(_ text: String) -> Node {
    let isWord = Resolver.default.resolveTag(of: Node(text)) == .str
    return Node(text, Tag(.str), isWord ? .any : .doubleQuoted)
  }

  private static func node(of value: SettingValue) -> Node {
    switch value {
    case .text(let text): Self.quoted(text)
    case .plain(let text): Node(text, .implicit, .plain)
    case .list(let elements): Node(elements.map(node), .implicit, .flow)
    case .mapping(let entries): Node(entries.map { (Self.quoted($0.key), node(of: $0.value)) }, .implicit, .flow)
    }
  }
}

/// A list of keys for people, with default and meaning.
package final class Manual: SettingLister {
  /// One key.
  package struct Entry: Equatable {
    /// The dotted path from the root.
    package let path: String
    /// The value if nothing is said, as it would stand in a file; nil if there is none.
    package let value: String?
    /// What holds without a value, in words; nil if nothing does.
    package let otherwise: String?
    /// Whether the key has to be given.
    package let isRequired: Bool
    /// The values that are possible, in words.
    package let range: String
    package let meaning: String
  }

  /// The keys in the order of visiting.
  package private(set) var entries: [Entry] = []
  private let path: String

  package init() { path = "" }
  private init(path: String) { self.path = path }

  package func take(_ key: String, _ value: SettingValue?, range: String, _ meaning: String) {
    append(key, value.map(Self.text), range: range, meaning)
  }

  package var isListingAll: Bool { true }

  /// Lists text without a default as required: text that may be left out is visited as an optional.
  package func text(_ key: String, _ value: inout String, _ meaning: String) {
    append(key, value.isEmpty ? nil : value, isRequired: value.isEmpty, range: "text", meaning)
  }

  package func word(
    _ key: String, _ value: inout String?, among words: [String], otherwise: String, _ meaning: String
  ) {
    append(key, value, otherwise: otherwise, range: Self.range(of: words), meaning)
  }

  private func append(
    _ key: String, _ value: String?, otherwise: String? = nil, isRequired: Bool = false, range: String,
    _ meaning: String
  ) {
    entries.append(
      Entry(
        path: path + key, value: value, otherwise: otherwise, isRequired: isRequired, range: range, meaning: meaning))
  }

  package func take(
    _ key: String, mappings count: Int, _ meaning: String, visit: (Int, any KeyVisitor) throws -> Void
  ) {
    take(key, nil, range: "a list of mappings", meaning)
  }

  package func section(_ key: String, _ body: (any KeyVisitor) throws -> Void) throws {
    let manual = Manual(path: path + key + ".")
    try body(manual)
    entries += manual.entries
  }

  private static func text(_ value: SettingValue) -> String {
    switch value {
    case .text(let text): text
    case .plain(let text): text.hasSuffix(".0") ? String(text.dropLast(2)) : text
    case .list(let elements): "[" + elements.map(text).joined(separator: ", ") + "]"
    case .mapping(let entries): "{" + entries.map { "\($0.key): \(text($0.value))" }.joined(separator: ", ") + "}"
    }
  }
}

/// A visitor that makes keys known to a section which nobody reads now: those of another choice than the one made.
package final class ToleratingVisitor: SettingLister {
  private let section: Section
  private let choice: String

  /// - Parameter choice: The key whose other values have a use for the keys.
  package init(_ section: Section, besides choice: String) {
    self.section = section
    self.choice = choice
  }

  package func take(_ key: String, _ value: SettingValue?, range: String, _ meaning: String) {
    section.tolerate(key, besides: choice)
  }

  package func take(
    _ key: String, mappings count: Int, _ meaning: String, visit: (Int, any KeyVisitor) throws -> Void
  ) { section.tolerate(key, besides: choice) }

  package func section(_ key: String, _ body: (any KeyVisitor) throws -> Void) throws {
    try body(ToleratingVisitor(section.section(key), besides: choice))
  }
}
