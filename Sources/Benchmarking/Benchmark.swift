import Foundation
import MPI
import Mixing
import Signals
import Training

/// Measures what this machine can do and what share of it the program gets, on all ranks.
public struct Benchmark {
  /// The models to measure.
  public var shapes: [BenchmarkShape]
  /// Sequences of each rank in a step; nil for the shape's own number.
  public var sequences: Int?
  /// Steps of each shape, the first of which is left out of rates; nil for the shape's own number.
  public var steps: Int?
  /// How long to measure each kernel, about; ceilings get five times as long.
  public var seconds: Double
  /// Threads of each rank, as given to `Threads.start`.
  public var threads: Int
  /// Whether kernels and collectives are left out.
  public var stepsOnly = false
  /// Where to make temporary directories; nil for the system's place.
  public var directory: String?

  /// Plans measurements of some shapes.
  public init(shapes: [BenchmarkShape], seconds: Double = 0.2, threads: Int = 1) {
    self.shapes = shapes
    self.seconds = seconds
    self.threads = threads
  }

  /// Measures everything.
  ///
  /// Collective: every rank calls.
  ///
  /// - Parameter progress: Called on every rank with what comes next.
  /// - Returns: The report, the same on every rank but for what a node says of itself.
  /// - Throws: `Failure` if the temporary directory cannot be written, agreed; `MPIError`.
  public func run(over world: borrowing Communicator, progress: (String) -> Void) throws -> BenchmarkReport {
    func begin(_ part: String) throws {
      progress(part)
      try world.agree { try StopSignal.check("nothing was measured to its end") }
    }
    let placement = try Placement(threads: threads, over: world)
    let machine = Machine(ranks: world.size, nodes: placement.nodes)
    placement.warnings.forEach { progress("warning: \($0)") }
    // The ceiling is measured before, after and between the steps, since other programs on the machine come and go; and
    // for a second at least before and after, or all of its few rounds might be interrupted.
    let product = ProductCeiling(seconds: max(1, 5 * seconds))
    try begin("sgemm, all ranks at once")
    let before = try product.together(over: world)

    var steps: [StepFigures] = []
    for shape in shapes {
      try begin("\(shape.name): training steps")
      steps.append(try stepBenchmark(shape, ranks: world.size).run(over: world))
    }

    try begin("memory bandwidth")
    let node = try world.splitByNode()
    let memory = BandwidthCeiling(
      seconds: 2 * seconds, lastLevelCacheBytes: try world.allReduce(machine.last_level_cache_bytes, .max),
      ranksOfNode: try world.allReduce(node.size, .min))
    let (copy, triad) = try memory.run(over: world)

    var kernels: [[KernelFigure]] = []
    for (shape, step) in zip(shapes, steps) {
      var benchmark = KernelBenchmark(
        shape.model, sequences: step.microSequences, seconds: seconds, count: memory.count)
      if !stepsOnly {
        try begin("\(shape.name): kernels")
        try benchmark.run(over: world)
      }
      kernels.append(benchmark.figures)
    }
    var collectives: [CollectiveFigure] = []
    if !stepsOnly && world.size > 1 {
      try begin("collectives")
      collectives = try CollectiveBenchmark(seconds: seconds / 2).run(over: world)
    }
    try begin("sgemm, all ranks at once, again")
    let after = try product.together(over: world)
    try begin("sgemm, one rank after the other")
    let ceilings = Ceilings(
      product: Rate(ofAll: [before, after] + steps.flatMap(\.products)), productAlone: try product.alone(over: world),
      copy: copy,
      triad: triad, arrayBytes: memory.count * MemoryLayout<Float>.stride)
    return BenchmarkReport(
      machine: machine, ceilings: ceilings,
      shapes: shapes.indices.map { place in
        BenchmarkReport.Shape(
          shapes[place], step: steps[place], kernels: kernels[place], ceilings: ceilings,
          sequences: stepBenchmark(shapes[place], ranks: machine.ranks).sequences, machine: machine)
      },
      collectives: collectives)
  }

  private func stepBenchmark(_ shape: BenchmarkShape, ranks: Int) -> StepBenchmark {
    var benchmark = StepBenchmark(
      shape: shape, sequences: sequences ?? shape.sequencesPerRank(ranks: ranks), steps: steps ?? shape.steps,
      threads: threads, directory: directory)
    benchmark.mixture.use(ConstantMixture<UniformWeights>.self)
    return benchmark
  }
}
