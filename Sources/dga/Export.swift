import ArgumentParser
import Foundation
import Printing
import Training

/// Writes a checkpoint for other programs.
struct Export: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Write a checkpoint as a Hugging Face GPT-2 folder that `transformers` loads.")

  @Argument(help: "A checkpoint, or a run directory, whose latest checkpoint is taken.")
  var checkpoint: String

  @Option(name: .shortAndLong, help: "The folder to make.")
  var output: String

  func run() throws {
    for line in try Training.Export.run(checkpoint, to: output) {
      Console.note(line)
    }
  }
}
