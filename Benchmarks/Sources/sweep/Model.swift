import Kernels
import Benchmarking
import Printing
import Transformer

/// The model without trainer, data and optimizer, by sequences in a micro-batch: tokens/s, and GFLOP/s of both passes
/// together.
func sweepModel(_ sweep: Sweep) {
  for shape in [BenchmarkShape.small, .gpt2] {
    let model = shape.model
    let length = model.context
    var table = TextTable([
      "\(shape.name), sequences", "forward tokens/s", "both tokens/s", "GFLOP/s", "gradients added",
    ])
    for sequences in [1, 2, 4, 8] {
      var network = GPT2(model, sequences: sequences, length: length)
      let parameters = Arena(count: network.layout.arenaCount)
      let gradients = Arena(count: network.layout.arenaCount)
      network.layout.initialize(parameters, seed: 1)
      let windows = (0..<sequences * (length + 1)).map { Int32($0 * 7919 % model.vocabularySize) }
      let tokens = Double(sequences * length)
      let flops = tokens * model.trainingFlopsPerToken(length: length)
      let forward = Timing.measure(seconds: sweep.seconds) { network.forward(windows.span, parameters: parameters) }
      func both(adding: Bool) -> Rate {
        sweep.rate(flops) {
          network.forward(windows.span, parameters: parameters)
          _ = network.backward(
            parameters: parameters, gradients: gradients.row, adding: adding, scale: 1 / Float(tokens)
          ) { _ in }
        }
      }
      let written = both(adding: false)
      table.append([
        "\(sequences)", "\(Int(tokens / forward.best))", "\(Int(tokens * written.best * 1e9 / flops))",
        sweep.cell(written), sweep.cell(both(adding: true)),
      ])
    }
    sweep.show(table)
  }
}
