import Failures

/// One mapping of a configuration file being read, which records what was asked for.
///
/// Values are read by name and type; a key that nobody asked for is an error of `finish()`, so a misspelt key can never
/// be silently ignored. Every failure names file, line and key path, or the override on the command line.
///
///     let run = try Section(contentsOf: "run.yaml", overrides: ["optimizer.clip=0.5"])
///     let clip = try run.section("optimizer").number("clip", default: 1, in: 0...100)
///     try run.finish()
package final class Section {
  /// The dotted path of this mapping from the root, such as `mixture.smoothing`; empty at the root.
  package let path: String

  /// The file that is being read, as it was named.
  package let file: String

  let origin: Setting.Origin
  private(set) var entries: [Setting.Entry]
  private var indices: [String: Int] = [:]

  /// What was asked for, in that order; `known` also holds keys whose presence was only tested.
  private var known: [String] = []
  private var isKnown: Set<String> = []
  private var isRead: Set<String> = []
  /// The mappings that were read, a key's own or those of a list.
  private var sections: [String: [Section]] = [:]
  /// Keys of other choices than those made, with the key that chooses.
  private var tolerated: [String: String] = [:]

  /// Opens a YAML or JSON file and applies overrides of the form `a.b.c=value`, whose values are YAML.
  ///
  /// - Throws: `Failure`: `.missingInput` without the file, `.usage` for an override without `=`, `.badConfiguration`
  ///   for malformed YAML or duplicate keys.
  package convenience init(contentsOf path: String, overrides: [String] = []) throws {
    var root = try Setting.parse(contentsOf: path)
    for text in overrides { try root.override(text) }
    guard case .mapping(let entries) = root else { preconditionFailure("the root is a mapping") }
    self.init(path: "", file: path, origin: .line(1), entries: entries)
  }

  init(path: String, file: String, origin: Setting.Origin, entries: [Setting.Entry]) {
    self.path = path
    self.file = file
    self.origin = origin
    self.entries = entries
    index()
  }

  /// Tells whether the command line gives the key a value.
  package func isOverridden(_ key: String) -> Bool {
    guard contains(key), case .commandLine? = entry(key)?.origin else { return false }
    return true
  }

  /// Takes keys that only the file gives as absent: what the command line says of others takes their place.
  package func setAside(_ keys: String...) {
    entries.removeAll { entry in
      guard keys.contains(entry.key), case .line = entry.origin else { return false }
      return true
    }
    index()
  }

  private func index() {
    indices = Dictionary(uniqueKeysWithValues: entries.enumerated().map { ($0.element.key, $0.offset) })
  }

  /// Tells whether the key is given a value, without reading it.
  package func contains(_ key: String) -> Bool {
    note(key)
    return entry(key).map { !$0.setting.isNull } ?? false
  }

  /// Reads a nested mapping, an empty one if the key is absent; asked twice, the same section.
  ///
  /// - Throws: `Failure(.badConfiguration)` if the key holds anything but a mapping.
  package func section(_ key: String) throws -> Section {
    if let section = sections[key]?.first { return section }
    let section = try subsection(key, of: entry(key))
    sections[key] = [section]
    markRead(key)
    return section
  }

  /// The keys that are given here, in the order of the file.
  package var keys: [String] { entries.map(\.key) }

  /// Reads a mapping whose keys the user chose, such as `domains`, in the order of the file.
  ///
  /// - Throws: `Failure(.badConfiguration)` if the key, or one of the names in it, holds anything but a mapping.
  package func entries(_ key: String) throws -> [(name: String, section: Section)] {
    let section = try section(key)
    return try section.entries.map { ($0.key, try section.section($0.key)) }
  }

  private func subsection(_ key: String, of entry: Setting.Entry?) throws -> Section {
    let path = keyPath(key)
    guard let entry, !entry.setting.isNull else {
      return Section(path: path, file: file, origin: entry?.origin ?? origin, entries: [])
    }
    guard case .mapping(let entries) = entry.setting else {
      throw failure(key, "A mapping of keys to values is needed here, not \(entry.setting.description).")
    }
    return Section(path: path, file: file, origin: entry.origin, entries: entries)
  }

  /// Checks, in this section and those read from it, that every key was asked for.
  ///
  /// - Returns: The paths of keys that have no use with the choices made, but were only given by the file.
  /// - Throws: `Failure(.badConfiguration)` that names the first unknown key, its place and the nearest known key.
  @discardableResult
  package func finish() throws -> [String] {
    var idle: [String] = []
    for entry in entries where !isRead.contains(entry.key) {
      if let choice = tolerated[entry.key] {
        guard isOverridden(entry.key) else {
          if !entry.setting.isNull { idle.append(keyPath(entry.key)) }
          continue
        }
        throw failure(
          entry.key, "This key has no use with the \(choice) chosen: it belongs to another choice of `\(choice)`.",
          kind: .badConfiguration)
      }
      if isKnown.contains(entry.key) {
        if entry.setting.isNull { continue }
        throw failure(entry.key, "This key has no use next to the other keys here; remove it.")
      }
      throw failure(entry.key, "This key is not known." + hint(for: entry.key))
    }
    for key in known {
      for section in sections[key] ?? [] { idle += try section.finish() }
    }
    return idle
  }

  private func hint(for key: String) -> String {
    let here = known.filter { entry($0) == nil } + known.filter { entry($0) != nil }
    if let nearest = Spelling.nearest(to: key, among: here) { return " Did you mean '\(nearest)'?" }
    if known.isEmpty { return "" }
    return " Known here: \(known.map { "'\($0)'" }.joined(separator: ", "))."
  }

  // MARK: - For typed readings

  /// Finds a key without noting that it was asked for.
  func entry(_ key: String) -> Setting.Entry? { indices[key].map { entries[$0] } }

  /// Makes a key known that nobody reads now, because it belongs to another choice than the one made; on the command
  /// line it would be meant, so there it is not tolerated.
  func tolerate(_ key: String, besides choice: String) { tolerated[key] = choice }

  /// The mappings that a list holds.
  ///
  /// - Throws: `Failure(.badConfiguration)` if the key holds anything else.
  func elements(_ key: String) throws -> [Section] {
    guard case .list(let elements)? = entry(key)?.setting else {
      throw failure(key, "A list of mappings is needed here.", kind: .badConfiguration)
    }
    let origin = entry(key)?.origin ?? origin
    let sections = try elements.enumerated().map { index, element in
      guard case .mapping(let entries) = element else {
        throw failure(
          key, "Element \(index + 1) of the list has to be a mapping of keys to values.", kind: .badConfiguration)
      }
      return Section(path: "\(keyPath(key))[\(index)]", file: file, origin: origin, entries: entries)
    }
    self.sections[key] = sections
    markRead(key)
    return sections
  }

  /// Notes that a key is one of those known here.
  func note(_ key: String) {
    if isKnown.insert(key).inserted { known.append(key) }
  }

  /// Whether somebody has read the key.
  func isAlreadyRead(_ key: String) -> Bool { isRead.contains(key) }

  /// Notes that a key was read.
  func markRead(_ key: String) {
    note(key)
    isRead.insert(key)
  }

  /// The dotted path of a key of this section from the root.
  func keyPath(_ key: String) -> String { path.isEmpty ? key : "\(path).\(key)" }

  /// Makes a failure that points at a key: file and line, or the override, then the key path, then the sentence.
  package func failure(_ key: String, _ message: String, kind: Failure.Kind = .badConfiguration) -> Failure {
    Failure(kind, "\(place(of: key)): \(message)")
  }

  /// The place of a key: file and line, or the override, then the key's path.
  package func place(of key: String) -> String { "\(place(of: entry(key)?.origin ?? origin)): \(keyPath(key))" }

  /// Makes the failure for a key that has to be there; an unread key that looks like it is mentioned.
  func missing(_ key: String) -> Failure {
    if entry(key) != nil { return failure(key, "A value is needed here.") }
    let unread = entries.map(\.key).filter { !isKnown.contains($0) }
    if let typo = Spelling.nearest(to: key, among: unread) {
      return failure(typo, "This key is not known. Did you mean '\(key)', which is required?")
    }
    return failure(key, "This key is required, but missing.")
  }

  private func place(of origin: Setting.Origin) -> String {
    switch origin {
    case .line(let line): "\(file):\(line)"
    case .commandLine(let text): "Command line, '\(text.shortened)'"
    }
  }
}
