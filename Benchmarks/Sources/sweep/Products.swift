import Kernels
import Benchmarking
import Printing

/// The products of linear layers by rows, the trainer's own and OpenBLAS's: GFLOP/s and share of the ceiling.
///
/// OpenBLAS computes the bare product with one thread, the linear layer its bias or column sums as well.
func sweepProducts(_ sweep: Sweep) {
  for width in [384, 768] {
    var table = TextTable([
      "width \(width), rows x in x out", "forward", "OpenBLAS", "weight gradient", "OpenBLAS", "input gradient",
      "OpenBLAS",
    ])
    for (inner, columns) in [(width, width), (width, 3 * width), (width, 4 * width), (4 * width, width)] {
      for rows in [256, 512, 1024, 2048] {
        table.append(["\(rows) x \(inner) x \(columns)"] + rates(rows, inner, columns, sweep).map(sweep.cell))
      }
    }
    sweep.show(table)
  }
}

private func rates(_ rows: Int, _ inner: Int, _ columns: Int, _ sweep: Sweep) -> [Rate] {
  let inputs = Arena.noise(count: rows * inner)
  let weights = Arena.noise(count: inner * columns)
  let outputs = Arena.noise(count: rows * columns)
  let results = Arena(count: max(rows * inner, inner * columns, rows * columns))
  let biases = Arena(count: columns)
  let input = inputs.matrix(at: 0, rows: rows, columns: inner)
  let weight = weights.matrix(at: 0, rows: inner, columns: columns)
  let output = outputs.matrix(at: 0, rows: rows, columns: columns)
  let bias = biases.row
  func result(_ rows: Int, _ columns: Int) -> Matrix { results.matrix(at: 0, rows: rows, columns: columns) }
  let flops = 2 * Double(rows * inner * columns)
  return [
    sweep.rate(flops) { linearForward(input, weight: weight, bias: bias, into: result(rows, columns)) },
    sweep.rate(flops) { multiply(input, by: weight, into: result(rows, columns)) },
    sweep.rate(flops) {
      LinearGradients.weight(
        outputGradient: output, input: input, weightGradient: result(inner, columns), biasGradient: bias)
    },
    sweep.rate(flops) { multiply(input, transposeA: true, by: output, into: result(inner, columns)) },
    sweep.rate(flops) {
      LinearGradients.input(outputGradient: output, weight: weight, inputGradient: result(rows, inner))
    },
    sweep.rate(flops) { multiply(output, by: weight, transposeB: true, into: result(rows, inner)) },
  ]
}
