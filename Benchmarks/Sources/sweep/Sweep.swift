import Foundation
import Benchmarking
import Printing

/// How a kernel is measured: for so long, against this ceiling.
struct Sweep {
  let seconds: Double
  let ceiling: Rate

  /// The best rate of `body`, which does `flops` operations.
  func rate(_ flops: Double, _ body: () -> Void) -> Rate { Rate(flops, in: Timing.measure(seconds: seconds, body)) }

  /// A rate and its share of the ceiling, for a table.
  func cell(_ rate: Rate) -> String { String(format: "%.1f (%.0f %%)", rate.best, 100 * rate.share(of: ceiling)) }

  /// Prints a table at once, into pipes too: a long sweep that is stopped has shown what it measured.
  func show(_ table: TextTable) {
    print(table.text)
    fflush(nil)
  }
}
