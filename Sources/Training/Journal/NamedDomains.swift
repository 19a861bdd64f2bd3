import Corpus
import Mixing

/// The domains that a record or a table names, of what may be a million.
enum NamedDomains {
  /// How many domains a record of `metrics.jsonl` names at most by each of what they are chosen by.
  static let most = 64
  /// The most domains of a corpus of which a record names all.
  static let few = 128

  /// The domains with the largest values, the largest first; of equal ones the first.
  ///
  /// - Complexity: O(domains log most).
  static func largest(_ most: Int, of domains: Int, by value: (Int) -> Double) -> [Int] {
    var best: [(value: Double, domain: Int)] = []
    for domain in 0..<domains {
      let value = value(domain)
      if best.count == most {
        guard value > best[most - 1].value else { continue }
        best.removeLast()
      }
      // Later domains come after equal ones.
      var (low, high) = (0, best.count)
      while low < high {
        let middle = (low + high) / 2
        if best[middle].value >= value { low = middle + 1 } else { high = middle }
      }
      best.insert((value, domain), at: low)
    }
    return best.map(\.domain)
  }

  /// The domains that a record names, in order: all of few; of many those that are largest by any of some measures.
  static func chosen(of domains: Int, by measures: [(Int) -> Double]) -> [Int] {
    guard domains > few else { return Array(0..<domains) }
    return Set(measures.flatMap { largest(most, of: domains, by: $0) }).sorted()
  }
}

extension DomainNames {
  /// Takes the names of a corpus's domains.
  init(_ domains: DomainTable) { self.init(domains.count) { domains.name($0) } }
}
