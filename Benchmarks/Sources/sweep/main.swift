import Foundation
import Kernels
import Benchmarking

// Run as: swift run -c release --package-path Benchmarks sweep [TOPIC ...] [--threads N] [--seconds S]
// Measures kernels over many sizes on one process; products, attention and head take about a minute each, model
// several.

let topics: [(name: String, run: (Sweep) -> Void)] = [
  ("products", sweepProducts), ("attention", sweepAttention), ("head", sweepHead), ("model", sweepModel),
]
let usage = "Usage: sweep [\(topics.map(\.name).joined(separator: "|")) ...] [--threads N] [--seconds S]"

func leave() -> Never {
  FileHandle.standardError.write(Data((usage + "\n").utf8))
  exit(64)
}

var chosen: [String] = []
var threads = 1
var seconds = 0.2
var arguments = CommandLine.arguments.dropFirst()
while let argument = arguments.popFirst() {
  switch argument {
  case "--threads":
    guard let value = arguments.popFirst().flatMap({ Int($0) }), value >= 1 else { leave() }
    threads = value
  case "--seconds":
    guard let value = arguments.popFirst().flatMap({ Double($0) }), value >= 0 else { leave() }
    seconds = value
  default:
    guard topics.contains(where: { $0.name == argument }) else { leave() }
    chosen.append(argument)
  }
}

Threads.start(threads)
let ceiling = ProductCeiling(seconds: 1).measure()
print(
  "OpenBLAS \(BLAS.coreName), \(threads) threads: sgemm 1024",
  String(format: "%.1f GFLOP/s (median %.1f)", ceiling.best, ceiling.median))
for topic in topics where chosen.isEmpty || chosen.contains(topic.name) {
  print("\n\(topic.name)")
  topic.run(Sweep(seconds: seconds, ceiling: ceiling))
}
