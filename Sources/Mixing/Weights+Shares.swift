import Settings

extension Weights {
  /// Weights in proportion to shares by name; a domain that is not named gets none.
  ///
  /// - Parameter key: The key that the shares are of, for failures.
  /// - Throws: `SettingFault` if there is no such domain, or no share is more than zero.
  public init(_ shares: [Share], of domains: [String], key: String) throws {
    let places = Dictionary(zip(domains, domains.indices)) { first, _ in first }
    var values = [Double](repeating: 0, count: domains.count)
    for share in shares {
      guard let domain = places[share.name] else {
        throw SettingFault(key, "the corpus has no domain `\(share.name)`", unknownName: share.name)
      }
      values[domain] = share.value
    }
    guard let weights = Weights(proportionalTo: values) else {
      throw SettingFault(key, "at least one weight must be more than zero")
    }
    self = weights
  }
}
