/// The setting that `Tests/reference/record.py` records in PyTorch, reproduced without a file of weights or tokens:
/// every number is a hash of where it stands. Both languages compute the same bits.
enum HashedSetting {
  static let (layers, heads, width, context, vocabulary) = (2, 2, 32, 32, 61)
  static let (steps, sequences, length) = (20, 4, 24)
  static let (firstMomentDecay, secondMomentDecay, epsilon) = (0.9, 0.95, 1e-8)
  /// The decoupled decay of two-dimensional tensors, the embeddings included; the others do not decay.
  static let weightDecay = 0.1
  /// The largest global norm of a gradient; a larger gradient is scaled down to it.
  static let clip = 1.0
  static let (peakLearningRate, warmup, finalShare) = (0.01, 5, 0.1)

  /// Computes the generator splitmix64's output for the state (stream, index).
  static func hash(stream: Int, _ index: Int) -> UInt64 {
    var z = (UInt64(stream) << 32 | UInt64(index)) &+ 0x9E37_79B9_7F4A_7C15
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  /// Computes a number of [-1, 1) with 16 bits: exact in Float as in Double, also after the scaling below.
  static func uniform(stream: Int, _ index: Int) -> Double {
    Double(hash(stream: stream, index) >> 48) / 32768 - 1
  }

  /// Computes the initial value of an element of a tensor: 1 + spread u in gains, spread u elsewhere, u in [-1, 1).
  ///
  /// - Parameters:
  ///   - tensor: The tensor's index in the order of a Hugging Face GPT-2 (wte, wpe, h.0.ln_1.weight, ..., ln_f.bias).
  ///   - name: Its name there, without the prefix `transformer.`.
  ///   - element: The element's index in row-major order.
  ///   - spread: 1/16 is the recorded setting; other tests choose wider values, where non-linearities matter more.
  static func parameter(tensor: Int, name: String, element: Int, spread: Double = 1.0 / 16) -> Double {
    let u = uniform(stream: tensor, element)
    let isGain = name.hasSuffix("ln_1.weight") || name.hasSuffix("ln_2.weight") || name == "ln_f.weight"
    return isGain ? 1 + spread * u : spread * u
  }

  /// Computes the windows of `length` + 1 tokens of one step, counted from 1.
  ///
  /// The first token is hashed, each further one is the last plus seven, so that there is something to learn.
  static func windows(step: Int) -> [[Int]] {
    (0..<sequences).map { sequence in
      var tokens = [Int(hash(stream: 1000 + step, sequence) % UInt64(vocabulary))]
      for position in 0..<length { tokens.append((tokens[position] + 7) % vocabulary) }
      return tokens
    }
  }
}
