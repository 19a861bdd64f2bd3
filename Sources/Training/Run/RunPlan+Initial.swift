import Checkpoints
import Corpus
import Failures
import Runs
import Transformer

/// A run that starts with another's parameters.
extension RunPlan {
  /// The model that a run starts with; nil if its parameters are to be random.
  ///
  /// - Throws: `Failure` at the key `init`: `.missingInput` if there is no checkpoint, `.badData` if it is damaged,
  ///   `.badConfiguration` if it has another tokenizer than the corpus.
  static func initial(
    _ description: RunDescription, _ corpus: Corpus, report: (String) -> Void
  ) throws -> SavedModel.Reference? {
    guard let initial = description.initial else { return nil }
    // A run that has a checkpoint goes on from that: the other run may be gone.
    let store = CheckpointStore(path: RunDirectory.checkpoints(of: description.run), keep: 1)
    let hasBegun = store.holdsCheckpoints
    if hasBegun, description.model.isChosen { return nil }
    let run = hasBegun ? description.run : initial
    do {
      let reference = try SavedModel.Reference(run, report: report)
      try reference.check(corpus, context: 1)
      return reference
    } catch let failure as Failure {
      throw Failure(failure.kind, "init: \(failure.message)")
    }
  }

  /// Checks that the model which the run starts with has the shape that was chosen.
  ///
  /// - Throws: `Failure(.badConfiguration)`.
  static func check(_ initial: SavedModel.Reference?, is model: ModelConfiguration) throws {
    guard let initial, initial.model != model else { return }
    let theirs = initial.model
    throw Failure(
      .badConfiguration,
      "init: The model in \(initial.path) has \(theirs.layers) layers, \(theirs.heads) heads, a width of "
        + "\(theirs.width) and a context of \(theirs.context), but `model` asks for \(model.layers), \(model.heads), "
        + "\(model.width) and \(model.context): leave out `model`, and the run takes that shape.")
  }
}
