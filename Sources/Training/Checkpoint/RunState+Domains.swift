import Columns
import Corpus
import Failures
import Foundation
import Mixing

/// How a run goes on with a corpus of other domains.
extension RunState {
  /// The file in a checkpoint with the names of the corpus's domains, each ended by a line feed.
  static let domainsFile = "domains.txt"

  /// Reads the state of a checkpoint for the run that goes on from it, carried over if the corpus is another one, and
  /// checks that it fits that run.
  ///
  /// - Returns: The state, in which the mixture's is as it was, and how domains come from those before; nil if they are
  ///   the same.
  /// - Throws: `Failure`: `.badConfiguration` that names the first key that differs; `.badData`.
  static func read(from directory: String, for plan: RunPlan) throws -> (RunState, DomainChange?) {
    let state = try RunState.read(from: directory)
    guard let change = try state.change(to: plan, in: directory) else {
      try state.check(plan, nil, of: directory)
      return (state, nil)
    }
    guard state.step < plan.steps else {
      throw Failure(
        .badConfiguration,
        "The run is complete after step \(state.step), on another corpus than \(plan.corpus.path): give it a longer "
          + "`duration` to go on with this one.")
    }
    let carried = state.carried(over: change)
    try carried.check(plan, change, of: directory)
    return (carried, change)
  }

  /// How the domains of a plan come from those of this checkpoint; nil if the corpus is the same.
  ///
  /// - Throws: `Failure`: `.badConfiguration` if the tokenizer is another one or no domain is there still; `.badData`
  ///   if names are missing.
  private func change(to plan: RunPlan, in directory: String) throws -> DomainChange? {
    guard let before = identity["corpus"], let now = plan.identity["corpus"], before != now else { return nil }
    let corpus = plan.corpus
    guard tokenizer == corpus.tokenizer.hash.description else {
      throw Failure(
        .badConfiguration,
        "\(directory) was written on a corpus with another tokenizer than \(corpus.path) has. A run goes on with "
          + "another corpus if its tokenizer is the same (`tokenizer: {file: ...}` in the recipe); or start "
          + "another `run`.")
    }
    let path = "\(directory)/\(Self.domainsFile)"
    guard let text = FileManager.default.contents(atPath: path) else {
      throw Failure(
        .badConfiguration,
        "\(directory) was written on the corpus \(before), but now it is \(now), and an older dga has not written down "
          + "the names of its domains: build the corpus again from the same texts, recipe and tokenizer, or start "
          + "another `run`.")
    }
    let names = text.split(separator: UInt8(ascii: "\n")).map { String(decoding: $0, as: UTF8.self) }
    guard names.count == cursors.count else {
      throw Failure(.badData, "\(path) has \(names.count) names, but the run had \(cursors.count) domains.")
    }
    guard
      let change = DomainChange(
        from: names, to: DomainNames(corpus.domains), shares: plan.sharesOfNewDomains,
        readable: plan.windowCounts.map { $0 > 0 })
    else {
      throw Failure(
        .badConfiguration,
        "\(directory) was written on another corpus than \(corpus.path), and no domain of that is in this one: the run "
          + "had \(few(names.indices) { names[$0] }), and now there are "
          + "\(few(corpus.domains.indices) { corpus.domains.name($0) }). Restore `corpus`, or start another `run`.")
    }
    return change
  }

  /// The state for a run on the other domains, but for the mixture's.
  private func carried(over change: DomainChange) -> RunState {
    var state = self
    state.cursors = change.carried(cursors, new: 0)
    let left = change.left
    state.departed = (departed ?? 0) + left.reduce(0) { $0 + cursors[$1] }
    state.orders = carriedOrders(change).map { Column(wrappedValue: $0) }
    state.steering = steering.carried(over: change)
    state.ledger = ledger.carried(over: change)
    return state
  }

  /// A domain that is there still keeps the order of its text; a new one gets a number that no other has had.
  private func carriedOrders(_ change: DomainChange) -> [Int]? {
    let before = orders?.wrappedValue ?? Array(0..<change.before)
    var next = max(change.before, (before.max() ?? 0) + 1)
    var result = change.carried(before, new: -1)
    for domain in change.new {
      result[domain] = next
      next += 1
    }
    return result.indices.allSatisfy { result[$0] == $0 } ? nil : result
  }
}

extension DomainChange {
  /// What has become of the domains, in words.
  ///
  /// - Parameter weights: The weights that the run goes on with.
  func summary(_ weights: Weights, names: DomainNames) -> String {
    if isIdentity { return "The corpus is another one, with the same domains." }
    let (new, left) = (new, left)
    var parts = ["\(now - new.count) of \(before) domains go on"]
    if !new.isEmpty {
      let share = new.reduce(0) { $0 + weights.values[$1] }
      parts.append(
        "\(new.count) \(new.count == 1 ? "is" : "are") new with \(String(format: "%.3g", share)) of the weight "
          + "(\(few(new) { names[$0] }))")
    }
    if !left.isEmpty { parts.append("\(left.count) \(left.count == 1 ? "has" : "have") left") }
    return "The corpus is another one: " + parts.joined(separator: ", ") + "."
  }
}

/// The first names of some domains.
private func few(_ domains: some Collection<Int>, _ name: (Int) -> String) -> String {
  let names = domains.prefix(5).map(name).joined(separator: ", ")
  return domains.count > 5 ? "\(names) and \(domains.count - 5) more" : names
}

extension RunPlan {
  /// What domains start with that come into a run, as a part of all weight: by `mixture.prior`, or in proportion to
  /// their text.
  fileprivate var sharesOfNewDomains: Weights {
    let natural = Weights(proportionalTo: windowCounts.map(Double.init))
    return description.mixture.prior == nil ? natural ?? method.start : method.start
  }
}
