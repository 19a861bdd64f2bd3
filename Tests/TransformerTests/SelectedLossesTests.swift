import Kernels
import Testing
import Transformer

/// Losses of some tokens, of sequences of any length.
struct SelectedLossesTests {
  private let shape = ModelConfiguration(layers: 2, heads: 2, width: 16, context: 24, vocabularySize: 31)

  @Test func `Losses after some positions are those of the whole pass, and short sequences those of long ones`() {
    var whole = GPT2(shape, sequences: 2, length: 24)
    let parameters = Arena(count: whole.layout.arenaCount)
    whole.layout.initialize(parameters, seed: 3)
    scale(parameters.row, by: 8)
    let windows = (0..<50).map { Int32($0 * $0 % 31) }
    whole.evaluate(windows.span, parameters: parameters.row)

    var model = GPT2(shape, sequences: 2, length: 24, recomputing: true)
    model.forward(windows.span, parameters: parameters)
    // More than there are rows: they are computed in several pieces.
    let positions = (0..<60).map { $0 % 48 }
    let targets = positions.map { windows[$0 / 24 * 25 + $0 % 24 + 1] }
    let losses = model.losses(of: targets, after: positions, parameters: parameters.row)
    for (place, position) in positions.enumerated() {
      #expect(abs(losses[place] - whole.losses[position / 24, position % 24]) < 1e-5)
    }

    // Six sequences of 7 tokens, more than of 24: each is the beginning of the first window.
    model.reshape(length: 7)
    #expect(model.length == 7 && model.capacity == 6)
    let short = [[Int32]](repeating: Array(windows.prefix(8)), count: 6).flatMap { $0 }
    model.forward(short.span, parameters: parameters)
    let seventh = model.losses(
      of: (0..<6).map { _ in windows[7] }, after: (0..<6).map { 7 * $0 + 6 }, parameters: parameters.row)
    for loss in seventh { #expect(abs(loss - whole.losses[0, 6]) < 1e-5) }
    let other = model.losses(of: [windows[7] ^ 1], after: [6], parameters: parameters.row)[0]
    #expect(abs(other - seventh[0]) > 1e-3)
  }
}
