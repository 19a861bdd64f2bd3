import Foundation
import Kernels
import Testing

/// Attention in tiles of queries against the whole triangle at once, one head after the other.
struct AttentionTests {
  struct Case: CustomTestStringConvertible {
    let sequences, length, heads, size: Int
    var spread = 1.0
    var testDescription: String {
      "\(sequences) sequences of \(length), \(heads) heads of \(size)\(spread == 1 ? "" : ", scores in the hundreds")"
    }
  }

  static let cases = [
    Case(sequences: 3, length: 1, heads: 3, size: 7),
    Case(sequences: 2, length: 2, heads: 1, size: 1),
    Case(sequences: 2, length: 63, heads: 3, size: 7),
    Case(sequences: 2, length: 64, heads: 5, size: 5),
    Case(sequences: 2, length: 65, heads: 3, size: 7),
    Case(sequences: 2, length: 130, heads: 2, size: 17),
    Case(sequences: 1, length: 130, heads: 4, size: 16),
    // More keys than a piece of a product's inner dimension holds.
    Case(sequences: 1, length: 401, heads: 1, size: 16),
    // Most probabilities underflow, the largest is next to one.
    Case(sequences: 1, length: 70, heads: 2, size: 9, spread: 25),
  ]

  /// Attention in Double by its definition, with bounds of what rounding may do to each result.
  ///
  /// A score of D products is off by at most (D + 1) u times its magnitude S (sum |q k| scale). A probability e^s / sum
  /// e^s is then off by twice that, by the difference from the largest score and the normaliser's own magnitude (u
  /// each, below 3 S u together), by 2 u of the exponential and T u of the sum, and 4 u in between: `share` of itself.
  /// Below e^-87 the kernel's exponential saturates: hence `floor`.
  private struct Twin {
    let c: Case
    let qkv: Table
    var output: Table
    var outputBounds: Table
    var normalisers: Table
    var normaliserBounds: Table
    private var probabilities: [Table] = []  // one a sequence and head, (T, T)
    private var shares: [Double] = []
    private static let floor = 0x1p-124

    init(_ c: Case, _ qkv: Table) {
      self.c = c
      self.qkv = qkv
      output = Table(c.sequences * c.length, c.heads * c.size)
      outputBounds = output
      normalisers = Table(c.sequences * c.heads, c.length)
      normaliserBounds = normalisers
      for sequence in 0..<c.sequences { for head in 0..<c.heads { attend(sequence, head) } }
    }

    private var scale: Double { 1 / Double(c.size).squareRoot() }

    private func query(_ sequence: Int, _ head: Int, _ t: Int, _ d: Int) -> Double {
      qkv[sequence * c.length + t, head * c.size + d]
    }
    private func key(_ sequence: Int, _ head: Int, _ t: Int, _ d: Int) -> Double {
      qkv[sequence * c.length + t, (c.heads + head) * c.size + d]
    }
    private func value(_ sequence: Int, _ head: Int, _ t: Int, _ d: Int) -> Double {
      qkv[sequence * c.length + t, (2 * c.heads + head) * c.size + d]
    }

    private mutating func attend(_ sequence: Int, _ head: Int) {
      let (length, size) = (c.length, c.size)
      var p = Table(length, length)
      var largestMagnitude = 0.0
      for i in 0..<length {
        let row = sequence * length + i
        for j in 0...i {
          var magnitude = 0.0
          for d in 0..<size {
            let product = query(sequence, head, i, d) * key(sequence, head, j, d) * scale
            p[i, j] += product
            magnitude += abs(product)
          }
          largestMagnitude = max(largestMagnitude, magnitude)
        }
        let largest = (0...i).reduce(-Double.infinity) { max($0, p[i, $1]) }
        let sum = (0...i).reduce(0) { $0 + exp(p[i, $1] - largest) }
        normalisers[sequence * c.heads + head, i] = largest + log(sum)
        for j in 0...i { p[i, j] = exp(p[i, j] - largest) / sum }
        for d in 0..<size {
          output[row, head * size + d] = (0...i).reduce(0) { $0 + p[i, $1] * value(sequence, head, $1, d) }
        }
      }
      let share = unitRoundoff * (2 * Double(size + 1) + 3) * largestMagnitude + roundoff(length + 6)
      for i in 0..<length {
        for d in 0..<size {
          outputBounds[sequence * length + i, head * size + d] = (0...i).reduce(0) {
            $0 + (p[i, $1] * (share + roundoff(length)) + Self.floor) * abs(value(sequence, head, $1, d))
          }
        }
        // log turns the sum's share into an absolute error, and it and the final sum round once each.
        normaliserBounds[sequence * c.heads + head, i] =
          share + 2 * unitRoundoff * (abs(normalisers[sequence * c.heads + head, i]) + log(Double(length)))
      }
      probabilities.append(p)
      shares.append(share)
    }

    /// The gradient of queries, keys and values, and its bounds: dS_ij = P_ij (dO_i V_j - D_i), D_i = sum_j P_ij dO_i
    /// V_j.
    ///
    /// With A_ij = P_ij (sum |dO_i V_j| + sum_j P_ij sum |dO_i V_j|), dS_ij is off by A_ij times the shares of P and of
    /// the output in D, plus (D + 1) u for each inner product and 4 u in between. Sums over T follow.
    func backward(_ outputGradient: Table) -> (gradient: Table, bounds: Table) {
      var gradient = Table(qkv.rows, qkv.columns)
      var bounds = gradient
      let (length, size, width) = (c.length, c.size, c.heads * c.size)
      for sequence in 0..<c.sequences {
        for head in 0..<c.heads {
          let p = probabilities[sequence * c.heads + head]
          let share = shares[sequence * c.heads + head]
          let slopeShare = 2 * share + roundoff(length) + unitRoundoff * Double(2 * (size + 1) + 4)
          for i in 0..<length {
            let row = sequence * length + i
            func slope(_ j: Int, _ transform: (Double) -> Double) -> Double {
              (0..<size).reduce(0) {
                $0 + transform(outputGradient[row, head * size + $1] * value(sequence, head, j, $1))
              }
            }
            let slopes = (0...i).map { slope($0) { $0 } }
            let magnitudes = (0...i).map { slope($0, abs) }
            let projection = (0...i).reduce(0) { $0 + p[i, $1] * slopes[$1] }
            let projectionMagnitude = (0...i).reduce(0) { $0 + p[i, $1] * magnitudes[$1] }
            for j in 0...i {
              let target = sequence * length + j
              let dS = p[i, j] * (slopes[j] - projection) * scale
              // A relative error of each dS, and one of the sums over T that it goes into.
              let dSBound =
                (p[i, j] * (slopeShare + roundoff(length)) + Self.floor) * (magnitudes[j] + projectionMagnitude) * scale
              let pBound = p[i, j] * (share + roundoff(length)) + Self.floor
              for d in 0..<size {
                let (q, k) = (query(sequence, head, i, d), key(sequence, head, j, d))
                let dO = outputGradient[row, head * size + d]
                gradient[row, head * size + d] += dS * k
                bounds[row, head * size + d] += dSBound * abs(k)
                gradient[target, width + head * size + d] += dS * q
                bounds[target, width + head * size + d] += dSBound * abs(q)
                gradient[target, 2 * width + head * size + d] += p[i, j] * dO
                bounds[target, 2 * width + head * size + d] += pBound * abs(dO)
              }
            }
          }
        }
      }
      return (gradient, bounds)
    }
  }

  @Test(arguments: cases)
  func `Attention in tiles is attention, forward and backward`(c: Case) {
    let width = c.heads * c.size
    let input = Table.noise(c.sequences * c.length, 3 * width, stream: 60, spread: 1.5 * c.spread)
    let incoming = Table.noise(c.sequences * c.length, width, stream: 61)
    let twin = Twin(c, input)
    let attention = CausalAttention(sequences: c.sequences, length: c.length, heads: c.heads)
    let qkv = Framed(input), outputGradient = Framed(incoming, gap: 2)
    let output = Framed(unsetRows: c.sequences * c.length, width, gap: 5)
    let normalisers = Framed(unsetRows: c.sequences * c.heads, c.length)
    let gradient = Framed(unsetRows: c.sequences * c.length, 3 * width)
    let scratch = Framed(unsetRows: 1, CausalAttention.scratchCount(length: c.length))

    attention.forward(qkv: qkv.matrix, normalisers: normalisers.matrix, scratch: scratch.matrix, into: output.matrix)
    #expect(worstShare(output.contents(), of: twin.outputBounds, from: twin.output) <= 1)
    #expect(worstShare(normalisers.contents(), of: twin.normaliserBounds, from: twin.normalisers) <= 1)

    attention.backward(
      outputGradient: outputGradient.matrix, output: output.matrix, qkv: qkv.matrix, normalisers: normalisers.matrix,
      scratch: scratch.matrix, qkvGradient: gradient.matrix)
    let (expected, bounds) = twin.backward(incoming)
    #expect(worstShare(gradient.contents(), of: bounds, from: expected) <= 1)
    _ = scratch.contents()  // checks its frame
  }

  /// Whatever comes after a token, bit for bit.
  @Test func `A token does not see what follows it`() {
    let c = Case(sequences: 1, length: 100, heads: 2, size: 5)
    let attention = CausalAttention(sequences: 1, length: c.length, heads: c.heads)
    let scratch = Framed(unsetRows: 1, CausalAttention.scratchCount(length: c.length))
    let normalisers = Framed(unsetRows: c.heads, c.length)
    let input = Table.noise(c.length, 30, stream: 62)
    var changed = input
    for column in 0..<30 { changed[90, column] = 100 }
    let before = Framed(input), after = Framed(changed)
    let first = Framed(unsetRows: c.length, 10), second = Framed(unsetRows: c.length, 10)
    attention.forward(qkv: before.matrix, normalisers: normalisers.matrix, scratch: scratch.matrix, into: first.matrix)
    attention.forward(qkv: after.matrix, normalisers: normalisers.matrix, scratch: scratch.matrix, into: second.matrix)
    #expect(first.contents().values[..<900] == second.contents().values[..<900])
    #expect(first.contents().values[900...] != second.contents().values[900...])
  }
}
