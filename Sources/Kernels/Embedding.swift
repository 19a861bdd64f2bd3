/// Writes the sum of token and position embeddings of `sequences` sequences of `length` tokens.
///
/// Shapes: tokens B T ids, tokenTable (V, C), positionTable (at least T, C), output (B T, C).
/// - Precondition: Every id is in 0..<V.
public func embeddingForward(
  tokens: Span<Int32>, sequences: Int, length: Int,
  tokenTable: Matrix, positionTable: Matrix, into output: Matrix
) {
  precondition(output.rows == sequences * length && positionTable.rows >= length, "one row per token")
  tokens.withUnsafeBufferPointer { tokens in
    forEachThread(output.rows) { _, first, count in
      for row in first..<(first + count) {
        let id = Int(tokens[row])
        precondition(id >= 0 && id < tokenTable.rows, "token id outside the vocabulary")
        let token = tokenTable.base + id * tokenTable.stride
        let position = positionTable.base + row % length * positionTable.stride
        let target = output.base + row * output.stride
        forEachVector(output.columns) { i, n in store(load(token + i, n) + load(position + i, n), target + i, n) }
      }
    }
  }
}

/// Adds the gradient of each row to the embeddings it came from; arguments as in the forward pass.
public func embeddingBackward(
  outputGradient: Matrix, tokens: Span<Int32>, sequences: Int, length: Int,
  tokenGradient: Matrix, positionGradient: Matrix
) {
  // Rows of the tables are met more than once, so threads share columns.
  tokens.withUnsafeBufferPointer { tokens in
    forEachThread(outputGradient.columns, multipleOf: laneCount) { _, first, count in
      for row in 0..<(sequences * length) {
        let source = outputGradient.base + row * outputGradient.stride + first
        let token = tokenGradient.base + Int(tokens[row]) * tokenGradient.stride + first
        let position = positionGradient.base + row % length * positionGradient.stride + first
        forEachVector(count) { i, n in
          let value = load(source + i, n)
          store(load(token + i, n) + value, token + i, n)
          store(load(position + i, n) + value, position + i, n)
        }
      }
    }
  }
}
