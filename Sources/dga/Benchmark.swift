import ArgumentParser
import Foundation
import Kernels
import MPI
import Training

/// Measures the machine's ceilings and the program's share of them; under `mpirun`, on all its ranks.
struct Benchmark: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Measure this machine: products, memory, kernels, training steps and collectives.",
    usage: "mpirun -np N dga benchmark [--shape SHAPE ...] [--json]")

  private static let names = BenchmarkShape.listed.map(\.name).joined(separator: ", ")

  @Option(help: "A model to train for a few steps: \(Self.names). Can be given several times. (default: 12M)")
  var shape: [String] = []

  @Option(help: "Sequences a rank in a step; by default 16 in all for 12M, 4 a rank for 124M, 1 for 124M-1024.")
  var sequences: Int?

  @Option(help: "Steps to train, the first of which does not count; by default 20 for 12M, 5 for the others.")
  var steps: Int?

  @Option(help: "Seconds to measure each kernel; ceilings get five times as long.")
  var seconds = 0.2

  @Option(help: "Threads of each rank.")
  var threads = 1

  @Option(help: "Where to put the temporary corpus and run; by default where the system has temporary files.")
  var directory: String?

  @Flag(help: "Leave out kernels and collectives.")
  var stepsOnly = false

  @Flag(help: "Print one JSON object instead of tables.")
  var json = false

  func validate() throws {
    for name in shape where BenchmarkShape.named(name) == nil {
      throw ValidationError("There is no shape '\(name)'; choose from \(Self.names).")
    }
    if sequences ?? 1 < 1 || threads < 1 { throw ValidationError("--sequences and --threads start at 1.") }
    if steps ?? 2 < 2 { throw ValidationError("--steps starts at 2, since the first step does not count.") }
    if !(0...60).contains(seconds) { throw ValidationError("--seconds is from 0 to 60.") }
  }

  func run() throws {
    let code = MPI.run(reportingFailuresTo: { MPI.writeLineToStandardError("error: " + $0) }) { world in
      BLAS.start(threads: threads)
      var benchmark = Training.Benchmark(
        shapes: shape.isEmpty ? [.small] : shape.compactMap(BenchmarkShape.named), seconds: seconds, threads: threads)
      benchmark.sequences = sequences
      benchmark.steps = steps
      benchmark.stepsOnly = stepsOnly
      benchmark.directory = directory
      let isRoot = world.rank == 0
      let report = try benchmark.run(over: world) { line in
        if isRoot { MPI.writeLineToStandardError("benchmark: " + line) }
      }
      if isRoot { print(json ? try report.json() : report.text, terminator: json ? "\n" : "") }
      return 0
    }
    throw ExitCode(code)
  }
}
