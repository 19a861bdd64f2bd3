/// Text that is read as a domain, but is not in the table of domains.
struct AddedDomain: Sendable {
  let name: String
  let text: TokenSlice
}

/// Targets that are trained on.
extension Corpus {
  /// The corpus in which the steering documents of some targets are domains of their own, after the others.
  ///
  /// Such a domain has the target's name, followed by `(target)` if a domain of the corpus has that name. What is
  /// evaluated of a target is never read. Such domains are not in the tree, so the corpus has none then.
  ///
  /// - Parameter key: The configuration's key, for errors.
  /// - Throws: `Failure(.badConfiguration)` that names a target which is not there.
  public func reading(targets names: [String], for key: String) throws -> Corpus {
    guard !names.isEmpty else { return self }
    var domains = domains
    for name in names {
      let target = try target(named: name, for: key)
      var free = name
      while domains.contains(where: { $0.name == free }) { free += " (target)" }
      domains.added.append(AddedDomain(name: free, text: target.steering))
    }
    return Corpus(self, domains: domains)
  }
}

extension DomainTable {
  /// The domains without targets that are read as such.
  public var withoutTargets: DomainTable {
    var table = self
    table.added = []
    return table
  }

  /// Whether a domain is a target's text: all who have the corpus have it, also where they have only a shard.
  public func isTarget(_ domain: Int) -> Bool { domain >= stored }
}
