import Kernels
import Parallel
import Runs
import Testing
import Transformer

/// Model, clipping, AdamW and schedule together, step by step against the recorded PyTorch run.
struct TrajectoryTests {
  /// Roundings of step 1 live on: PyTorch's own losses in float32 and float64 part by up to 4e-7 within 20 steps, ours
  /// and either of them by as much. Ten times that allows for another BLAS; a decay of 0.1001 for 0.1 still shows.
  static let lossTolerance = 5e-6

  /// Relative to the norm; measured: 5e-7 in the gradients' norms, 2e-6 in the sums of the final tensors.
  static let normTolerance = 2e-5

  @Test(arguments: [4, 2, 1])
  func `Twenty steps of training are PyTorch's, in micro-batches of any size`(microBatch: Int) {
    let configuration = ModelConfiguration(
      layers: HashedSetting.layers, heads: HashedSetting.heads, width: HashedSetting.width,
      context: HashedSetting.context, vocabularySize: HashedSetting.vocabulary)
    var model = GPT2(configuration, sequences: microBatch, length: HashedSetting.length)
    let layout = model.layout
    let parameters = Arena(count: layout.arenaCount)
    for (index, tensor) in layout.tensors.enumerated() {
      for i in 0..<tensor.count {
        parameters.row[0, tensor.offset + i] = Float(
          HashedSetting.parameter(tensor: index, name: tensor.name, element: i))
      }
    }
    var optimizer = Optimizer(
      layout: layout, betas: (HashedSetting.firstMomentDecay, HashedSetting.secondMomentDecay),
      epsilon: HashedSetting.epsilon, weightDecay: HashedSetting.weightDecay)
    let schedule = LearningRateSchedule(
      peak: HashedSetting.peakLearningRate, shape: .cosine, warmupSteps: HashedSetting.warmup,
      totalSteps: HashedSetting.steps, finalShare: HashedSetting.finalShare, decayShare: 0)

    let tokens = HashedSetting.sequences * HashedSetting.length
    var gradients = Gradients<Local>(layout: layout)
    for step in 1...HashedSetting.steps {
      let windows = HashedSetting.windows(step: step)
      var loss = 0.0
      for first in stride(from: 0, to: HashedSetting.sequences, by: microBatch) {
        let ids = windows[first..<(first + microBatch)].flatMap { $0.map(Int32.init) }
        model.forward(ids.span, parameters: parameters)
        let sum = gradients.accumulate(&model, parameters: parameters.row, LossScale(1 / Float(tokens)))
        loss += sum / Double(tokens)
      }
      let averaged = gradients.averagedAlone()
      let norm = averaged.norm
      let rate = schedule.rate(at: step)
      optimizer.update(
        parameters, with: averaged, learningRate: rate,
        gradientScale: Optimizer.clippingFactor(norm: norm, limit: HashedSetting.clip))
      gradients = averaged.cleared()
      #expect(abs(loss - PyTorchTrajectory.losses[step - 1]) < Self.lossTolerance, "step \(step)")
      #expect(abs(norm / PyTorchTrajectory.gradientNorms[step - 1] - 1) < Self.normTolerance, "step \(step)")
      #expect(abs(rate - PyTorchTrajectory.learningRates[step - 1]) < 1e-15, "step \(step)")
    }
    #expect(optimizer.updates == HashedSetting.steps)

    #expect(layout.tensors.map(\.name) == PyTorchTrajectory.finalTensors.map(\.name))
    for (tensor, recorded) in zip(layout.tensors, PyTorchTrajectory.finalTensors) {
      var values = (0..<tensor.count).map { Double(parameters.row[0, tensor.offset + $0]) }
      if tensor.name.hasSuffix("attn.c_attn.bias") {
        // Nobody sees the bias of the keys: its gradient is rounding alone.
        values.removeSubrange(HashedSetting.width..<(2 * HashedSetting.width))
      }
      let norm = values.reduce(0) { $0 + $1 * $1 }.squareRoot()
      #expect(abs(norm - recorded.norm) < Self.normTolerance * recorded.norm, "\(tensor.name)")
      #expect(abs(values.reduce(0, +) - recorded.sum) < Self.normTolerance * recorded.norm, "\(tensor.name)")
    }
  }

  @Test func `A gradient is shortened to the limit, never lengthened`() {
    #expect(Optimizer.clippingFactor(norm: 0.5, limit: 1) == 1)
    #expect(Optimizer.clippingFactor(norm: 0, limit: 1) == 1)
    #expect(Optimizer.clippingFactor(norm: 1e9, limit: nil) == 1)
    // PyTorch's 1e-6 in the divisor makes the result shorter than the limit by 1e-6 / norm of it.
    #expect(abs(4 * Optimizer.clippingFactor(norm: 4, limit: 1) - 1) < 1e-6 / 4)
  }
}
