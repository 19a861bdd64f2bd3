/// Writes the sum of token and position embeddings of `sequences` sequences of `length` tokens.
///
/// Shapes: tokens B T ids, tokenTable (V, C), positionTable (at least T, C), output (B T, C).
/// - Precondition: Every id is in 0..<V.
public func embeddingForward(
  tokens: Span<Int32>, sequences: Int, length: Int,
  tokenTable: Matrix, positionTable: Matrix, into output: Matrix
) {
  precondition(output.rows == sequences * length && positionTable.rows >= length, "one row a token")
  for sequence in 0..<sequences {
    for t in 0..<length {
      let id = Int(tokens[sequence * length + t])
      precondition(id >= 0 && id < tokenTable.rows, "token id outside the vocabulary")
      let token = tokenTable.base + id * tokenTable.stride
      let position = positionTable.base + t * positionTable.stride
      let target = output.base + (sequence * length + t) * output.stride
      forEachVector(output.columns) { i, n in store(load(token + i, n) + load(position + i, n), target + i, n) }
    }
  }
}

/// Adds the gradient of each row to the embeddings it came from; arguments as in the forward pass.
public func embeddingBackward(
  outputGradient: Matrix, tokens: Span<Int32>, sequences: Int, length: Int,
  tokenGradient: Matrix, positionGradient: Matrix
) {
  for sequence in 0..<sequences {
    for t in 0..<length {
      let source = outputGradient.base + (sequence * length + t) * outputGradient.stride
      let token = tokenGradient.base + Int(tokens[sequence * length + t]) * tokenGradient.stride
      let position = positionGradient.base + t * positionGradient.stride
      forEachVector(outputGradient.columns) { i, n in
        let value = load(source + i, n)
        store(load(token + i, n) + value, token + i, n)
        store(load(position + i, n) + value, position + i, n)
      }
    }
  }
}
