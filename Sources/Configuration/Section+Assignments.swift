import Failures

/// A key with its value as it stands on the command line: `key.path=value`.
package struct Assignment: Sendable {
  /// The dotted path.
  package let key: String
  private let setting: Setting

  init(key: String, _ setting: Setting) { (self.key, self.setting) = (key, setting) }

  /// The value, as YAML on one line.
  package var value: String { setting.flow }

  /// The value if it is a word or a number.
  package var word: String? {
    if case .scalar(let text, _) = setting { text } else { nil }
  }

  /// The override that gives the key the value.
  package var text: String { "\(key)=\(value)" }

  /// The same with other words.
  ///
  /// - Parameter transform: Is given each word with its dotted path; names of keys have none.
  package func mapped(_ transform: (_ path: String?, _ word: String) throws -> String) rethrows -> Assignment {
    Assignment(key: key, try setting.mapped(key, transform))
  }
}

extension Assignment: Equatable {
  /// Whether both say the same.
  package static func == (one: Assignment, other: Assignment) -> Bool { one.text == other.text }
}

/// An element of a list that may be a word or a mapping.
package enum ListItem {
  case word(String)
  case mapping(Section)
}

/// Settings that are passed on as they stand, to configurations that know their keys.
extension Section {
  /// The keys of this mapping that nobody has read, with their values.
  package func assignments() -> [Assignment] {
    keys.filter { !isAlreadyRead($0) }.map { key in
      markRead(key)
      return Assignment(key: key, entry(key)!.setting)
    }
  }

  /// The values of a list, each for the key itself; a single value is a list of one.
  ///
  /// - Throws: `Failure(.badConfiguration)` if the key holds a mapping or nothing.
  package func values(_ key: String) throws -> [Assignment] {
    markRead(key)
    switch entry(key)?.setting {
    case .list(let elements)? where !elements.isEmpty: return elements.map { Assignment(key: key, $0) }
    case .scalar? where contains(key): return [Assignment(key: key, entry(key)!.setting)]
    default: throw failure(key, "A list of values is needed here.", kind: .badConfiguration)
    }
  }

  /// Whether the key holds a mapping.
  package func isMapping(_ key: String) -> Bool {
    if case .mapping? = entry(key)?.setting { true } else { false }
  }

  /// The elements of a list, each a word or a mapping; none if the key is absent.
  ///
  /// - Throws: `Failure(.badConfiguration)` if the key or an element holds anything else.
  package func items(_ key: String) throws -> [ListItem] {
    markRead(key)
    guard contains(key) else { return [] }
    guard case .list(let elements)? = entry(key)?.setting else {
      throw failure(key, "A list is needed here, not \(entry(key)!.setting.description).", kind: .badConfiguration)
    }
    return try elements.enumerated().map { index, element in
      switch element {
      case .scalar(let text, _) where !element.isNull: .word(text)
      case .mapping(let entries):
        .mapping(
          Section(
            path: "\(keyPath(key))[\(index)]", file: file, origin: entries.first?.origin ?? origin, entries: entries))
      default:
        throw failure(
          key, "Element \(index + 1) of the list has to be a word or a mapping, not \(element.description).",
          kind: .badConfiguration)
      }
    }
  }
}

extension Setting {
  /// The setting as YAML on one line.
  var flow: String {
    switch self {
    case .scalar(let text, isPlain: true) where text.isEmpty: "~"
    // Between brackets some signs mean something that they do not mean on a line of their own.
    case .scalar(let text, let isPlain): isPlain && !text.contains(/[,\[\]{}:#"']/) ? text : Self.quoted(text)
    case .list(let elements): "[" + elements.map(\.flow).joined(separator: ", ") + "]"
    case .mapping(let entries):
      "{" + entries.map { "\(Self.quoted($0.key)): \($0.setting.flow)" }.joined(separator: ", ") + "}"
    }
  }

  fileprivate func mapped(
    _ path: String, _ transform: (_ path: String?, _ word: String) throws -> String
  ) rethrows -> Setting {
    switch self {
    case .scalar(let text, let isPlain): .scalar(try transform(path, text), isPlain: isPlain)
    case .list(let elements): .list(try elements.map { try $0.mapped(path, transform) })
    case .mapping(let entries):
      .mapping(
        try entries.map { entry in
          let setting = try entry.setting.mapped("\(path).\(entry.key)", transform)
          return Entry(key: try transform(nil, entry.key), origin: entry.origin, setting: setting)
        })
    }
  }

  /// Text in double quotes, in which YAML has the escapes of JSON.
  private static func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"", "\\": result += "\\\(scalar)"
      case "\n": result += "\\n"
      case "\t": result += "\\t"
      case _ where scalar.value < 0x20 || scalar.value == 0x7F:
        result += "\\x" + (scalar.value < 16 ? "0" : "") + String(scalar.value, radix: 16)
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }
}
