/// A visitor of the keys of one mapping of a configuration.
///
/// Settings declare their keys once, in ``Configurable/visit(_:)``: name, property, range and meaning. The visitor
/// decides what that is for: a reader sets properties from YAML, a writer notes their values, a manual lists keys with
/// defaults and meanings. Each function leaves the property as it is, its default, if the reader finds no such key.
///
/// Meanings are for the manual: a phrase that completes "this key is", without a full stop.
public protocol KeyVisitor: AnyObject {
  /// Visits text.
  func text(_ key: String, _ value: inout String, _ meaning: String) throws
  /// Visits text that may be left out.
  func text(_ key: String, _ value: inout String?, _ meaning: String) throws
  /// Visits the path of a file or directory.
  func path(_ key: String, _ value: inout String, _ meaning: String) throws
  /// Visits the path of a file or directory that may be left out.
  func path(_ key: String, _ value: inout String?, _ meaning: String) throws
  /// Visits a whole number.
  func integer(_ key: String, _ value: inout Int, in range: ClosedRange<Int>, _ meaning: String) throws
  /// Visits a whole number that may be left out.
  func integer(_ key: String, _ value: inout Int?, in range: ClosedRange<Int>, _ meaning: String) throws
  /// Visits a whole number, or the word `unlimited`, which is nil.
  func limit(_ key: String, _ value: inout Int?, in range: ClosedRange<Int>, _ meaning: String) throws
  /// Visits a finite number.
  func number(_ key: String, _ value: inout Double, in range: ClosedRange<Double>, _ meaning: String) throws
  /// Visits a finite number that may be left out.
  func number(_ key: String, _ value: inout Double?, in range: ClosedRange<Double>, _ meaning: String) throws
  /// Visits a list of finite numbers.
  func numbers(_ key: String, _ value: inout [Double], _ meaning: String) throws
  /// Visits a list of texts.
  func texts(_ key: String, _ value: inout [String], _ meaning: String) throws
  /// Visits a truth value.
  func flag(_ key: String, _ value: inout Bool, _ meaning: String) throws
  /// Visits one of some words.
  func word(_ key: String, _ value: inout String, among words: [String], _ meaning: String) throws
  /// Visits one of some words that may be left out; `otherwise` says in a few words what holds then.
  func word(_ key: String, _ value: inout String?, among words: [String], otherwise: String, _ meaning: String) throws
  /// Visits an amount with one of some units.
  func amount(_ key: String, _ value: inout Quantity, in units: Set<Quantity.Unit>, _ meaning: String) throws
  /// Visits an amount that may be left out.
  func amount(_ key: String, _ value: inout Quantity?, in units: Set<Quantity.Unit>, _ meaning: String) throws
  /// Visits numbers by names that the user chose, such as `{git: 0.3, libc: 0.7}`; each at least 0.
  func shares(_ key: String, _ value: inout [Share], _ meaning: String) throws
  /// Visits the shares of a mixture: numbers by names, or the path of another run whose mixture it is; may be left out.
  func mixture(_ key: String, _ value: inout MixtureSource?, _ meaning: String) throws
  /// Visits the mapping under a key.
  func section(_ key: String, _ body: (any KeyVisitor) throws -> Void) throws
  /// Visits a list of mappings.
  func list<Element: Configurable>(_ key: String, _ value: inout [Element], _ meaning: String) throws

  /// Whether this visitor changes properties: a reader does, a writer and a manual do not.
  var isReading: Bool { get }
  /// Whether this visitor lists all keys, those of choices that are not made included: a manual does.
  var isListingAll: Bool { get }
  /// Makes a reader accept the keys that `visit` visits, without reading them: they belong to another value of the key
  /// `choice` than the one given. A reader notes those that the file gives; on the command line they are errors.
  func tolerate(besides choice: String, _ visit: (any KeyVisitor) throws -> Void) throws
  /// Whether a reader's file or command line gives the key; for other visitors no.
  func isGiven(_ key: String) -> Bool
  /// Whether the command line gives the key: what it says takes the place of other ways to say the same in the file.
  func isOverridden(_ key: String) -> Bool
  /// Makes a reader take keys that only the file gives as absent.
  func setAside(_ keys: [String])
  /// The place of a key, for failures that show later: file and line, or the override, then the key's path; the path
  /// alone of a value made in code.
  func place(of key: String) -> String
  /// Makes a failure that points at the place of a key: file and line, or the override, then the key's path and the
  /// sentence.
  func failure(_ key: String, _ message: String) -> any Error
  /// Makes the failure for a key that has to be there; a reader names an unknown key that looks like it.
  func absence(of key: String) -> any Error
}

extension KeyVisitor {
  /// Only readers change properties.
  public var isReading: Bool { false }
  /// Only manuals list everything.
  public var isListingAll: Bool { false }
  /// Only readers come upon keys that nobody reads.
  public func tolerate(besides choice: String, _ visit: (any KeyVisitor) throws -> Void) throws {}

  /// Visits keys that have a use with some values of the key `choice` only.
  public func visit(if isUsed: Bool, by choice: String, _ visit: (any KeyVisitor) throws -> Void) throws {
    if isUsed || isListingAll { try visit(self) } else { try tolerate(besides: choice, visit) }
  }
  /// Says that a key is missing.
  public func absence(of key: String) -> any Error { failure(key, "This key is required, but missing.") }

  /// Visits one of the words that a type names.
  public func choice<Choice: RawRepresentable & CaseIterable>(
    _ key: String, _ value: inout Choice, _ meaning: String
  ) throws where Choice.RawValue == String {
    var word = value.rawValue
    try self.word(key, &word, among: Choice.allCases.map(\.rawValue), meaning)
    value = Choice(rawValue: word) ?? value
  }

  /// Visits one of the words that a type names, or none; `otherwise` says in a few words what holds then.
  public func choice<Choice: RawRepresentable & CaseIterable>(
    _ key: String, _ value: inout Choice?, otherwise: String, _ meaning: String
  ) throws where Choice.RawValue == String {
    var word = value?.rawValue
    try self.word(key, &word, among: Choice.allCases.map(\.rawValue), otherwise: otherwise, meaning)
    value = word.flatMap { Choice(rawValue: $0) }
  }
}

/// Where the shares of a mixture are from.
public enum MixtureSource: Equatable, Sendable {
  /// Given here, in any scale.
  case shares([Share])
  /// Those of another run: its directory, or its `mixture.json`.
  case run(String)
}

/// A named number, as in `{domain: share}`.
public struct Share: Equatable, Sendable {
  /// The name that the user chose.
  public var name: String
  /// The number.
  public var value: Double

  /// Names a number.
  public init(_ name: String, _ value: Double) {
    self.name = name
    self.value = value
  }
}

/// Settings that can be made in code, or read from and written to a configuration.
public protocol Configurable {
  /// Makes the defaults.
  init()
  /// Visits every key with its property.
  ///
  /// - Throws: `Failure(.badConfiguration)` that names file, line and key, if a reader finds a value that is not
  ///   possible.
  mutating func visit(_ keys: any KeyVisitor) throws
}
