import Kernels
import Transformer

/// Tokens whose probability is wanted, and those before them.
package struct LikelihoodRequest {
  package let context: [Int32]
  package let continuation: [Int32]

  /// Asks for a continuation after a context, neither of them empty.
  package init(context: [Int32], continuation: [Int32]) {
    (self.context, self.continuation) = (context, continuation)
  }
}

/// The sequences that answer some requests, put together into batches of similar length.
///
/// Requests that differ in their last token alone share a sequence, since that token is no input: the letters of a
/// question take one. Batches depend on the requests alone, so that their results do not depend on who computes them.
package struct LikelihoodBatches {
  /// The inputs of one sequence, and the tokens that are wanted after some of its positions.
  package struct Passage {
    package let inputs: [Int32]
    package fileprivate(set) var wanted: [Wanted] = []
  }

  /// A token of a request.
  package struct Wanted {
    package let request: Int
    package let position: Int
    package let token: Int32
  }

  /// The passages of each batch, the longest first.
  package let batches: [[Passage]]
  /// The number of requests.
  package let requests: Int
  /// Requests whose context was too long and has lost its beginning.
  package let cut: Int

  /// Plans batches of up to `tokens` tokens, padding included, or one sequence.
  ///
  /// - Parameter context: The most inputs of a sequence.
  /// - Precondition: Every request has a context and wants from 1 to `context` tokens.
  package init(_ requests: [LikelihoodRequest], context: Int, tokens: Int) {
    var passages: [Passage] = []
    var places: [ArraySlice<Int32>: Int] = [:]
    var cut = 0
    for (number, request) in requests.enumerated() {
      let wanted = request.continuation
      precondition(!request.context.isEmpty && (1...context).contains(wanted.count))
      let whole = request.context + wanted.dropLast()
      if whole.count > context { cut += 1 }
      let inputs = whole.suffix(context)
      let place = places[inputs] ?? passages.count
      if place == passages.count {
        places[inputs] = place
        passages.append(Passage(inputs: Array(inputs)))
      }
      let first = inputs.count - wanted.count
      for (offset, token) in wanted.enumerated() {
        passages[place].wanted.append(Wanted(request: number, position: first + offset, token: token))
      }
    }
    batches = Self.batches(of: passages, tokens: tokens)
    self.requests = requests.count
    self.cut = cut
  }

  private static func batches(of passages: [Passage], tokens: Int) -> [[Passage]] {
    let order = passages.indices.sorted { (-passages[$0].inputs.count, $0) < (-passages[$1].inputs.count, $1) }
    var batches: [[Passage]] = []
    for place in order {
      if let longest = batches.last?.first?.inputs.count, (batches.last!.count + 1) * longest <= tokens {
        batches[batches.count - 1].append(passages[place])
      } else {
        batches.append([passages[place]])
      }
    }
    return batches
  }
}

extension GPT2 {
  /// Adds the logarithms of the probabilities of a batch's tokens, in nats, to the sums of their requests.
  package mutating func add(
    logLikelihoodsOf batch: [LikelihoodBatches.Passage], parameters: borrowing Arena, to sums: inout [Double]
  ) {
    let length = batch[0].inputs.count
    reshape(length: length)
    var windows: [Int32] = []
    var positions: [Int] = []
    for (row, passage) in batch.enumerated() {
      // What follows a position does not change what is said of it.
      windows += passage.inputs + [Int32](repeating: 0, count: length + 1 - passage.inputs.count)
      positions += passage.wanted.map { row * length + $0.position }
    }
    let wanted = batch.flatMap(\.wanted)
    forward(windows.span, parameters: parameters)
    let losses = losses(of: wanted.map(\.token), after: positions, parameters: parameters.row)
    for (token, loss) in zip(wanted, losses) { sums[token.request] -= Double(loss) }
  }
}
