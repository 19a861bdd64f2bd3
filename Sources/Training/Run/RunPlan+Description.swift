import Failures
import Foundation
import Parallel
import Printing
import Runs
import Transformer

/// What a plan says of itself, for people.
extension RunPlan {
  /// What a rank allocates, in bytes; rank 0 owns the most.
  package var memory: [(what: String, bytes: Int)] {
    let arena = ParameterLayout(model).arenaCount * MemoryLayout<Float>.stride
    let shards = shards(rank: 0)
    var parts = [
      ("parameters", arena), ("gradients", tree.levels * arena),
      ("optimizer", 2 * shards.ownCount * MemoryLayout<Float>.stride),
      ("reduction", GradientReduction.bytes(shards)),
      (
        "activations",
        GPT2.activationBytes(
          model, sequences: batch.micro, length: model.context, directions: steering.directionCount,
          recomputing: description.model.recompute)
      ),
    ]
    if wishes.contains(.scores) {
      let directions = steering.directionCount
      parts.append(("alignment", (directions > 1 ? directions + 1 : 1) * arena))
    }
    return parts
  }

  /// The plan as `--dry-run` prints it: configuration, mixture with token counts, and memory.
  public func describe() throws -> String {
    var text = try description.yaml()
    if !text.hasSuffix("\n") { text += "\n" }
    let parameters = ParameterLayout(model).elementCount
    text +=
      "\n# \(Words.count(steps, "step")) of \(Words.count(batch.sequences, "sequence")) of \(model.context) tokens: "
      + "\(steps * tokensPerStep) tokens\n"
    text +=
      "# \(Words.count(batch.ranks, "rank")), \(batch.accumulation) micro-batches of "
      + "\(Words.count(batch.micro, "sequence")) each\n"
    text += "# \(parameters) parameters; memory per rank:"
    text += memory.map { String(format: " %@ %.1f MB", $0.what, Double($0.bytes) / 1e6) }.joined(separator: ",")
    text += String(format: "; together %.1f MB\n", Double(memory.reduce(0) { $0 + $1.bytes }) / 1e6)
    if let shardHolders {
      text += "# the text to train on is in \(Words.count(shardHolders.count, "shard")), and windows travel\n"
    }
    text += "# domain: weight at the start, training tokens that may be read, times each is read if the weight stays\n"
    let weights = startWeights.values
    for (index, domain) in corpus.domains.enumerated() {
      let tokens = windowCounts[index] * model.context
      let epochs = tokens == 0 ? 0 : weights[index] * Double(steps * tokensPerStep) / Double(tokens)
      text += String(format: "#   %@: %.4f, %ld, %.2f\n", domain.name, weights[index], tokens, epochs)
    }
    for remark in remarks { text += "# note: \(remark)\n" }
    return text
  }
}
