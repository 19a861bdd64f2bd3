import Foundation
import Printing

extension BenchmarkReport {
  /// The report as tables for people.
  public var text: String {
    let perRank = machine.ranks == 1 ? "" : ", of one rank"
    var text = """
      \(machine.processor); OpenBLAS \(machine.blas_kernel); \(machine.mpi)
      \(machine.ranks) ranks of \(machine.threads_per_rank) threads on \(machine.nodes) nodes of \
      \(machine.cores_per_node) cores


      """
    text += ceilingTable(perRank)
    for shape in shapes {
      text += "\n\(shape.name): \(shape.layers) layers, \(shape.heads) heads, width \(shape.width), vocabulary "
      text += "\(shape.vocabulary), \(shape.parameters) parameters; \(shape.sequences_per_rank) sequences of "
      text += "\(shape.context) tokens per rank\n\n" + stepTable(shape.step)
      if !shape.kernels.isEmpty { text += "\n" + kernelTable(shape.kernels, perRank) }
    }
    if !collectives.isEmpty { text += "\n" + collectiveTable }
    return text
  }

  private func ceilingTable(_ perRank: String) -> String {
    var table = TextTable(["ceiling" + perRank, "best", "median", "unit"])
    func row(_ name: String, _ best: Double, _ median: Double, _ unit: String) {
      table.append([name, decimal(best), decimal(median), unit])
    }
    row(
      "sgemm 1024, all ranks at once", ceilings.sgemm_gigaflops_per_second, ceilings.sgemm_median_gigaflops_per_second,
      "GFLOP/s")
    row(
      "sgemm 1024, one rank at a time", ceilings.sgemm_alone_gigaflops_per_second,
      ceilings.sgemm_alone_median_gigaflops_per_second, "GFLOP/s")
    row("copy", ceilings.copy_gigabytes_per_second, ceilings.copy_median_gigabytes_per_second, "GB/s")
    row("triad", ceilings.triad_gigabytes_per_second, ceilings.triad_median_gigabytes_per_second, "GB/s")
    let steadiness = ceilings.sgemm_median_gigaflops_per_second / ceilings.sgemm_gigaflops_per_second
    guard steadiness < 0.9 else { return table.text }
    return table.text
      + "The median of sgemm is \(percent(steadiness)) of its best: other programs take part of the machine.\n"
  }

  private func stepTable(_ step: Step) -> String {
    var table = TextTable(["training step", "tokens/s", "seconds", "GFLOP/s", "of best sgemm"])
    func row(_ name: String, tokensPerSecond rate: Double) {
      let share = step.share_of_sgemm * rate / step.tokens_per_second
      table.append([
        name, "\(Int(rate.rounded()))", decimal(Double(step.tokens_per_step) / rate, 4),
        decimal(rate * step.flops_per_token / 1e9), percent(share),
      ])
    }
    row("first", tokensPerSecond: Double(step.tokens_per_step) / step.first_step_seconds)
    row("mean of the other \(step.steps - 1)", tokensPerSecond: step.tokens_per_second)
    row("median", tokensPerSecond: step.median_tokens_per_second)
    row("best", tokensPerSecond: step.best_tokens_per_second)
    let parts = step.part_seconds.filter { $0.value > 0 }.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
    let names = parts.map { "\($0.key) \(percent($0.value / step.mean_step_seconds))" }.joined(separator: ", ")
    return table.text + "parts of a step: \(names)\n"
      + "mean share of the sgemm between steps (\(decimal(step.sgemm_between_steps_gigaflops_per_second)) GFLOP/s per "
      + "rank): \(percent(step.share_of_sgemm_between_steps))\n"
      + "peak memory \(Int(Double(step.peak_resident_bytes) / 1e6)) MB per rank; loss "
      + "\(decimal(step.first_loss_nats, 3)), at the end \(decimal(step.last_loss_nats, 3))\n"
  }

  private func kernelTable(_ kernels: [Kernel], _ perRank: String) -> String {
    var table = TextTable(["kernel" + perRank, "size", "best", "median", "unit", "of ceiling"])
    for kernel in kernels {
      if let best = kernel.gigaflops_per_second, let median = kernel.median_gigaflops_per_second {
        table.append([
          kernel.name, kernel.size, decimal(best), decimal(median), "GFLOP/s", percent(kernel.share_of_sgemm ?? 0),
        ])
      } else if let best = kernel.gigabytes_per_second, let median = kernel.median_gigabytes_per_second {
        table.append([
          kernel.name, kernel.size, decimal(best), decimal(median), "GB/s", percent(kernel.share_of_bandwidth ?? 0),
        ])
      }
    }
    return table.text
  }

  private var collectiveTable: String {
    var table = TextTable(["collective", "bytes", "best us", "median us", "GB/s"])
    for figure in collectives.sorted(by: { $0.operation < $1.operation }) {
      table.append([
        figure.operation, "\(figure.bytes)", decimal(1e6 * figure.seconds), decimal(1e6 * figure.median_seconds),
        decimal(figure.gigabytes_per_second, 2),
      ])
    }
    return table.text
  }
}

private func decimal(_ value: Double, _ digits: Int = 1) -> String { String(format: "%.\(digits)f", value) }

private func percent(_ share: Double) -> String { String(format: "%.1f %%", 100 * share) }
