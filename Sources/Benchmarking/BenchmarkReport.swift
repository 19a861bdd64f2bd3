import Foundation
import Printing
import Transformer

/// All figures of a benchmark, as `--json` prints them: names end with their unit; shares are of the ceilings' best
/// rounds, unless their name says otherwise.
public struct BenchmarkReport: Encodable {
  let machine: Machine
  let ceilings: Ceiling
  let shapes: [Shape]
  let collectives: [CollectiveFigure]

  /// The ceilings, of one rank.
  struct Ceiling: Encodable {
    let sgemm_gigaflops_per_second, sgemm_median_gigaflops_per_second: Double
    let sgemm_alone_gigaflops_per_second, sgemm_alone_median_gigaflops_per_second: Double
    let copy_gigabytes_per_second, copy_median_gigabytes_per_second: Double
    let triad_gigabytes_per_second, triad_median_gigabytes_per_second: Double
    let array_bytes: Int

    init(_ ceilings: Ceilings) {
      sgemm_gigaflops_per_second = ceilings.product.best
      sgemm_median_gigaflops_per_second = ceilings.product.median
      sgemm_alone_gigaflops_per_second = ceilings.productAlone.best
      sgemm_alone_median_gigaflops_per_second = ceilings.productAlone.median
      copy_gigabytes_per_second = ceilings.copy.best
      copy_median_gigabytes_per_second = ceilings.copy.median
      triad_gigabytes_per_second = ceilings.triad.best
      triad_median_gigabytes_per_second = ceilings.triad.median
      array_bytes = ceilings.arrayBytes
    }
  }

  /// A model's step and kernels.
  struct Shape: Encodable {
    let name: String
    let layers, heads, width, context, vocabulary, parameters: Int
    let sequences_per_rank: Int
    let step: Step
    let kernels: [Kernel]
  }

  /// The trainer's steps, all ranks together.
  struct Step: Encodable {
    let steps, tokens_per_step: Int
    /// Over all steps but the first.
    let tokens_per_second, gigaflops_per_second, share_of_sgemm: Double
    /// The product of one rank between steps, the mean of its medians, and the share of it that the steps' mean rate
    /// is.
    let sgemm_between_steps_gigaflops_per_second, share_of_sgemm_between_steps: Double
    let best_tokens_per_second, median_tokens_per_second: Double
    let flops_per_token: Double
    let first_step_seconds, mean_step_seconds, median_step_seconds, best_step_seconds: Double
    /// Mean seconds of a step by part.
    let part_seconds: [String: Double]
    let first_loss_nats, last_loss_nats: Double
    /// Of the rank that had most.
    let peak_resident_bytes: Int
  }

  /// A kernel, of one rank: either a matrix product's figures or memory's.
  struct Kernel: Encodable {
    let name, size: String
    var gigaflops_per_second, median_gigaflops_per_second, share_of_sgemm: Double?
    var gigabytes_per_second, median_gigabytes_per_second, share_of_bandwidth: Double?
  }

  init(machine: Machine, ceilings: Ceilings, shapes: [Shape], collectives: [CollectiveFigure]) {
    self.machine = machine
    self.ceilings = Ceiling(ceilings)
    self.shapes = shapes
    self.collectives = collectives
  }

  /// The report as one JSON object on one line.
  public func json() throws -> String {
    try JSON.line.text(self)
  }
}

extension BenchmarkReport.Shape {
  init(
    _ shape: BenchmarkShape, step: StepFigures, kernels: [KernelFigure], ceilings: Ceilings, sequences: Int,
    machine: Machine
  ) {
    let model = shape.model
    name = shape.name
    layers = model.layers
    heads = model.heads
    width = model.width
    context = model.context
    vocabulary = model.vocabularySize
    parameters = ParameterLayout(model).elementCount
    sequences_per_rank = sequences
    self.step = BenchmarkReport.Step(step, model, ceilings, ranks: machine.ranks)
    self.kernels = kernels.map { BenchmarkReport.Kernel($0, ceilings) }
  }
}

extension BenchmarkReport.Step {
  init(_ figures: StepFigures, _ model: ModelConfiguration, _ ceilings: Ceilings, ranks: Int) {
    let timing = Timing(figures.steady)
    let tokens = Double(figures.tokensPerStep)
    steps = figures.steady.count + 1
    tokens_per_step = figures.tokensPerStep
    tokens_per_second = figures.tokensPerSecond
    flops_per_token = model.trainingFlopsPerToken(length: model.context)
    gigaflops_per_second = tokens_per_second * flops_per_token / 1e9
    share_of_sgemm = gigaflops_per_second / (ceilings.product.best * Double(ranks))
    sgemm_between_steps_gigaflops_per_second = figures.productAround
    share_of_sgemm_between_steps = gigaflops_per_second / (figures.productAround * Double(ranks))
    best_tokens_per_second = tokens / timing.best
    median_tokens_per_second = tokens / timing.median
    first_step_seconds = figures.first
    mean_step_seconds = tokens / figures.tokensPerSecond
    median_step_seconds = timing.median
    best_step_seconds = timing.best
    part_seconds = figures.parts
    first_loss_nats = figures.losses.first
    last_loss_nats = figures.losses.last
    peak_resident_bytes = figures.peakBytes
  }
}

extension BenchmarkReport.Kernel {
  init(_ figure: KernelFigure, _ ceilings: Ceilings) {
    name = figure.name
    size = figure.size
    switch figure.limit {
    case .product:
      gigaflops_per_second = figure.rate.best
      median_gigaflops_per_second = figure.rate.median
      share_of_sgemm = figure.rate.share(of: ceilings.product)
    case .memory:
      gigabytes_per_second = figure.rate.best
      median_gigabytes_per_second = figure.rate.median
      share_of_bandwidth = figure.rate.share(of: ceilings.bandwidth)
    }
  }
}
