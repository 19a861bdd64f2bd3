import ArgumentParser
import Configuration
import Corpus
import Foundation
import Kernels
import Training

/// Evaluates a checkpoint.
struct Evaluate: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Show a checkpoint's loss on every domain and target, or its next-token probabilities.")

  @Argument(help: "A checkpoint, or a run directory, whose latest checkpoint is taken.")
  var checkpoint: String

  @Option(help: "The corpus to evaluate on.")
  var corpus: String?

  @Option(help: "Sequences of each domain and target at most.")
  var sequences = 64

  @Option(help: "Instead: the log-probability of every token after these ids, such as 5,9,100.")
  var after: String?

  @Option(help: "BLAS threads.")
  var threads = 1

  @Flag(help: "Print JSON instead of a table.")
  var json = false

  func validate() throws {
    if (corpus == nil) == (after == nil) { throw ValidationError("Give either --corpus or --after.") }
    if sequences < 1 || threads < 1 { throw ValidationError("--sequences and --threads start at 1.") }
  }

  func run() throws {
    BLAS.start(threads: threads)
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys]
    var score = try Score(at: checkpoint)
    if let after {
      let tokens = after.split(separator: ",").map { Int32($0.trimmingCharacters(in: .whitespaces)) }
      guard tokens.allSatisfy({ $0 != nil }) else { throw ValidationError("--after takes token ids, such as 5,9,100.") }
      let values = try score.nextTokenLogProbabilities(after: tokens.compactMap { $0 })
      print(String(decoding: try encoder.encode(values), as: UTF8.self))
    } else if let corpus {
      let scores = try score.losses(on: Corpus(at: corpus), sequences: sequences)
      if json {
        print(String(decoding: try encoder.encode(scores), as: UTF8.self))
      } else {
        let width = max(6, scores.map(\.name.count).max() ?? 0)
        func row(_ cells: [String]) -> String {
          cells.enumerated().map { index, cell in
            let padding = String(repeating: " ", count: max(0, (index < 2 ? (index == 0 ? 6 : width) : 8) - cell.count))
            return index < 2 ? cell + padding : padding + cell
          }.joined(separator: "  ")
        }
        print(row(["kind", "name", "nats", "+-", "bits/B"]))
        for score in scores {
          let error = score.loss.standardError.map { String(format: "%.4f", $0) } ?? "-"
          print(
            row([
              score.kind, score.name, String(format: "%.4f", score.loss.nats), error,
              String(format: "%.4f", score.loss.bitsPerByte),
            ]))
        }
      }
    }
  }
}
