/// A value of a setting, as it would stand in a configuration.
package indirect enum SettingValue: Equatable, Sendable {
  /// Text, which may need quotes.
  case text(String)
  /// A number, truth value or word that stands as it is.
  case plain(String)
  case list([SettingValue])
  case mapping([(key: String, value: SettingValue)])

  package static func == (one: SettingValue, other: SettingValue) -> Bool {
    switch (one, other) {
    case (.text(let a), .text(let b)), (.plain(let a), .plain(let b)): a == b
    case (.list(let a), .list(let b)): a == b
    case (.mapping(let a), .mapping(let b)):
      a.count == b.count && zip(a, b).allSatisfy { $0.key == $1.key && $0.value == $1.value }
    default: false
    }
  }
}

/// A visitor that changes no property, and takes all kinds of settings alike: for writers and manuals.
package protocol SettingLister: KeyVisitor {
  /// Takes a setting.
  ///
  /// - Parameters:
  ///   - value: Nil for one that is left out.
  ///   - range: The values that are possible, in words; empty if the value says it.
  func take(_ key: String, _ value: SettingValue?, range: String, _ meaning: String) throws
  /// Takes a list of mappings, each of which `visit` lets a lister of its own see.
  func take(_ key: String, mappings: Int, _ meaning: String, visit: (Int, any KeyVisitor) throws -> Void) throws
}

extension SettingLister {
  package func text(_ key: String, _ value: inout String, _ meaning: String) throws {
    try take(key, value.isEmpty ? nil : .text(value), range: "text", meaning)
  }

  package func text(_ key: String, _ value: inout String?, _ meaning: String) throws {
    try take(key, value.map { .text($0) }, range: "text", meaning)
  }

  package func path(_ key: String, _ value: inout String, _ meaning: String) throws {
    try text(key, &value, meaning)
  }

  package func path(_ key: String, _ value: inout String?, _ meaning: String) throws {
    try text(key, &value, meaning)
  }

  package func integer(_ key: String, _ value: inout Int, in range: ClosedRange<Int>, _ meaning: String) throws {
    try take(key, .plain("\(value)"), range: "a whole number" + range.bounds, meaning)
  }

  package func integer(_ key: String, _ value: inout Int?, in range: ClosedRange<Int>, _ meaning: String) throws {
    try take(key, value.map { .plain("\($0)") }, range: "a whole number" + range.bounds, meaning)
  }

  package func limit(_ key: String, _ value: inout Int?, in range: ClosedRange<Int>, _ meaning: String) throws {
    try take(
      key, .plain(value.map { "\($0)" } ?? "unlimited"),
      range: "a whole number\(range.bounds), or `unlimited`", meaning)
  }

  package func number(_ key: String, _ value: inout Double, in range: ClosedRange<Double>, _ meaning: String) throws {
    try take(key, .plain("\(value)"), range: "a number" + range.bounds, meaning)
  }

  package func number(_ key: String, _ value: inout Double?, in range: ClosedRange<Double>, _ meaning: String) throws {
    try take(key, value.map { .plain("\($0)") }, range: "a number" + range.bounds, meaning)
  }

  package func numbers(_ key: String, _ value: inout [Double], _ meaning: String) throws {
    try take(key, .list(value.map { .plain("\($0)") }), range: "a list of numbers", meaning)
  }

  package func texts(_ key: String, _ value: inout [String], _ meaning: String) throws {
    try take(key, value.isEmpty ? nil : .list(value.map { .text($0) }), range: "a list of names", meaning)
  }

  package func flag(_ key: String, _ value: inout Bool, _ meaning: String) throws {
    try take(key, .plain("\(value)"), range: "`true` or `false`", meaning)
  }

  package func word(_ key: String, _ value: inout String, among words: [String], _ meaning: String) throws {
    try take(key, .text(value), range: Self.range(of: words), meaning)
  }

  package func word(
    _ key: String, _ value: inout String?, among words: [String], otherwise: String, _ meaning: String
  ) throws {
    try take(key, value.map { .text($0) }, range: Self.range(of: words), meaning)
  }

  package func amount(
    _ key: String, _ value: inout Quantity, in units: Set<Quantity.Unit>, _ meaning: String
  ) throws {
    try take(key, .text(value.description), range: Self.range(of: units), meaning)
  }

  package func amount(
    _ key: String, _ value: inout Quantity?, in units: Set<Quantity.Unit>, _ meaning: String
  ) throws {
    try take(key, value.map { .text($0.description) }, range: Self.range(of: units), meaning)
  }

  package func shares(_ key: String, _ value: inout [Share], _ meaning: String) throws {
    try take(key, value.isEmpty ? nil : Self.mapping(of: value), range: "`{name: share, ...}`", meaning)
  }

  package func mixture(_ key: String, _ value: inout MixtureSource?, _ meaning: String) throws {
    try list(mixture: key, value, meaning)
  }

  /// Takes the shares of a mixture as they are.
  package func list(mixture key: String, _ value: MixtureSource?, _ meaning: String) throws {
    let setting: SettingValue? =
      switch value {
      case .shares(let shares): Self.mapping(of: shares)
      case .run(let path): .text(path)
      case nil: nil
      }
    try take(key, setting, range: "`{domain: share, ...}`, or the path of a run", meaning)
  }

  package func list<Element: Configurable>(_ key: String, _ value: inout [Element], _ meaning: String) throws {
    let elements = value
    try take(key, mappings: elements.count, meaning) { index, lister in
      var element = elements[index]
      try element.visit(lister)
    }
  }

  package func isGiven(_ key: String) -> Bool { false }
  package func isOverridden(_ key: String) -> Bool { false }
  package func setAside(_ keys: [String]) {}
  package func failure(_ key: String, _ message: String) -> any Error { SettingFault(key, message) }

  package func place(of key: String) -> String { key }

  /// A choice of words, in words.
  package static func range(of words: [String]) -> String { alternatives(words.map { "`\($0)`" }) }

  private static func range(of units: Set<Quantity.Unit>) -> String {
    "an amount in " + alternatives(Quantity.Unit.allCases.filter(units.contains).map(\.rawValue))
  }

  /// Words with commas, and `or` before the last.
  private static func alternatives(_ words: [String]) -> String {
    words.count < 2 ? words.joined() : words.dropLast().joined(separator: ", ") + " or " + words.last!
  }

  private static func mapping(of shares: [Share]) -> SettingValue {
    .mapping(shares.map { (key: $0.name, value: .plain("\($0.value)")) })
  }
}

/// A value that does not fit the rest of a run, or that no configuration could give.
package struct SettingFault: Error, Equatable, CustomStringConvertible {
  /// The key whose value it is.
  package let key: String
  package let message: String
  /// A name that nothing has, for a hint at the nearest one.
  package let unknownName: String?
  /// The names that there are; nil for those of the domains.
  package let knownNames: [String]?

  /// - Parameter message: A sentence without a full stop.
  package init(_ key: String, _ message: String, unknownName: String? = nil, among knownNames: [String]? = nil) {
    self.key = key
    self.message = message
    self.unknownName = unknownName
    self.knownNames = knownNames
  }

  package var description: String { "\(key): \(message)" }
}
