import Settings

/// Keys that are given as values, in place of a configuration; notes every key that is visited.
final class GivenKeys: KeyVisitor {
  struct Failure: Error, Equatable {
    var key, message: String
  }

  private let given: [String: Any]
  private var absent: Set<String> = []
  private(set) var meanings: [String: String] = [:]

  init(_ given: [String: Any] = [:]) { self.given = given }

  private func read<Value>(_ key: String, _ value: inout Value, _ meaning: String) throws {
    meanings[key] = meaning
    guard isGiven(key) else { return }
    guard let new = given[key] as? Value else { throw failure(key, "of another type") }
    value = new
  }

  private func check<Value: Comparable>(_ key: String, _ value: Value?, _ range: ClosedRange<Value>) throws {
    if let value, !range.contains(value) { throw failure(key, "not in \(range)") }
  }

  func text(_ key: String, _ value: inout String, _ meaning: String) throws { try read(key, &value, meaning) }
  func text(_ key: String, _ value: inout String?, _ meaning: String) throws { try read(key, &value, meaning) }
  func path(_ key: String, _ value: inout String, _ meaning: String) throws { try read(key, &value, meaning) }
  func path(_ key: String, _ value: inout String?, _ meaning: String) throws { try read(key, &value, meaning) }
  func integer(_ key: String, _ value: inout Int, in range: ClosedRange<Int>, _ meaning: String) throws {
    try read(key, &value, meaning)
    try check(key, value, range)
  }
  func integer(_ key: String, _ value: inout Int?, in range: ClosedRange<Int>, _ meaning: String) throws {
    try read(key, &value, meaning)
    try check(key, value, range)
  }
  func limit(_ key: String, _ value: inout Int?, in range: ClosedRange<Int>, _ meaning: String) throws {
    try integer(key, &value, in: range, meaning)
  }
  func number(_ key: String, _ value: inout Double, in range: ClosedRange<Double>, _ meaning: String) throws {
    try read(key, &value, meaning)
    try check(key, value, range)
  }
  func number(_ key: String, _ value: inout Double?, in range: ClosedRange<Double>, _ meaning: String) throws {
    try read(key, &value, meaning)
    try check(key, value, range)
  }
  func numbers(_ key: String, _ value: inout [Double], _ meaning: String) throws { try read(key, &value, meaning) }
  func texts(_ key: String, _ value: inout [String], _ meaning: String) throws { try read(key, &value, meaning) }
  func flag(_ key: String, _ value: inout Bool, _ meaning: String) throws { try read(key, &value, meaning) }
  func word(_ key: String, _ value: inout String, among words: [String], _ meaning: String) throws {
    try read(key, &value, meaning)
    guard words.contains(value) else { throw failure(key, "no such choice") }
  }
  func mixture(_ key: String, _ value: inout MixtureSource?, _ meaning: String) throws {
    try read(key, &value, meaning)
  }
  func word(
    _ key: String, _ value: inout String?, among words: [String], otherwise: String, _ meaning: String
  ) throws {
    try read(key, &value, meaning)
    guard value.map(words.contains) ?? true else { throw failure(key, "no such choice") }
  }
  func amount(_ key: String, _ value: inout Quantity, in units: Set<Quantity.Unit>, _ meaning: String) throws {
    try read(key, &value, meaning)
  }
  func amount(_ key: String, _ value: inout Quantity?, in units: Set<Quantity.Unit>, _ meaning: String) throws {
    try read(key, &value, meaning)
  }
  func shares(_ key: String, _ value: inout [Share], _ meaning: String) throws { try read(key, &value, meaning) }
  func section(_ key: String, _ body: (any KeyVisitor) throws -> Void) throws {
    let keys = GivenKeys(given[key] as? [String: Any] ?? [:])
    try body(keys)
    for (name, meaning) in keys.meanings { meanings[key + "." + name] = meaning }
  }
  func list<Element: Configurable>(_ key: String, _ value: inout [Element], _ meaning: String) throws {
    meanings[key] = meaning
    // The keys of an element, too.
    var element = Element()
    let keys = GivenKeys()
    try element.visit(keys)
    for (name, meaning) in keys.meanings { meanings[key + "." + name] = meaning }
    guard let elements = given[key] as? [[String: Any]] else { return }
    value = try elements.map {
      var element = Element()
      try element.visit(GivenKeys($0))
      return element
    }
  }
  func isGiven(_ key: String) -> Bool { given[key] != nil && !absent.contains(key) }
  func isOverridden(_ key: String) -> Bool { false }
  func place(of key: String) -> String { key }
  func setAside(_ keys: [String]) { absent.formUnion(keys) }
  func failure(_ key: String, _ message: String) -> any Error { Failure(key: key, message: message) }
}

extension Configurable {
  /// Makes settings from given keys.
  init(given: [String: Any]) throws {
    self.init()
    try visit(GivenKeys(given))
  }
}
