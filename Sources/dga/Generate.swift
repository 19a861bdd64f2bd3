import ArgumentParser
import Inference
import Kernels
import Liveness
import Printing

/// Writes text with a run's model; under `mpirun`, on the first rank.
struct Generate: Stoppable {
  static let configuration = CommandConfiguration(
    abstract: "Write text with a run's model.",
    usage: "dga generate RUN --prompt TEXT --tokens N [--temperature T] [--top-p P] [--seed S] [--no-cache] [--json]",
    discussion: """
      Only the continuation is printed, as it is written, until the model ends the document. When the context is full \
      its older half is forgotten: positions are learned and cannot be moved.
      """)

  @Argument(help: "A checkpoint, or a run directory, whose latest checkpoint is taken.")
  var checkpoint: String

  @Option(help: "The text to go on from; a document begins if it is empty.")
  var prompt = ""

  @Option(help: "The most tokens to write.")
  var tokens = 100

  @Option(help: "What logits are divided by; at 0 the most likely token is taken.")
  var temperature = 0.8

  @Option(help: "Draw only from the most likely tokens that together have this probability.")
  var topP = 1.0

  @Option(help: "The number that decides every draw.")
  var seed: UInt64 = 1

  @Flag(help: "Compute all tokens anew for each token: for comparison.")
  var noCache = false

  @Option(help: "Threads that share the loops.")
  var threads = 1

  @Flag(help: "Print one JSON object at the end instead of the text.")
  var json = false

  func validate() throws {
    if !(1...1_000_000_000).contains(tokens) { throw ValidationError("--tokens is from 1 to 1000000000.") }
    if !(temperature == 0 || (1e-3...1e3).contains(temperature)) {
      throw ValidationError("--temperature is 0, or from 0.001 to 1000.")
    }
    if !(topP > 0 && topP <= 1) { throw ValidationError("--top-p is above 0 and at most 1.") }
    if !(1...1024).contains(threads) { throw ValidationError("--threads is from 1 to 1024.") }
  }

  func run() throws {
    Threads.start(threads)
    try Ranks.run(watchedBy: .patient(remedy: "nothing else was written")) { world, _ in
      try world.agree {
        guard world.rank == 0 else { return }
        let written = try Generation(
          by: checkpoint, after: prompt, tokens: tokens,
          TokenChoice(temperature: temperature, topP: topP, seed: seed), isCached: !noCache
        ) { if !json { try Console.print($0, terminator: "") } }
        try Console.print(json ? JSON.line.text(written) : "")
      }
    }
  }
}
