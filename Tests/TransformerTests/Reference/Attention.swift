import Foundation

extension Reference {
  /// Where the queries, keys and values of one head of one sequence lie in QKV (N, 3 C).
  private struct Head {
    let firstRow: Int  // of the sequence
    let query: Int  // first column of each
    let key: Int
    let value: Int
    let output: Int  // first column in (N, C)
    let width: Int
    var scale: Double { 1 / Double(width).squareRoot() }
  }

  private static func heads(_ qkv: Tensor, count: Int, length: Int) -> [Head] {
    let c = qkv.shape[1] / 3
    let d = c / count
    var heads: [Head] = []
    for firstRow in stride(from: 0, to: qkv.shape[0], by: length) {
      for h in 0..<count {
        heads.append(
          Head(firstRow: firstRow, query: h * d, key: c + h * d, value: 2 * c + h * d, output: h * d, width: d))
      }
    }
    return heads
  }

  /// Computes P[t, s] = softmax over s <= t of q_t . k_s / sqrt(d): (T, T), zero above the diagonal.
  private static func probabilities(_ qkv: Tensor, _ head: Head, length: Int) -> Tensor {
    var p = Tensor(zeros: length, length)
    for t in 0..<length {
      for s in 0...t {
        var dot = 0.0
        for j in 0..<head.width {
          dot += qkv[head.firstRow + t, head.query + j] * qkv[head.firstRow + s, head.key + j]
        }
        p[t, s] = dot * head.scale
      }
      for (s, probability) in softmax(p, row: t, count: t + 1).enumerated() { p[t, s] = probability }
    }
    return p
  }

  /// Computes causal multi-head attention: o_t = sum over s <= t of P[t, s] v_s, from QKV (N, 3 C) to (N, C).
  static func attention(_ qkv: Tensor, heads count: Int, length: Int) -> Tensor {
    var output = Tensor(zeros: qkv.shape[0], qkv.shape[1] / 3)
    for head in heads(qkv, count: count, length: length) {
      let p = probabilities(qkv, head, length: length)
      for t in 0..<length {
        for s in 0...t {
          for j in 0..<head.width {
            output[head.firstRow + t, head.output + j] += p[t, s] * qkv[head.firstRow + s, head.value + j]
          }
        }
      }
    }
    return output
  }

  /// Computes dQKV.
  ///
  /// With dP[t, s] = do_t . v_s, the gradient of the scores is
  /// dS[t, s] = P[t, s] (dP[t, s] - sum over r <= t of P[t, r] dP[t, r]).
  static func attentionBackward(_ dOutput: Tensor, _ qkv: Tensor, heads count: Int, length: Int) -> Tensor {
    var dqkv = qkv.zeros
    for head in heads(qkv, count: count, length: length) {
      let p = probabilities(qkv, head, length: length)
      for t in 0..<length {
        let queryRow = head.firstRow + t
        var dp = [Double](repeating: 0, count: t + 1)
        var meanOfDp = 0.0
        for s in 0...t {
          let keyRow = head.firstRow + s
          for j in 0..<head.width {
            dp[s] += dOutput[queryRow, head.output + j] * qkv[keyRow, head.value + j]
            dqkv[keyRow, head.value + j] += p[t, s] * dOutput[queryRow, head.output + j]
          }
          meanOfDp += p[t, s] * dp[s]
        }
        for s in 0...t {
          let keyRow = head.firstRow + s
          let dScore = p[t, s] * (dp[s] - meanOfDp) * head.scale
          for j in 0..<head.width {
            dqkv[queryRow, head.query + j] += dScore * qkv[keyRow, head.key + j]
            dqkv[keyRow, head.key + j] += dScore * qkv[queryRow, head.query + j]
          }
        }
      }
    }
    return dqkv
  }
}
