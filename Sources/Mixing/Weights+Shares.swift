import Settings

extension Weights {
  /// Weights in proportion to shares by name; a domain that is not named gets none.
  ///
  /// - Parameter key: The key that the shares are of, for failures.
  /// - Throws: `SettingFault` if there is no such domain, or no share is more than zero.
  public init(_ shares: [Share], of domains: some Collection<String>, key: String) throws {
    var named = Dictionary(shares.map { ($0.name, $0.value) }) { $1 }
    let values = domains.map { named.removeValue(forKey: $0) ?? 0 }
    if let unknown = shares.first(where: { named[$0.name] != nil })?.name {
      throw SettingFault(key, "the corpus has no domain `\(unknown)`", unknownName: unknown)
    }
    guard let weights = Weights(proportionalTo: values) else {
      throw SettingFault(key, "at least one weight must be more than zero")
    }
    self = weights
  }
}
