import Kernels
import Benchmarking
import Printing

/// Attention by length and size of a head, for 4,096 tokens of width 768: GFLOP/s over visible pairs.
func sweepAttention(_ sweep: Sweep) {
  let (tokens, width) = (4096, 768)
  var table = TextTable(["sequences x heads x length x size", "forward", "backward"])
  for size in [32, 64, 128] {
    for length in [128, 256, 512, 1024, 2048] {
      let (sequences, heads) = (tokens / length, width / size)
      let attention = CausalAttention(sequences: sequences, length: length, heads: heads)
      let joints = Arena.noise(count: tokens * 3 * width)
      let jointGradients = Arena(count: tokens * 3 * width)
      let outputs = Arena(count: tokens * width)
      let gradients = Arena.noise(count: tokens * width)
      let logs = Arena(count: tokens * heads)
      let scratches = Arena(count: CausalAttention.scratchCount(length: length))
      let joint = joints.matrix(at: 0, rows: tokens, columns: 3 * width)
      let jointGradient = jointGradients.matrix(at: 0, rows: tokens, columns: 3 * width)
      let output = outputs.matrix(at: 0, rows: tokens, columns: width)
      let gradient = gradients.matrix(at: 0, rows: tokens, columns: width)
      let normalisers = logs.matrix(at: 0, rows: sequences * heads, columns: length)
      let scratch = scratches.row
      let flops = 2 * Double(sequences * length * (length + 1) / 2 * width)
      let forward = sweep.rate(2 * flops) {
        attention.forward(qkv: joint, normalisers: normalisers, scratch: scratch, into: output)
      }
      let backward = sweep.rate(4 * flops) {
        attention.backward(
          outputGradient: gradient, output: output, qkv: joint, normalisers: normalisers, scratch: scratch,
          qkvGradient: jointGradient)
      }
      table.append(["\(sequences) x \(heads) x \(length) x \(size)", sweep.cell(forward), sweep.cell(backward)])
    }
  }
  sweep.show(table)
}

/// The loss head by tokens and vocabulary: GFLOP/s of forward alone and of forward and backward.
func sweepHead(_ sweep: Sweep) {
  var table = TextTable(["tokens x width x vocabulary", "forward", "forward + backward", "rows a tile"])
  for (width, vocabulary) in [(384, 4096), (384, 16384), (768, 16384), (768, 50304)] {
    for rows in [256, 1024] {
      let hiddens = Arena.noise(count: rows * width)
      let tables = Arena.noise(count: vocabulary * width)
      let hiddenGradients = Arena(count: rows * width)
      let tableGradients = Arena(count: vocabulary * width)
      let lossArena = Arena(count: rows)
      let scratches = Arena(count: CrossEntropyHead.scratchCount(rows: rows, vocabularySize: vocabulary))
      let hidden = hiddens.matrix(at: 0, rows: rows, columns: width)
      let embedding = tables.matrix(at: 0, rows: vocabulary, columns: width)
      let hiddenGradient = hiddenGradients.matrix(at: 0, rows: rows, columns: width)
      let tableGradient = tableGradients.matrix(at: 0, rows: vocabulary, columns: width)
      let scaleArena = Arena.noise(count: rows)
      let scales = scaleArena.row
      let head = CrossEntropyHead(hidden: hidden, table: embedding, losses: lossArena.row, scratch: scratches.row)
      let targets = (0..<rows).map { Int32($0 % vocabulary) }
      let flops = 2 * Double(rows * width * vocabulary)
      let forward = sweep.rate(flops) {
        head.forward(targets: targets.span)
      }
      let both = sweep.rate(3 * flops) {
        head.forwardBackward(
          targets: targets.span, scales: scales, hiddenGradient: hiddenGradient, tableGradient: tableGradient,
          adding: false)
      }
      table.append([
        "\(rows) x \(width) x \(vocabulary)", sweep.cell(forward), sweep.cell(both),
        "\(min(rows, CrossEntropyHead.tileRows(vocabularySize: vocabulary)))",
      ])
    }
  }
  sweep.show(table)
}
