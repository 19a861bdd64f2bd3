import Inference
import Kernels
import Testing
import Transformer

/// Log-likelihoods in batches against those of one sequence at a time.
struct LikelihoodTests {
  private static let shape = ModelConfiguration(layers: 2, heads: 2, width: 16, context: 24, vocabularySize: 31)

  /// A model whose predictions differ clearly.
  private static func parameters() -> Arena {
    let layout = ParameterLayout(shape)
    let parameters = Arena(count: layout.arenaCount)
    layout.initialize(parameters, seed: 7)
    scale(parameters.row, by: 8)
    return parameters
  }

  private static func tokens(_ count: Int, _ seed: Int) -> [Int32] {
    (0..<count).map { Int32(($0 * $0 * 7 + $0 * seed + seed) % 31) }
  }

  /// Letters of one question, answers of several tokens, contexts that are too long, and one that just fits.
  private static let requests: [LikelihoodRequest] = {
    let letters = (0..<4).map { LikelihoodRequest(context: tokens(9, 1), continuation: [Int32($0)]) }
    let texts = (1..<6).map { LikelihoodRequest(context: tokens(11, 2), continuation: tokens($0, $0 + 20)) }
    let long = [22, 23, 24, 25, 40].map { LikelihoodRequest(context: tokens($0, 3), continuation: tokens(3, 4)) }
    return letters + texts + long + [LikelihoodRequest(context: tokens(1, 5), continuation: tokens(24, 6))]
  }()

  @Test(arguments: [1, 2, 5, 100])
  func `The log-likelihood of a continuation is the loss of the beginning less that of the whole`(_ sequences: Int) {
    let parameters = Self.parameters()
    let batches = LikelihoodBatches(Self.requests, context: 24, tokens: sequences * 24)
    var model = GPT2(Self.shape, sequences: sequences, length: 24, recomputing: true)
    var sums = [Double](repeating: 0, count: batches.requests)
    for batch in batches.batches { model.add(logLikelihoodsOf: batch, parameters: parameters, to: &sums) }
    #expect(batches.cut == 4)
    for (request, value) in zip(Self.requests, sums) {
      let all = Array((request.context + request.continuation).suffix(25))
      let whole = loss(all, parameters)
      let beginning = loss(Array(all.dropLast(request.continuation.count)), parameters)
      #expect(abs(value - (beginning - whole)) < 1e-4)
    }
  }

  /// The summed loss of all tokens but the first.
  private func loss(_ tokens: [Int32], _ parameters: borrowing Arena) -> Double {
    guard tokens.count > 1 else { return 0 }
    var model = GPT2(Self.shape, sequences: 1, length: tokens.count - 1)
    model.evaluate(tokens.span, parameters: parameters.row)
    return sum(model.losses)
  }

  @Test func `Requests that differ in their last token share a sequence, and batches keep to their budget`() {
    let plan = LikelihoodBatches(Self.requests, context: 24, tokens: 100)
    #expect(plan.batches.flatMap { $0 }.count == Self.requests.count - 3)
    for batch in plan.batches {
      let longest = batch.map(\.inputs.count).max()!
      #expect(batch[0].inputs.count == longest && (batch.count == 1 || batch.count * longest <= 100))
    }
  }

  @Test(arguments: [(1, 1), (1, 5), (2, 9), (4, 5), (4, 6), (8, 100), (9, 41), (24, 24), (24, 1000)])
  func `Windows want every token of a text once, with half a context before it`(_ context: Int, _ count: Int) {
    let tokens = (0...count).map { Int32($0) }
    let windows = TextLikelihood.windows(tokens, context: context)
    #expect(windows.flatMap(\.continuation) == Array(tokens.dropFirst()))
    for window in windows {
      #expect(window.context.count + window.continuation.count <= context + 1)
      #expect(window.context.last! + 1 == window.continuation[0])
      #expect(window.context[0] == 0 || window.context.count >= context - context / 2)
    }
  }
}
