import Failures
import Foundation
import Yams

/// A node of a configuration before it is read: what stands there, and where that came from.
indirect enum Setting: Sendable {
  /// A single value; `isPlain` is false for quoted text, which is never a number or null.
  case scalar(String, isPlain: Bool)
  case list([Setting])
  case mapping([Entry])

  /// One key of a mapping with its value.
  struct Entry: Sendable {
    let key: String
    var origin: Origin
    var setting: Setting
  }

  /// Where a key or value was written.
  enum Origin: Sendable {
    case line(Int)
    case commandLine(String)
  }

  /// Whether this is YAML's null: `key:`, `key: ~` or `key: null`.
  var isNull: Bool {
    guard case .scalar(let text, isPlain: true) = self else { return false }
    return ["", "~", "null", "Null", "NULL"].contains(text)
  }

  /// What stands here, in words, for messages.
  var description: String {
    switch self {
    case .scalar where isNull: "nothing"
    case .scalar(let text, isPlain: true): text.shortened
    case .scalar(let text, isPlain: false): "the text \"\(text.shortened)\""
    case .list: "a list"
    case .mapping: "a mapping"
    }
  }
}

extension String {
  /// At most 60 characters, so that a message stays a sentence.
  var shortened: String { count <= 60 ? self : prefix(57) + "..." }
}

// MARK: - Parsing

extension Setting {
  /// A file beyond this size is certainly not a configuration.
  private static let maximumBytes = 64 << 20

  /// Aliases may add so many nodes to those of the text, each of which has a byte at least; nested aliases grow
  /// exponentially.
  private static let addedNodes = 100_000

  /// Parses YAML (or JSON, its subset) whose root is a mapping; an empty text is an empty mapping.
  ///
  /// - Throws: `Failure` with file and line.
  static func parse(contentsOf path: String) throws -> Setting {
    var isDirectory: ObjCBool = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory) else {
      throw Failure(.missingInput, "The file \(path) does not exist.")
    }
    guard !isDirectory.boolValue else {
      throw Failure(.missingInput, "\(path) is a directory where a YAML file is needed.")
    }
    guard let handle = FileHandle(forReadingAtPath: path), let data = try? handle.read(upToCount: maximumBytes + 1)
    else {
      // An empty file reads as nil from some file systems; it is as good as an empty mapping.
      if FileManager.default.isReadableFile(atPath: path) { return .mapping([]) }
      throw Failure(.missingInput, "The file \(path) cannot be read; its permissions may forbid it.")
    }
    guard data.count <= maximumBytes else {
      throw Failure(.badConfiguration, "\(path) is larger than 64 MiB and so cannot be a configuration.")
    }
    guard let text = String(validating: data, as: UTF8.self) else {
      throw Failure(.badConfiguration, "\(path) is not UTF-8 text; YAML and JSON have to be.")
    }
    let root = try parse(text, describedAs: path) { .line($0) }
    switch root {
    case .mapping: return root
    case _ where root.isNull: return .mapping([])
    default:
      throw Failure(
        .badConfiguration, "\(path):1: A mapping of keys to values is needed here, not \(root.description).")
    }
  }

  /// Parses one YAML document; `origin` makes the place of a line known to later messages.
  static func parse(_ text: String, describedAs place: String, origin: (Int) -> Origin) throws -> Setting {
    guard !hasCostlyKeys(text) else {
      throw Failure(.badConfiguration, "\(place): A key has to be a single word, not a list, mapping or alias.")
    }
    let node: Node?
    do {
      node = try Yams.compose(yaml: text)
    } catch let error as YamlError {
      throw Failure(.badConfiguration, "\(place)\(explanation(of: error))")
    }
    guard let node else { return .scalar("", isPlain: true) }
    var budget = text.utf8.count + addedNodes
    return try converted(node, describedAs: place, origin: origin, budget: &budget)
  }

  /// Whether a text may have keys that take Yams for ever: it compares keys after it has expanded the aliases in them.
  ///
  /// Up to two dozen aliases cannot expand to much. Above, anything that may be a key other than a word counts.
  private static func hasCostlyKeys(_ text: String) -> Bool {
    let bytes = text.utf8
    let aliases = zip(bytes, bytes.dropFirst()).count { $0 == UInt8(ascii: "*") && $1 > UInt8(ascii: " ") }
    return aliases > 24 && text.contains(/(?:^|[\s\[{,])\?\s|\*[\w\-]+\s*:|[\]}]\s*:/)
  }

  private static func converted(
    _ node: Node, describedAs place: String, origin: (Int) -> Origin, budget: inout Int
  ) throws -> Setting {
    budget -= 1
    guard budget > 0 else {
      throw Failure(.badConfiguration, "\(place): Its aliases expand to too many values; write them out.")
    }
    let line = node.mark?.line ?? 1
    switch node {
    case .scalar(let scalar):
      return .scalar(scalar.string, isPlain: scalar.style == .plain)
    case .sequence(let sequence):
      return .list(try sequence.map { try converted($0, describedAs: place, origin: origin, budget: &budget) })
    case .mapping(let mapping):
      var entries: [Entry] = []
      var lines: [String: Int] = [:]
      for (key, value) in mapping {
        let line = key.mark?.line ?? line
        guard let name = key.scalar?.string else {
          throw Failure(.badConfiguration, "\(place):\(line): A key has to be a single word, not a list or mapping.")
        }
        if let first = lines.updateValue(line, forKey: name) {
          throw duplicate(name, place, line: line, first: first)
        }
        let setting = try converted(value, describedAs: place, origin: origin, budget: &budget)
        entries.append(Entry(key: name, origin: origin(line), setting: setting))
      }
      return .mapping(entries)
    case .alias:
      throw Failure(.badConfiguration, "\(place):\(line): This alias refers to nothing.")
    }
  }

  private static func duplicate(_ key: String, _ place: String, line: Int, first: Int) -> Failure {
    let lines = first == line ? "twice in line \(line)" : "in lines \(first) and \(line)"
    return Failure(
      .badConfiguration,
      "\(place):\(line): The key '\(key)' stands \(lines) of the same mapping; remove one of them.")
  }

  /// Turns the parser's error into `:line: sentence`.
  private static func explanation(of error: YamlError) -> String {
    switch error {
    case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
      .composer(_, let problem, let mark, _):
      return ":\(mark.line): This is not well-formed YAML: \(problem) (column \(mark.column))."
    case .reader(let problem, let offset, _, let text):
      let line = offset.map { text.prefix($0).count(where: \.isNewline) + 1 } ?? 1
      return ":\(line): This is not well-formed YAML: \(problem)."
    case .duplicatedKeysInMapping(let keys, let context):
      let names = keys.map { "'\($0)'" }.joined(separator: ", ")
      return ":\(context.mark.line): The key \(names) stands more than once in the same mapping; remove one of them."
    default:
      return ": This is not well-formed YAML: \(error)."
    }
  }
}

// MARK: - Overrides

extension Setting {
  /// Replaces or adds the value at a dotted path, as in `mixture.smoothing.new_weight=0.1`.
  ///
  /// - Throws: `Failure(.usage)` if there is no `=`, `.badConfiguration` if the value is no YAML or the path leads
  ///   through something that is not a mapping.
  mutating func override(_ text: String) throws {
    guard let equals = text.firstIndex(of: "="), equals > text.startIndex else {
      throw Failure(.usage, "The override '\(text.shortened)' is not of the form key.path=value.")
    }
    let path = text[..<equals].split(separator: ".", omittingEmptySubsequences: false).map(String.init)
    guard !path.contains("") else {
      throw Failure(.usage, "The override '\(text.shortened)' has an empty name in its key path.")
    }
    let value = String(text[text.index(after: equals)...])
    let setting = try Setting.parse(value, describedAs: "The override '\(text.shortened)'") { _ in .commandLine(text) }
    try place(setting, at: path[...], of: text)
  }

  private mutating func place(_ value: Setting, at path: ArraySlice<String>, of text: String) throws {
    if isNull { self = .mapping([]) }
    guard case .mapping(var entries) = self else {
      throw Failure(
        .badConfiguration,
        "The override '\(text.shortened)' on the command line looks for '\(path.first!)' inside \(description); "
          + "only mappings have keys.")
    }
    let origin = Origin.commandLine(text)
    var index = entries.firstIndex { $0.key == path.first! }
    if index == nil {
      index = entries.count
      entries.append(Entry(key: path.first!, origin: origin, setting: .mapping([])))
    }
    if path.count == 1 {
      entries[index!] = Entry(key: path.first!, origin: origin, setting: value)
    } else {
      try entries[index!].setting.place(value, at: path.dropFirst(), of: text)
    }
    self = .mapping(entries)
  }
}
