import Kernels

extension GPT2 {
  /// Computes the losses of tokens after some positions of the micro-batch that ``forward(_:parameters:)`` saw last.
  ///
  /// The output layer is computed for these positions alone. A position may be asked for any number of tokens.
  ///
  /// - Parameter positions: For each token the row of ``hiddenStates`` that predicts it.
  /// - Returns: -log p(token | all up to the position), in nats.
  public mutating func losses(of tokens: [Int32], after positions: [Int], parameters: Matrix) -> [Float] {
    precondition(tokens.count == positions.count, "a position for each token")
    let (hidden, table) = (workspace.finalNormal, layout.tokenTable.view(of: parameters))
    var losses: [Float] = []
    for first in stride(from: 0, to: tokens.count, by: hidden.rows) {
      let count = min(hidden.rows, tokens.count - first)
      let (gathered, results) = (workspace.narrow.rows(0, count: count), workspace.losses.columns(0, count: count))
      for row in 0..<count {
        copy(hidden.rows(positions[first + row], count: 1), to: gathered.rows(row, count: 1))
      }
      CrossEntropyHead(hidden: gathered, table: table, losses: results, scratch: workspace.headScratch)
        .forward(targets: tokens.span.extracting(first..<first + count))
      losses += elements(of: results)
    }
    return losses
  }
}
