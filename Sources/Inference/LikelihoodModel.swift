import Corpus
import Failures
import Kernels
import Liveness
import MPI
import Signals
import Training
import Transformer

/// A saved model that says how likely texts are, with ranks sharing the work.
public struct LikelihoodModel: ~Copyable {
  private let saved: SavedModel
  private var model: GPT2
  let tokenizer: Tokenizer
  private let encoder: Tokenizer.Encoder

  /// The most tokens that come before the last one of a text, T.
  var context: Int { saved.model.context }

  /// Tokens of a batch, if the context has not more.
  private static let batchTokens = 1024

  /// Reads a checkpoint, or the latest one of a run directory.
  ///
  /// Collective: every rank calls.
  ///
  /// - Throws: `Failure`: `.missingInput`, `.badData`, also if the model was trained on ids without text, or
  ///   `.badConfiguration` if the node has too little memory.
  public init(at path: String, over world: borrowing Communicator) throws {
    let names = try world.allGather(Array(world.processorName.utf8))
    let (rank, neighbours) = (world.rank, names.count { [own = names[world.rank]] in $0 == own })
    let saved = try world.agree {
      try SavedModel(
        at: path, for: .evaluation, within: .present, ranks: neighbours,
        report: rank == 0 ? SavedModel.warn : { _ in }
      ) { GPT2.activationBytes($0, sequences: Self.sequences($0), length: $0.context, recomputing: true) }
    }
    tokenizer = try world.agree { try saved.textTokenizer() }
    encoder = tokenizer.encoder()
    self.saved = saved
    model = GPT2(
      self.saved.model, sequences: Self.sequences(self.saved.model), length: self.saved.model.context, recomputing: true
    )
  }

  private static func sequences(_ model: ModelConfiguration) -> Int { max(1, batchTokens / model.context) }

  /// The tokens of a text's beginning and of what may follow it, as the tokenizer cuts the two together.
  borrowing func requests(_ context: String, _ continuations: [String]) throws -> [LikelihoodRequest] {
    let before = try tokens(of: context)
    return try continuations.map { continuation in
      let whole = try tokens(of: context + continuation)
      return LikelihoodRequest(context: before, continuation: Array(whole.dropFirst(before.count)))
    }
  }

  /// The tokens of a text.
  borrowing func tokens(of text: String) throws -> [Int32] {
    var text = text
    return try text.withUTF8 { try encoder.encode(UnsafeRawBufferPointer($0)) }
  }

  /// The logarithm of the probability of what each request wants, in nats, and how many contexts were cut.
  ///
  /// Ranks compute batches in turn, and the results are the same for any number of them.
  ///
  /// Collective: every rank calls, with the same requests.
  ///
  /// - Throws: `Failure(.preempted)` if a signal asks to stop.
  mutating func logLikelihoods(
    of requests: [LikelihoodRequest], over world: borrowing Communicator, progress: (_ share: Double) -> Void
  ) throws -> (values: [Double], cut: Int) {
    let plan = LikelihoodBatches(requests, context: context, tokens: model.capacity * context)
    model.reshape(length: context)
    var sums = [Double](repeating: 0, count: plan.requests)
    for round in stride(from: 0, to: plan.batches.count, by: world.size) {
      FlightRecorder.enter(.evaluate)
      if round + world.rank < plan.batches.count {
        model.add(logLikelihoodsOf: plan.batches[round + world.rank], parameters: saved.parameters, to: &sums)
      }
      try world.agree { try StopSignal.check("nothing was evaluated") }
      progress(Double(min(round + world.size, plan.batches.count)) / Double(plan.batches.count))
    }
    var span = sums.mutableSpan
    try world.allReduce(&span, .sum)
    return (sums, plan.cut)
  }
}
