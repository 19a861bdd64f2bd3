/// How the domains of a run come from those that it had before, on another corpus: by name.
public struct DomainChange: Sendable {
  /// The number of domains before, and now.
  public let before: Int, now: Int
  /// The domain before of each domain now; -1 for a new one, (domains now).
  private let sources: [Int32]
  /// The part of all weight that each new domain starts with, (domains now); 0 for the others.
  private let shares: [Double]
  /// Whether a domain has text to read, (domains now).
  private let readable: [Bool]

  /// Finds the domains before by the names of those now; nil if none is there still.
  ///
  /// - Parameters:
  ///   - shares: What new domains start with, as a part of all weight, (domains now).
  ///   - readable: Whether a domain has text to read and so can have weight, (domains now); nil if all have.
  /// - Complexity: O(domains).
  public init?(
    from before: some Collection<String>, to now: some Collection<String>, shares: Weights,
    readable: [Bool]? = nil
  ) {
    precondition(shares.count == now.count, "there is one share per domain")
    let places = Dictionary(zip(before, Int32(0)...)) { first, _ in first }
    sources = now.map { places[$0] ?? -1 }
    guard sources.contains(where: { $0 >= 0 }) else { return nil }
    (self.before, self.now) = (before.count, now.count)
    self.readable = readable ?? [Bool](repeating: true, count: now.count)
    self.shares = zip(sources, shares.values).map { $0 < 0 ? $1 : 0 }
  }

  /// Whether the domains are the same, in the same order.
  public var isIdentity: Bool { before == now && sources.indices.allSatisfy { sources[$0] == $0 } }

  /// The domain before of a domain now; nil for a new one.
  public func source(of domain: Int) -> Int? { sources[domain] < 0 ? nil : Int(sources[domain]) }

  /// The new domains, in order.
  public var new: [Int] { sources.indices.filter { sources[$0] < 0 } }

  /// The domains before that are there no more, in order.
  public var left: [Int] {
    var isLeft = [Bool](repeating: true, count: before)
    for source in sources where source >= 0 { isLeft[Int(source)] = false }
    return isLeft.indices.filter { isLeft[$0] }
  }

  /// Copies what is known of each domain that is there still, (domains before), into what is known now, (domains now).
  public func carry<Element>(_ values: [Element], into now: inout [Element]) {
    for (domain, source) in sources.enumerated() where source >= 0 && Int(source) < values.count {
      now[domain] = values[Int(source)]
    }
  }

  /// Carries an array over, with `new` for each new domain.
  public func carried<Element>(_ values: [Element], new: Element) -> [Element] {
    var result = [Element](repeating: new, count: now)
    carry(values, into: &result)
    return result
  }

  /// Carries weights over: new domains have their shares, the others what is left, in the proportions that they had.
  ///
  /// - Parameters:
  ///   - hasShares: Whether new domains get their shares, or nothing.
  ///   - otherwise: The weights if all weight was with domains that have left, and no new one has a share.
  public func carried(_ weights: Weights, hasShares: Bool = true, otherwise: Weights) -> Weights {
    let kept = zip(carried(weights.values, new: 0), readable).map { $1 ? $0 : 0 }
    let total = compensatedSum(kept)
    let arriving = hasShares ? min(1, compensatedSum(shares)) : 0
    guard total > 0 else { return (hasShares ? Weights(proportionalTo: shares) : nil) ?? otherwise }
    guard arriving > 0 else { return Weights(normalising: kept) }
    let factor = (1 - arriving) / total
    return Weights(normalising: zip(kept, shares).map { $0 * factor + $1 })
  }
}

extension MixingMethod where State == NoState {
  /// There is no state.
  public mutating func carry(_ before: State, over change: DomainChange) {}
}

extension MixingMethod {
  /// Weights that move are carried over; those that do not are those of the new domains.
  public func weights(from before: Weights, over change: DomainChange, after step: Int) -> Weights {
    Self.startsFromPrior ? change.carried(before, otherwise: start) : start
  }
}
