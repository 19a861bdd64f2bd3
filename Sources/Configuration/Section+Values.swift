import Failures
import Settings

extension Section {
  /// Reads text; numbers and words count as text too.
  ///
  /// - Throws: `Failure(.badConfiguration)` if the key is absent and has no default, or holds a list or mapping.
  package func string(_ key: String, default: String? = nil) throws -> String {
    let value = try scalar(key, `default`, expected: "text") { text, _ in text }
    markRead(key)
    return value
  }

  /// Reads text that may be left out; absent and null are nil.
  ///
  /// - Throws: `Failure(.badConfiguration)` if the key holds a list or mapping.
  package func optionalString(_ key: String) throws -> String? {
    guard contains(key) else {
      markRead(key)
      return nil
    }
    return try string(key)
  }

  /// Reads a whole number; `1e6` and `200_000` are understood.
  ///
  /// - Throws: `Failure(.badConfiguration)` if the key is absent and has no default, or holds no whole number in the
  ///   range.
  package func integer(
    _ key: String, default: Int? = nil, in range: ClosedRange<Int> = Int.min...Int.max
  ) throws -> Int {
    let expected = "a whole number" + range.bounds
    let value = try scalar(key, `default`, expected: expected) { text, isPlain in
      isPlain ? Number.integer(text).flatMap { range.contains($0) ? $0 : nil } : nil
    }
    markRead(key)
    return value
  }

  /// Reads a whole number or the word `unlimited`, which is nil.
  ///
  /// - Throws: `Failure(.badConfiguration)` if the key holds neither, or a number outside the range.
  package func limit(
    _ key: String, default: Int? = nil, in range: ClosedRange<Int> = 1...Int.max
  ) throws -> Int? {
    let isGiven = contains(key)
    var isUnlimited = !isGiven && `default` == nil
    if isGiven, case .scalar("unlimited", _)? = entry(key)?.setting { isUnlimited = true }
    guard !isUnlimited else {
      markRead(key)
      return nil
    }
    return try integer(key, default: `default`, in: range)
  }

  /// Reads a finite number.
  ///
  /// - Throws: `Failure(.badConfiguration)` if the key is absent and has no default, or holds no finite number in the
  ///   range.
  package func number(
    _ key: String, default: Double? = nil, in range: ClosedRange<Double> = -Double.infinity...Double.infinity
  ) throws -> Double {
    let expected = "a number" + range.bounds
    let value = try scalar(key, `default`, expected: expected) { text, isPlain in
      isPlain ? Number.double(text).flatMap { range.contains($0) ? $0 : nil } : nil
    }
    markRead(key)
    return value
  }

  /// Reads `true` or `false`; `yes`, `no`, `on` and `off` are understood.
  ///
  /// - Throws: `Failure(.badConfiguration)` if the key is absent and has no default, or holds anything else.
  package func boolean(_ key: String, default: Bool? = nil) throws -> Bool {
    let value = try scalar(key, `default`, expected: "true or false") { text, isPlain -> Bool? in
      switch text.lowercased() {
      case _ where !isPlain: nil
      case "true", "yes", "on": true
      case "false", "no", "off": false
      default: nil
      }
    }
    markRead(key)
    return value
  }

  /// Reads one of the words that a type names.
  ///
  /// - Throws: `Failure(.badConfiguration)` that lists the words, the nearest first.
  package func choice<T: RawRepresentable & CaseIterable>(
    _ key: String, default: T? = nil
  ) throws -> T where T.RawValue == String {
    T(rawValue: try word(key, default: `default`?.rawValue, among: T.allCases.map(\.rawValue)))!
  }

  /// Reads one of some words.
  ///
  /// - Throws: `Failure(.badConfiguration)` that lists the words, the nearest first.
  package func word(_ key: String, default: String? = nil, among all: [String]) throws -> String {
    var words = all
    if case .scalar(let text, _)? = entry(key)?.setting { words = Spelling.ranked(words, near: text) }
    let expected = "one of " + words.map { "'\($0)'" }.joined(separator: ", ")
    let value = try scalar(key, `default`, expected: expected) { text, _ in all.contains(text) ? text : nil }
    markRead(key)
    return value
  }

  /// Reads an amount with one of some units, such as `1000steps`.
  ///
  /// - Throws: `Failure(.badConfiguration)` if the key is absent and has no default, or holds no such amount.
  package func quantity(
    _ key: String, default: Quantity? = nil, units: Set<Quantity.Unit>
  ) throws -> Quantity {
    let examples = Quantity.Unit.allCases.filter { units.contains($0) }.map { "100\($0.spellings[0])" }
    let expected = "an amount with its unit, such as " + examples.joined(separator: " or ")
    let value = try scalar(key, `default`, expected: expected) { text, _ in
      Quantity(text).flatMap { units.contains($0.unit) ? $0 : nil }
    }
    markRead(key)
    return value
  }

  /// Reads a list of texts; a single text is a list of one.
  ///
  /// - Throws: `Failure(.badConfiguration)` if the key is absent and has no default, or holds anything but texts.
  package func strings(_ key: String, default: [String]? = nil) throws -> [String] {
    let values = try list(key, `default`, expected: "text") { text, _ in text }
    markRead(key)
    return values
  }

  /// Reads a list of finite numbers; a single number is a list of one.
  ///
  /// - Throws: `Failure(.badConfiguration)` if the key is absent and has no default, or holds anything but numbers.
  package func numbers(_ key: String, default: [Double]? = nil) throws -> [Double] {
    let values = try list(key, `default`, expected: "a number") { text, isPlain in isPlain ? Number.double(text) : nil }
    markRead(key)
    return values
  }

  // MARK: -

  private func scalar<T>(
    _ key: String, _ default: T?, expected: String, parse: (_ text: String, _ isPlain: Bool) -> T?
  ) throws -> T {
    note(key)
    guard let setting = entry(key)?.setting, !setting.isNull else {
      if let value = `default` { return value }
      throw missing(key)
    }
    guard case .scalar(let text, let isPlain) = setting, let value = parse(text, isPlain) else {
      throw failure(key, "The value has to be \(expected), not \(setting.description).")
    }
    return value
  }

  private func list<T>(
    _ key: String, _ default: [T]?, expected: String, parse: (_ text: String, _ isPlain: Bool) -> T?
  ) throws -> [T] {
    note(key)
    guard let setting = entry(key)?.setting, !setting.isNull else {
      if let value = `default` { return value }
      throw missing(key)
    }
    let elements: [Setting]
    switch setting {
    case .list(let list): elements = list
    case .scalar: elements = [setting]
    case .mapping: throw failure(key, "A list is needed here, not a mapping.")
    }
    return try elements.enumerated().map { index, element in
      guard case .scalar(let text, let isPlain) = element, !element.isNull, let value = parse(text, isPlain) else {
        throw failure(key, "Element \(index + 1) of the list has to be \(expected), not \(element.description).")
      }
      return value
    }
  }
}
