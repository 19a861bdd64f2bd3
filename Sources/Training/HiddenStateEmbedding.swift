import Clustering
import Corpus
import Failures
import Kernels
import Transformer

/// Vectors of documents from a trained model: the mean of its last hidden states, after the final LayerNorm, over a
/// document's first tokens, as many as the model's context has.
public final class HiddenStateEmbedding: DocumentEmbedding {
  /// What the vectors are.
  public let kind = Manifest.ClusteringRecord.Vectors.run
  /// The model's width.
  public let dimensions: Int

  private let saved: SavedModel
  private var model: GPT2
  private let endOfDocument: Int32

  /// Documents that go through the model at once.
  private static let capacity = 8

  /// Reads a checkpoint, or the latest one of a run directory.
  ///
  /// - Throws: `Failure`: `.missingInput`, `.badData`, also if the corpus was built with another tokenizer.
  public init(at path: String, for corpus: Corpus) throws {
    saved = try SavedModel(at: path, sequences: Self.capacity, for: .embedding, within: .present)
    try saved.checkTokenizer(of: corpus)
    model = GPT2(saved.model, sequences: Self.capacity, length: saved.model.context)
    dimensions = saved.model.width
    endOfDocument = corpus.tokenizer.endOfDocument
  }

  /// Writes the vectors of consecutive documents into as many rows.
  public func embed(_ places: Range<Int>, of list: DocumentList, into rows: Matrix) throws {
    var tokens: [Int32] = []
    for first in stride(from: 0, to: places.count, by: Self.capacity) {
      let count = min(Self.capacity, places.count - first)
      var windows: [Int32] = []
      var lengths: [Int] = []
      for document in first..<first + count {
        try list.read(places.lowerBound + document, into: &tokens)
        let used = tokens.prefix(model.length)
        lengths.append(used.count)
        // What follows a token does not change its hidden state.
        windows += used + [Int32](repeating: endOfDocument, count: model.length + 1 - used.count)
      }
      model.forward(windows.span, parameters: saved.parameters)
      for (place, length) in lengths.enumerated() {
        let row = rows.rows(first + place, count: 1)
        clear(row)
        for token in 0..<length { add(model.hiddenStates.rows(place * model.length + token, count: 1), to: row) }
        scale(row, by: 1 / Float(max(length, 1)))
      }
    }
  }
}
