import Kernels
import MPI
import Transformer

/// A kernel's rate, and what limits it.
struct KernelFigure {
  /// What a kernel is held against.
  enum Limit {
    /// The matrix product; the rate is in GFLOP/s.
    case product
    /// Memory; the rate is in GB/s.
    case memory
  }

  let name: String
  /// The sizes, as text.
  let size: String
  let limit: Limit
  /// Of one rank, while all are at work.
  let rate: Rate
}

/// Measures the kernels of a model's shape on all ranks at once, one kernel after the other.
///
/// Products are made on the rows of one micro-batch. Kernels that wait for memory work on arrays beyond the caches
/// instead, so that their rates can be held against the bandwidth. Operations and bytes are those that the result
/// needs: attention's are of visible pairs only, and what is computed anew in the backward pass does not count.
struct KernelBenchmark {
  let model: ModelConfiguration
  /// Sequences in a micro-batch.
  let sequences: Int
  let seconds: Double
  /// Floats in an array beyond the caches.
  let count: Int
  private(set) var figures: [KernelFigure] = []

  init(_ model: ModelConfiguration, sequences: Int, seconds: Double, count: Int) {
    self.model = model
    self.sequences = sequences
    self.seconds = seconds
    self.count = count
  }

  private var rows: Int { sequences * model.context }

  /// Measures everything. Collective: every rank calls.
  mutating func run(over world: borrowing Communicator) throws {
    let width = model.width
    try measureLinear("joint", input: width, output: 3 * width, .plain, over: world)
    try measureLinear("projection", input: width, output: width, .residual, over: world)
    try measureLinear("expansion", input: width, output: 4 * width, .activated, over: world)
    try measureLinear("contraction", input: 4 * width, output: width, .residual, over: world)
    try measureAttention(over: world)
    try measureHead(over: world)
    try measureLayerNorm(over: world)
    try measureAdamW(over: world)
  }

  private mutating func measure(
    _ name: String, _ size: String, _ limit: KernelFigure.Limit, amount: Double, over world: borrowing Communicator,
    _ body: () -> Void
  ) throws {
    try world.barrier()
    let rate = Rate(amount, in: Timing.measure(seconds: seconds, body))
    figures.append(
      KernelFigure(name: name, size: size, limit: limit, rate: try Rate(ofThisRank: rate, over: world)))
  }

  // MARK: Products

  /// What a linear layer does to its output on the way.
  private enum Ending { case plain, residual, activated }

  private mutating func measureLinear(
    _ name: String, input inner: Int, output columns: Int, _ ending: Ending, over world: borrowing Communicator
  ) throws {
    let inputs = Arena.noise(count: rows * inner)
    let outputs = Arena(count: rows * columns)
    let weights = Arena.noise(count: inner * columns)
    let others = Arena.noise(count: rows * columns)
    let weightGradients = Arena(count: inner * columns)
    let inputGradients = Arena(count: rows * inner)
    let biases = Arena(count: columns)
    let input = inputs.matrix(at: 0, rows: rows, columns: inner)
    let output = outputs.matrix(at: 0, rows: rows, columns: columns)
    let weight = weights.matrix(at: 0, rows: inner, columns: columns)
    let other = others.matrix(at: 0, rows: rows, columns: columns)
    let weightGradient = weightGradients.matrix(at: 0, rows: inner, columns: columns)
    let inputGradient = inputGradients.matrix(at: 0, rows: rows, columns: inner)
    let bias = biases.row
    let flops = 2 * Double(rows * inner * columns)
    let size = "\(rows) x \(inner) x \(columns)"
    try measure("\(name) forward", size, .product, amount: flops, over: world) {
      switch ending {
      case .plain: linearForward(input, weight: weight, bias: bias, into: output)
      case .residual: linearForward(input, weight: weight, bias: bias, residual: other, into: output)
      case .activated: linearActivatedForward(input, weight: weight, bias: bias, into: output, activated: other)
      }
    }
    try measure("\(name) weight gradient", size, .product, amount: flops, over: world) {
      LinearGradients.weight(outputGradient: other, input: input, weightGradient: weightGradient, biasGradient: bias)
    }
    try measure("\(name) input gradient", size, .product, amount: flops, over: world) {
      LinearGradients.input(outputGradient: other, weight: weight, inputGradient: inputGradient)
    }
  }

  private mutating func measureAttention(over world: borrowing Communicator) throws {
    let (length, heads, width) = (model.context, model.heads, model.width)
    let attention = CausalAttention(sequences: sequences, length: length, heads: heads)
    let joints = Arena.noise(count: rows * 3 * width)
    let jointGradients = Arena(count: rows * 3 * width)
    let outputs = Arena(count: rows * width)
    let gradients = Arena.noise(count: rows * width)
    let logs = Arena(count: rows * heads)
    let scratches = Arena(count: CausalAttention.scratchCount(length: length))
    let joint = joints.matrix(at: 0, rows: rows, columns: 3 * width)
    let output = outputs.matrix(at: 0, rows: rows, columns: width)
    let gradient = gradients.matrix(at: 0, rows: rows, columns: width)
    let jointGradient = jointGradients.matrix(at: 0, rows: rows, columns: 3 * width)
    let normalisers = logs.matrix(at: 0, rows: sequences * heads, columns: length)
    let scratch = scratches.row
    // Two products forward and four backward, each of T (T + 1) / 2 pairs and C / H numbers a head.
    let flops = 2 * Double(sequences * length * (length + 1) / 2 * width)
    let size = "\(sequences) x \(heads) x \(length) x \(width / heads)"
    try measure("attention forward", size, .product, amount: 2 * flops, over: world) {
      attention.forward(qkv: joint, normalisers: normalisers, scratch: scratch, into: output)
    }
    try measure("attention backward", size, .product, amount: 4 * flops, over: world) {
      attention.backward(
        outputGradient: gradient, output: output, qkv: joint, normalisers: normalisers, scratch: scratch,
        qkvGradient: jointGradient)
    }
  }

  private mutating func measureHead(over world: borrowing Communicator) throws {
    let (width, vocabulary) = (model.width, model.vocabularySize)
    let hiddens = Arena.noise(count: rows * width)
    let tables = Arena.noise(count: vocabulary * width)
    let hiddenGradients = Arena(count: rows * width)
    let tableGradients = Arena(count: vocabulary * width)
    let scratches = Arena(count: CrossEntropyHead.scratchCount(rows: rows, vocabularySize: vocabulary))
    let lossArena = Arena(count: rows)
    let hidden = hiddens.matrix(at: 0, rows: rows, columns: width)
    let table = tables.matrix(at: 0, rows: vocabulary, columns: width)
    let hiddenGradient = hiddenGradients.matrix(at: 0, rows: rows, columns: width)
    let tableGradient = tableGradients.matrix(at: 0, rows: vocabulary, columns: width)
    let scaleArena = Arena.noise(count: rows)
    let scales = scaleArena.row
    let head = CrossEntropyHead(hidden: hidden, table: table, losses: lossArena.row, scratch: scratches.row)
    let targets = (0..<rows).map { Int32($0 % vocabulary) }
    try measure(
      "loss head forward + backward", "\(rows) x \(width) x \(vocabulary)", .product,
      amount: 6 * Double(rows * width * vocabulary), over: world
    ) {
      head.forwardBackward(
        targets: targets.span, scales: scales, hiddenGradient: hiddenGradient, tableGradient: tableGradient,
        adding: false)
    }
  }

  // MARK: Memory

  private mutating func measureLayerNorm(over world: borrowing Communicator) throws {
    let width = model.width
    let rows = max(1, count / width)
    let inputs = Arena.noise(count: rows * width)
    let outputs = Arena(count: rows * width)
    let gradients = Arena(count: rows * width)
    let statisticsArena = Arena(count: 2 * rows)
    let vectors = Arena.noise(count: 4 * Arena.aligned(width))
    let input = inputs.matrix(at: 0, rows: rows, columns: width)
    let output = outputs.matrix(at: 0, rows: rows, columns: width)
    let gradient = gradients.matrix(at: 0, rows: rows, columns: width)
    let statistics = statisticsArena.matrix(at: 0, rows: 2, columns: rows)
    func vector(_ place: Int) -> Matrix { vectors.matrix(at: place * Arena.aligned(width), rows: 1, columns: width) }
    let (gain, bias, gainGradient, biasGradient) = (vector(0), vector(1), vector(2), vector(3))
    let bytes = Double(rows * width * MemoryLayout<Float>.stride)
    let size = "\(rows) x \(width)"
    try measure("LayerNorm forward", size, .memory, amount: 2 * bytes, over: world) {
      layerNormForward(input, gain: gain, bias: bias, statistics: statistics, into: output)
    }
    // Input, output's gradient, and the input's gradient, which is added to.
    try measure("LayerNorm backward", size, .memory, amount: 4 * bytes, over: world) {
      layerNormBackward(
        outputGradient: output, input: input, gain: gain, statistics: statistics, gainGradient: gainGradient,
        biasGradient: biasGradient, addingTo: gradient)
    }
  }

  private mutating func measureAdamW(over world: borrowing Communicator) throws {
    let count = count
    let parameters = Arena.noise(count: count)
    let gradients = Arena.noise(count: count)
    let first = Arena(count: count)
    let second = Arena(count: count)
    let step = AdamWStep(
      learningRate: 1e-3, firstDecay: 0.9, secondDecay: 0.95, epsilon: 1e-8, weightDecay: 0.1, gradientScale: 1,
      step: 1)
    // Four arrays are read, three of them written.
    let bytes = 7 * Double(count * MemoryLayout<Float>.stride)
    try measure("AdamW", "\(count)", .memory, amount: bytes, over: world) {
      step.update(
        parameters: parameters.row, gradients: gradients.row, firstMoments: first.row, secondMoments: second.row)
    }
  }
}
