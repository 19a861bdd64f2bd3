/// One mapping of a configuration file being read, which records what was asked for.
///
/// Values are read by name and type; a key that nobody asked for is an error of `finish()`, so a misspelt key can never
/// be silently ignored. Every failure names file, line and key path, or the override on the command line.
///
///     let run = try Section(contentsOf: "run.yaml", overrides: ["optimizer.clip=0.5"])
///     let clip = try run.section("optimizer").number("clip", default: 1, in: 0...100)
///     try run.finish()
public final class Section {
  /// The dotted path of this mapping from the root, such as `mixture.smoothing`; empty at the root.
  public let path: String

  /// The file that is being read, as it was named.
  public let file: String

  let origin: Setting.Origin
  private(set) var entries: [Setting.Entry]
  private var indices: [String: Int] = [:]

  /// What was asked for, in that order; `known` also holds keys whose presence was only tested.
  private var known: [String] = []
  private var isKnown: Set<String> = []
  private var answers: [String: Answer] = [:]

  /// What a key was read as.
  enum Answer {
    case text(String)
    case plain(String)
    case list([Answer])
    case section(Section)
  }

  /// Opens a YAML or JSON file and applies overrides of the form `a.b.c=value`, whose values are YAML.
  ///
  /// - Throws: `Failure`: `.missingInput` without the file, `.usage` for an override without `=`, `.badConfiguration`
  ///   for malformed YAML or duplicate keys.
  public convenience init(contentsOf path: String, overrides: [String] = []) throws {
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
  public func isOverridden(_ key: String) -> Bool {
    guard contains(key), case .commandLine? = entry(key)?.origin else { return false }
    return true
  }

  /// Takes keys that only the file gives as absent: what the command line says of others takes their place.
  public func setAside(_ keys: String...) {
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
  public func contains(_ key: String) -> Bool {
    note(key)
    return entry(key).map { !$0.setting.isNull } ?? false
  }

  /// Reads a nested mapping, an empty one if the key is absent; asked twice, the same section.
  ///
  /// - Throws: `Failure(.badConfiguration)` if the key holds anything but a mapping.
  public func section(_ key: String) throws -> Section {
    if case .section(let section)? = answers[key] { return section }
    let section = try subsection(key, of: entry(key))
    record(.section(section), for: key)
    return section
  }

  /// The keys that are given here, in the order of the file.
  public var keys: [String] { entries.map(\.key) }

  /// Reads a mapping whose keys the user chose, such as `domains`, in the order of the file.
  ///
  /// - Throws: `Failure(.badConfiguration)` if the key, or one of the names in it, holds anything but a mapping.
  public func entries(_ key: String) throws -> [(name: String, section: Section)] {
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
  /// - Throws: `Failure(.badConfiguration)` that names the first unknown key, its place and the nearest known key.
  public func finish() throws {
    for entry in entries where answers[entry.key] == nil {
      if isKnown.contains(entry.key) {
        throw failure(entry.key, "This key has no use next to the other keys here; remove it.")
      }
      throw failure(entry.key, "This key is not known." + hint(for: entry.key))
    }
    for key in known {
      if case .section(let section)? = answers[key] { try section.finish() }
    }
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

  /// Notes that a key is one of those known here.
  func note(_ key: String) {
    if isKnown.insert(key).inserted { known.append(key) }
  }

  /// Notes what a key was read as; read twice, the last answer counts.
  func record(_ answer: Answer, for key: String) {
    note(key)
    answers[key] = answer
  }

  /// What was read, in that order.
  var readings: [(key: String, answer: Answer)] {
    known.compactMap { key in answers[key].map { (key, $0) } }
  }

  /// The dotted path of a key of this section from the root.
  func keyPath(_ key: String) -> String { path.isEmpty ? key : "\(path).\(key)" }

  /// Makes a failure that points at a key: file and line, or the override, then the key path, then the sentence.
  public func failure(_ key: String, _ message: String, kind: Failure.Kind = .badConfiguration) -> Failure {
    Failure(kind, "\(place(of: entry(key)?.origin ?? origin)): \(keyPath(key)): \(message)")
  }

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
