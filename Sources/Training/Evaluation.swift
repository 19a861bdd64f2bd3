import Corpus
import Failures
import Foundation
import MPI
import Parallel

/// The mean loss of one part of the corpus.
public struct PartLoss: Equatable, Sendable, Encodable {
  /// Nats per token.
  public let nats: Double
  /// The standard error of that mean over windows; nil for fewer than two.
  public let standardError: Double?
  /// The same loss in bits per byte of text.
  public let bitsPerByte: Double

  /// Makes the mean of windows from their mean losses.
  init(windowLosses losses: ArraySlice<Double>, of slice: TokenSlice) {
    let count = Double(losses.count)
    nats = losses.reduce(0, +) / count
    let variance = max(0, losses.reduce(0) { $0 + $1 * $1 } / count - nats * nats) * count / (count - 1)
    standardError = count > 1 ? (variance / count).squareRoot() : nil
    bitsPerByte = nats / log(2) * Double(slice.tokenCount) / Double(max(slice.byteCount, 1))
  }
}

/// The losses of one evaluation.
public struct EvaluationResult: Sendable {
  /// The target's evaluation part.
  public let target: PartLoss
  /// The mean over domains, each counted alike; over a sample of their text if there are many.
  public let generic: Double
  /// The validation part of every domain that was evaluated, by name.
  public let domains: [(name: String, loss: PartLoss)]
}

/// The evaluation of a model on held-out text: a fixed set of windows of the target and of every domain.
struct Evaluation {
  private struct Part {
    let name: String
    let slice: TokenSlice
    let windows: Int
    /// How often it counts in the generic loss.
    var count = 1
  }

  /// The target first, then the domains.
  private let parts: [Part]
  /// Every window to evaluate, part by part; a window's domain is its part.
  private let windows: [Window]
  /// The mean loss of every window.
  private var losses: [Double]
  private let source: WindowSource
  private let length: Int
  /// Domains with too little validation text for one window: how many there are, and the first ones' names.
  let skipped: (count: Int, names: [String])

  /// Chooses the first windows of each part; documents are stored in random order, so these are a fair sample.
  ///
  /// - Throws: `Failure(.badData)` if the target's evaluation part has no whole window.
  init(_ plan: RunPlan) throws {
    let (target, length, sequences) = (plan.target, plan.model.context, plan.description.evaluation.sequences)
    func part(_ name: String, _ slice: TokenSlice) -> Part {
      Part(name: name, slice: slice, windows: min(sequences, windowCount(tokens: slice.tokenCount, context: length)))
    }
    let targetPart = part(target.name, target.evaluation)
    guard targetPart.windows > 0 else {
      throw Failure(
        .badData,
        "The evaluation part of target \(target.name) has \(target.evaluation.tokenCount) tokens, but one sequence "
          + "takes \(length + 1): give the target more documents, or the model a shorter context.")
    }
    let domains = plan.corpus.domains.withoutTargets
    let sample = EvaluationSample(of: domains, most: plan.description.evaluation.domains, length: length)
    let parts =
      [targetPart]
      + sample.domains.map { domain, count in
        var part = part(domains.name(domain), domains.validation(domain))
        part.count = count
        return part
      }
    self.parts = parts
    self.length = length
    skipped = (sample.skipped.count, sample.skipped.first.map { domains.name($0) })
    source = .mapped(TokenSlices(parts.map(\.slice)))
    windows = parts.indices.flatMap { part in
      (0..<parts[part].windows).map { Window(domain: Int32(part), index: $0) }
    }
    losses = [Double](repeating: 0, count: windows.count)
  }

  /// Evaluates; micro-batches are shared by the ranks in turn, and sums made in the order of windows on every rank.
  ///
  /// Collective: every rank calls, with the same parameters.
  ///
  /// - Parameter isGivenUp: Asked after each round of micro-batches whether this rank wants to leave.
  /// - Returns: The losses, the same on every rank; nil if any rank has given up.
  mutating func run(
    on replica: inout Replica, _ parameters: borrowing Parameters<Whole>, over world: borrowing Communicator,
    unless isGivenUp: () -> Bool
  ) throws -> EvaluationResult? {
    for window in losses.indices { losses[window] = 0 }
    let capacity = replica.model.capacity
    let batches = (windows.count + capacity - 1) / capacity
    for round in 0..<(batches + world.size - 1) / world.size {
      let batch = round * world.size + world.rank
      if batch < batches {
        let range = (batch * capacity)..<min(windows.count, (batch + 1) * capacity)
        try replica.evaluate(windows[range], from: source, parameters)
        for (row, window) in range.enumerated() { losses[window] = replica.model.loss(ofSequence: row) }
      }
      if try world.allReduce(isGivenUp() ? 1 : 0, .max) == 1 { return nil }
    }
    var span = losses.mutableSpan
    try world.allReduce(&span, .sum)
    return result()
  }

  /// The means of what has been measured.
  private func result() -> EvaluationResult {
    var first = 0
    let losses = parts.map { part in
      defer { first += part.windows }
      return PartLoss(windowLosses: self.losses[first..<first + part.windows], of: part.slice)
    }
    let domains = zip(parts, losses).dropFirst()
    let count = domains.reduce(0) { $0 + $1.0.count }
    return EvaluationResult(
      target: losses[0], generic: domains.reduce(0) { $0 + Double($1.0.count) * $1.1.nats } / Double(max(count, 1)),
      domains: domains.map { ($0.name, $1) })
  }
}
