import Kernels
import Testing

/// Sums of small integers are exact in Float, so these comparisons need no tolerance.
struct EmbeddingTests {
  static let sequences = 3
  static let length = 5
  /// Token 2 occurs four times in one sequence and again in the next; token 4 never.
  static let tokens: [Int32] = [2, 2, 0, 2, 2, 5, 2, 1, 1, 6, 0, 3, 6, 6, 6]

  @Test(arguments: [1, 15, 16, 33])
  func `A row is the sum of its token's and its position's embeddings`(width: Int) {
    let (wte, wpe) = (Table.integers(7, width, stream: 20), Table.integers(8, width, stream: 21))
    let tokenTable = Framed(wte), positionTable = Framed(wpe, gap: 1)
    let output = Framed(unsetRows: Self.tokens.count, width)
    embeddingForward(
      tokens: Self.tokens.span, sequences: Self.sequences, length: Self.length,
      tokenTable: tokenTable.matrix, positionTable: positionTable.matrix, into: output.matrix)
    let expected = Table(Self.tokens.count, width) { wte[Int(Self.tokens[$0]), $1] + wpe[$0 % Self.length, $1] }
    #expect(output.contents() == expected)
  }

  @Test(arguments: [1, 15, 16, 33])
  func `Gradients of repeated tokens and of positions add up over what was there`(width: Int) {
    let dy = Table.integers(Self.tokens.count, width, stream: 22)
    var wte = Table.integers(7, width, stream: 23)
    var wpe = Table.integers(8, width, stream: 24)
    let tokenGradient = Framed(wte), positionGradient = Framed(wpe, gap: 1), outputGradient = Framed(dy)
    embeddingBackward(
      outputGradient: outputGradient.matrix, tokens: Self.tokens.span, sequences: Self.sequences, length: Self.length,
      tokenGradient: tokenGradient.matrix, positionGradient: positionGradient.matrix)
    for (row, token) in Self.tokens.enumerated() {
      for column in 0..<width {
        wte[Int(token), column] += dy[row, column]
        wpe[row % Self.length, column] += dy[row, column]
      }
    }
    #expect(tokenGradient.contents() == wte)
    #expect(positionGradient.contents() == wpe)
  }

  @Test func `A token id outside the vocabulary ends the process`() async {
    await #expect(processExitsWith: .failure) { Self.embed(7) }
    await #expect(processExitsWith: .failure) { Self.embed(-1) }
    await #expect(processExitsWith: .success) { Self.embed(6) }
  }

  private static func embed(_ id: Int32) {
    let tables = Framed(Table.integers(7, 4, stream: 25))
    let output = Framed(unsetRows: 1, 4)
    embeddingForward(
      tokens: [id].span, sequences: 1, length: 1, tokenTable: tables.matrix, positionTable: tables.matrix,
      into: output.matrix)
  }
}
