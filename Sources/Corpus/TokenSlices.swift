/// What windows are read from, by their domain: slices in an array, or the training text of a corpus's domains.
///
/// A corpus of many domains has no slice in memory for each; they are made from its table when they are asked for.
public struct TokenSlices: Sendable {
  private enum Source {
    case array([TokenSlice])
    case train(DomainTable)
  }

  private let source: Source

  /// Takes slices, which windows name by their place.
  public init(_ slices: [TokenSlice]) { source = .array(slices) }

  /// Takes the training text of all domains.
  public init(trainOf domains: DomainTable) { source = .train(domains) }

  /// The slice of a domain.
  public subscript(domain: Int) -> TokenSlice {
    switch source {
    case .array(let slices): slices[domain]
    case .train(let domains): domains.train(domain)
    }
  }
}
