/// A key whose value is another one in a second configuration.
package struct SettingChange: Equatable, Sendable {
  /// The dotted path.
  package let key: String
  /// The values before and now; nil where the key is missing.
  package let before, now: String?

  /// A sentence part such as `mixture.kl 0.3 instead of 0.1`.
  package var text: String { "\(key) \(now ?? "nothing") instead of \(before ?? "nothing")" }
}

extension Section {
  /// What two configurations in YAML differ in: a sentence part such as `mixture.kl 0.3 instead of 0.1` for each key.
  ///
  /// - Throws: `Failure(.badConfiguration)` if one of them is malformed.
  package static func changes(from old: String, to new: String) throws -> [String] {
    try differences(from: old, to: new).map(\.text)
  }

  /// The keys in which two configurations in YAML differ, those of the first in its order, then new ones.
  ///
  /// - Throws: `Failure(.badConfiguration)` if one of them is malformed.
  package static func differences(from old: String, to new: String) throws -> [SettingChange] {
    let (before, after) = (try leaves(of: old), try leaves(of: new))
    let known = Set(before.map(\.path))
    let given = Dictionary(uniqueKeysWithValues: after.map { ($0.path, $0.value) })
    return before.compactMap { path, value in
      given[path] == value ? nil : SettingChange(key: path, before: value, now: given[path])
    } + after.filter { !known.contains($0.path) }.map { SettingChange(key: $0.path, before: nil, now: $0.value) }
  }

  /// All values of a configuration in YAML with their dotted paths, in the order of the text.
  ///
  /// - Throws: `Failure(.badConfiguration)` if it is malformed.
  package static func leaves(of text: String) throws -> [(path: String, value: String)] {
    func leaves(_ setting: Setting, _ path: String) -> [(path: String, value: String)] {
      switch setting {
      case .mapping(let entries): entries.flatMap { leaves($0.setting, path.isEmpty ? $0.key : "\(path).\($0.key)") }
      case .list(let elements): [(path, "[" + elements.map(\.description).joined(separator: ", ") + "]")]
      case .scalar: [(path, setting.description)]
      }
    }
    return leaves(try Setting.parse(text, describedAs: "the configuration") { .line($0) }, "")
  }
}
