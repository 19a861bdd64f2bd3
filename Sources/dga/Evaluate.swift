import ArgumentParser
import Corpus
import Foundation
import Kernels
import Printing
import Training

/// Evaluates a checkpoint.
struct Evaluate: Stoppable {
  static let configuration = CommandConfiguration(
    abstract: "Show a checkpoint's loss on every domain and target, or its next-token probabilities.")

  @Argument(help: "A checkpoint, or a run directory, whose latest checkpoint is taken.")
  var checkpoint: String

  @Option(help: "The corpus to evaluate on; without it that of the run.")
  var corpus: String?

  @Option(help: "Sequences of each domain and target at most.")
  var sequences = 64

  @Option(help: "Instead: the log-probability of every token after these ids, such as 5,9,100.")
  var after: String?

  @Option(help: "Threads that share the loops.")
  var threads = 1

  @Flag(help: "Print JSON instead of a table.")
  var json = false

  func validate() throws {
    if corpus != nil && after != nil { throw ValidationError("Give either --corpus or --after.") }
    if sequences < 1 { throw ValidationError("--sequences starts at 1.") }
    if !(1...1024).contains(threads) { throw ValidationError("--threads is from 1 to 1024.") }
  }

  func run() throws {
    Threads.start(threads)
    var evaluation = try ModelEvaluation(at: checkpoint)
    if let after {
      let tokens = after.split(separator: ",").map { Int32($0.trimmingCharacters(in: .whitespaces)) }
      guard tokens.allSatisfy({ $0 != nil }) else { throw ValidationError("--after takes token ids, such as 5,9,100.") }
      let values = try evaluation.nextTokenLogProbabilities(after: tokens.compactMap { $0 })
      try Console.print(JSON.line.text(values))
    } else {
      let corpus = try Corpus(at: corpus ?? evaluation.corpusOfRun())
      let parts = try evaluation.losses(on: corpus, sequences: sequences)
      try Console.print(json ? JSON.line.text(parts) + "\n" : Self.table(parts), terminator: "")
    }
  }

  private static func table(_ parts: [PartEvaluation]) -> String {
    var table = TextTable(["kind", "name", "nats", "+-", "bits/B"], [.left, .left])
    for part in parts {
      let error = part.loss.standardError.map { String(format: "%.4f", $0) } ?? "-"
      table.append([
        part.kind, part.name, String(format: "%.4f", part.loss.nats), error,
        String(format: "%.4f", part.loss.bitsPerByte),
      ])
    }
    return table.text
  }
}
