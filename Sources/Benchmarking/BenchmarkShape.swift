import Transformer

/// A model and batch to measure a step of.
public struct BenchmarkShape: Sendable {
  /// The name on the command line.
  public let name: String
  /// The model, with its vocabulary; sequences are as long as its context.
  public let model: ModelConfiguration
  /// The sequences of a step: so many for each rank, or for all together.
  private let batch: Batch
  /// Steps where nobody says how many.
  let steps: Int

  private enum Batch: Sendable {
    case perRank(Int)
    case together(Int)
  }

  private init(
    _ name: String, layers: Int, heads: Int, width: Int, context: Int, vocabularySize: Int, _ batch: Batch, steps: Int
  ) {
    self.name = name
    self.batch = batch
    self.steps = steps
    model = ModelConfiguration(
      layers: layers, heads: heads, width: width, context: context, vocabularySize: vocabularySize)
  }

  /// Sequences of each rank in a step on `ranks` ranks; at least one.
  func sequencesPerRank(ranks: Int) -> Int {
    switch batch {
    case .perRank(let sequences): sequences
    case .together(let sequences): max(1, sequences / ranks)
    }
  }

  /// A step of about a third of a second: 12 million parameters, 4,096 tokens, however many ranks.
  public static let small = BenchmarkShape(
    "12M", layers: 6, heads: 6, width: 384, context: 256, vocabularySize: 4096, .together(16), steps: 20)

  /// GPT-2 small with short sequences.
  public static let gpt2 = BenchmarkShape(
    "124M", layers: 12, heads: 12, width: 768, context: 256, vocabularySize: 50304, .perRank(4), steps: 5)

  /// GPT-2 small with its whole context.
  public static let gpt2Long = BenchmarkShape(
    "124M-1024", layers: 12, heads: 12, width: 768, context: 1024, vocabularySize: 50304, .perRank(1), steps: 5)

  /// For tests; on no list.
  private static let tiny = BenchmarkShape(
    "nano", layers: 2, heads: 2, width: 32, context: 32, vocabularySize: 257, .together(8), steps: 5)

  /// The shapes to choose from.
  public static let listed = [small, gpt2, gpt2Long]

  /// The shape of a name.
  public static func named(_ name: String) -> BenchmarkShape? { (listed + [tiny]).first { $0.name == name } }
}
