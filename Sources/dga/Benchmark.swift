import ArgumentParser
import Benchmarking
import Foundation
import Kernels
import MPI
import Printing

/// Measures the machine's ceilings and the program's share of them; under `mpirun`, on all its ranks.
struct Benchmark: Stoppable {
  static let configuration = CommandConfiguration(
    abstract: "Measure this machine: products, memory, kernels, training steps and collectives.",
    usage: "mpirun -np N dga benchmark [--shape SHAPE ...] [--json]")

  private static let names = BenchmarkShape.listed.map(\.name).joined(separator: ", ")

  @Option(help: "A model to train for a few steps: \(Self.names). Can be given several times. (default: 12M)")
  var shape: [String] = []

  @Option(help: "Sequences per rank in a step; by default 16 in all for 12M, 4 per rank for 124M, 1 for 124M-1024.")
  var sequences: Int?

  @Option(help: "Steps to train, the first of which does not count; by default 20 for 12M, 5 for the others.")
  var steps: Int?

  @Option(
    help:
      "Measure only what an update of the mixture costs, by this estimator of alignments. Can be given several times.")
  var estimator: [String] = []

  @Option(help: "Domains to measure estimators with. Can be given several times. (default: 64)")
  var domains: [Int] = []

  @Option(help: "Sequences that estimators which probe read of each domain. (default: 4)")
  var probe: Int?

  @Option(help: "Updates to measure an estimator on; with two or more the first does not count. (default: 3)")
  var updates: Int?

  @Option(help: "Seconds to measure each kernel; ceilings get five times as long. (default: 0.2)")
  var seconds: Double?

  @Option(help: "Threads of each rank.")
  var threads = 1

  @Option(help: "Where to put the temporary corpus and run; by default where the system has temporary files.")
  var directory: String?

  @Flag(help: "Leave out kernels and collectives.")
  var stepsOnly = false

  @Flag(help: "Print JSON instead of tables: one object, with --estimator an array of them.")
  var json = false

  func validate() throws {
    for name in shape where BenchmarkShape.named(name) == nil {
      throw ValidationError("There is no shape '\(name)'; choose from \(Self.names).")
    }
    try check(sequences, "--sequences", 1...65_536)
    try check(threads, "--threads", 1...1024)
    // The first step does not count.
    try check(steps, "--steps", 2...1_000_000)
    for name in estimator where !AlignmentBenchmark.estimators.contains(name) {
      throw ValidationError(
        "There is no estimator '\(name)'; choose from \(AlignmentBenchmark.estimators.joined(separator: ", ")).")
    }
    let isOfSteps = sequences != nil || steps != nil || seconds != nil || stepsOnly
    if estimator.isEmpty && (!domains.isEmpty || probe != nil || updates != nil) {
      throw ValidationError("--domains, --probe and --updates are for --estimator.")
    }
    if !estimator.isEmpty && isOfSteps {
      throw ValidationError("--sequences, --steps, --seconds and --steps-only are not for --estimator.")
    }
    for count in domains { try check(count, "--domains", 1...100_000) }
    try check(probe, "--probe", 1...65_536)
    try check(updates, "--updates", 1...100_000)
    var isDirectory: ObjCBool = false
    if let directory,
      !FileManager.default.fileExists(atPath: directory, isDirectory: &isDirectory) || !isDirectory.boolValue
    {
      throw ValidationError("--directory: there is no directory \(directory).")
    }
    if !(0...60).contains(seconds ?? 0) { throw ValidationError("--seconds is from 0 to 60.") }
  }

  private func check(_ value: Int?, _ option: String, _ range: ClosedRange<Int>) throws {
    guard let value, !range.contains(value) else { return }
    throw ValidationError("\(option) is from \(range.lowerBound) to \(range.upperBound), not \(value).")
  }

  func run() throws {
    try Ranks.run { world in
      Threads.start(threads)
      if !estimator.isEmpty {
        try measureEstimators(over: world)
        return
      }
      var benchmark = Benchmarking.Benchmark(
        shapes: shape.isEmpty ? [.small] : shape.compactMap(BenchmarkShape.named), seconds: seconds ?? 0.2,
        threads: threads)
      benchmark.sequences = sequences
      benchmark.steps = steps
      benchmark.stepsOnly = stepsOnly
      benchmark.directory = directory
      let isRoot = world.rank == 0
      let report = try benchmark.run(over: world) { line in
        if isRoot { Console.note("benchmark: " + line) }
      }
      try world.agree { if isRoot { try Console.print(json ? report.json() + "\n" : report.text, terminator: "") } }
    }
  }

  private func measureEstimators(over world: borrowing Communicator) throws {
    var figures: [AlignmentBenchmark.Figure] = []
    for shape in shape.isEmpty ? [.small] : shape.compactMap(BenchmarkShape.named) {
      let benchmark = AlignmentBenchmark(
        shape: shape, updates: updates ?? 3, probeSequences: probe ?? 4, threads: threads, directory: directory)
      for count in domains.isEmpty ? [64] : domains {
        for name in estimator {
          if world.rank == 0 { Console.note("benchmark: \(shape.name), \(name), \(count) domains") }
          figures.append(try benchmark.run(name, domains: count, over: world))
        }
      }
    }
    try world.agree {
      guard world.rank == 0 else { return }
      try Console.print(json ? JSON.line.text(figures) + "\n" : AlignmentBenchmark.text(figures), terminator: "")
    }
  }
}
