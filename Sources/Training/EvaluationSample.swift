import Corpus

/// Which domains an evaluation reads, and how often each counts.
///
/// Up to a number of domains, all of those that have a window of validation text, each once. Of more, as many are drawn
/// in proportion to their validation text: those that hold every n-th part of it, so that the draws are spread evenly
/// over the domains' order, which in a tree is by likeness. The draws are the same for every run on the corpus.
struct EvaluationSample {
  /// Domains and how often each was drawn, in their order.
  private(set) var domains: [(domain: Int, count: Int)] = []
  /// Domains with too little text for a window: how many there are, and the first ones.
  private(set) var skipped: (count: Int, first: [Int]) = (0, [])

  /// Chooses domains.
  ///
  /// - Parameters:
  ///   - most: Domains that are all evaluated.
  ///   - length: Tokens of a window.
  init(of table: DomainTable, most: Int, length: Int) {
    func tokens(_ domain: Int) -> Int {
      let tokens = table.validation(domain).tokenCount
      return windowCount(tokens: tokens, context: length) > 0 ? tokens : 0
    }
    var (total, readable) = (0, 0)
    for domain in table.indices {
      let tokens = tokens(domain)
      total += tokens
      readable += tokens > 0 ? 1 : 0
      guard tokens == 0 else { continue }
      if skipped.count < 5 { skipped.first.append(domain) }
      skipped.count += 1
    }
    let stride = Double(total) / Double(most)
    var (end, draws) = (0, 0)
    for domain in table.indices {
      let tokens = tokens(domain)
      guard tokens > 0 else { continue }
      end += tokens
      var count = 1
      if readable > most {
        // The d-th draw is in the middle of the d-th part.
        let drawn = min(most, Int((Double(end) / stride + 0.5).rounded(.down)))
        (count, draws) = (drawn - draws, drawn)
      }
      if count > 0 { domains.append((domain, count)) }
    }
  }
}
