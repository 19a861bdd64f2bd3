import Corpus
import Kernels

/// How the next token is chosen from its probabilities.
public struct TokenChoice: Sendable {
  /// What logits are divided by; at 0 the most likely token is taken, of equal ones that with the lowest id.
  public var temperature: Double
  /// Only the most likely tokens that together have at least this probability can be drawn (nucleus sampling, Holtzman
  /// et al., arXiv 1904.09751).
  public var topP: Double
  /// Decides all draws.
  public var seed: UInt64

  /// Makes a choice.
  public init(temperature: Double = 0.8, topP: Double = 1, seed: UInt64 = 1) {
    (self.temperature, self.topP, self.seed) = (temperature, topP, seed)
  }

  /// The token for a place of the text that is written, from 0; the draw depends on seed and place alone.
  ///
  /// - Parameter logits: (1, V), which are overwritten.
  package func token(at place: Int, _ logits: Matrix) -> Int32 {
    if temperature == 0 {
      let values = elements(of: logits)
      return Int32(values.indices.max { values[$0] < values[$1] || (values[$0] == values[$1] && $0 > $1) }!)
    }
    exponentials(of: logits, factor: Float(1 / temperature))
    let weights = elements(of: logits)
    let bits = Philox(seed: seed).pair(place, 0, stream: SampleStream.generation.domains).0
    let draw = Double(bits >> 11) * 0x1p-53
    return Self.token(weights, at: draw, order: topP < 1 ? nucleus(of: weights) : nil)
  }

  /// The tokens that can be drawn, the most likely first.
  private func nucleus(of weights: [Float]) -> ArraySlice<Int> {
    let order = weights.indices.sorted { (weights[$1], $0) < (weights[$0], $1) }
    let enough = topP * weights.reduce(0.0) { $0 + Double($1) }
    var sum = 0.0
    let count = order.firstIndex { place in
      sum += Double(weights[place])
      return sum >= enough
    }
    return order[...(count ?? order.count - 1)]
  }

  /// The token at which a share `draw` of all weights is passed.
  private static func token(_ weights: [Float], at draw: Double, order: ArraySlice<Int>?) -> Int32 {
    let places = order ?? weights.indices.map { $0 }[...]
    var rest = draw * places.reduce(0.0) { $0 + Double(weights[$1]) }
    for place in places {
      rest -= Double(weights[place])
      if rest < 0 { return Int32(place) }
    }
    // Rounding has left a little: the last that has any weight.
    return Int32(places.last { weights[$0] > 0 } ?? places[places.startIndex])
  }
}
