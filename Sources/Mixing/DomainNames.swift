/// The names of the domains, in order, each made when it is asked for: there may be a million.
public struct DomainNames: RandomAccessCollection, Sendable {
  /// The number of domains.
  public let count: Int
  private let name: @Sendable (Int) -> String

  /// Takes something that knows the name of a domain by its index.
  public init(_ count: Int, name: @escaping @Sendable (Int) -> String) {
    self.count = count
    self.name = name
  }

  /// Takes names that are there.
  public init(_ names: [String]) { self.init(names.count) { names[$0] } }

  /// The index of the first domain.
  public var startIndex: Int { 0 }
  /// The number of domains.
  public var endIndex: Int { count }
  /// The name of a domain.
  public subscript(domain: Int) -> String { name(domain) }
}
