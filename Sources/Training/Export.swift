import Checkpoints
import Corpus
import Failures
import Foundation
import Kernels
import Printing
import Storage
import Transformer

/// The export of a checkpoint as a folder that Hugging Face `transformers` loads with
/// `GPT2LMHeadModel.from_pretrained`.
public enum Export {
  /// Writes `config.json` and `model.safetensors`, and copies the tokenizer's model if there is one.
  ///
  /// Names get the prefix `transformer.`; the output layer is tied to the token embeddings and not stored. The folder
  /// appears under its name when it is complete.
  ///
  /// - Parameter path: A checkpoint, or a run directory, whose latest checkpoint is taken.
  /// - Throws: `Failure`: `.missingInput` or `.badData` for the checkpoint, `.cannotCreate` if `output` exists already,
  ///   `.inputOutput` if it cannot be written; then nothing is left behind.
  public static func run(_ path: String, to output: String) throws {
    let checkpoint = try SavedModel(at: path)
    let files = FileManager.default
    guard !files.fileExists(atPath: output) else {
      throw Failure(.cannotCreate, "\(output) exists already; choose another output folder, or remove it.")
    }
    var folder = try OutputDirectory(output) { _ in false }
    do {
      try write(checkpoint, to: folder.path)
      try Data(description(of: checkpoint).utf8).write(to: URL(fileURLWithPath: folder.path + "/config.json"))
      for file in try files.contentsOfDirectory(atPath: checkpoint.path) where file.hasSuffix(".model") {
        try files.copyItem(atPath: "\(checkpoint.path)/\(file)", toPath: "\(folder.path)/\(file)")
      }
    } catch {
      throw (error as? Failure) ?? Failure(.inputOutput, "\(output) cannot be written: \(error.localizedDescription)")
    }
    try folder.commit()
  }

  private static func write(_ checkpoint: borrowing SavedModel, to directory: String) throws {
    let layout = ParameterLayout(checkpoint.model)
    var writer = try SafetensorsWriter(
      path: "\(directory)/\(TensorFiles.parametersFile)",
      tensors: layout.tensors.map { ("transformer." + $0.name, $0.shape) })
    for tensor in layout.tensors {
      try writer.write("transformer." + tensor.name, checkpoint.parameters.span.extracting(tensor.range))
    }
    try writer.finish()
  }

  /// The model in the words of `transformers`' `GPT2Config`; dropout is off, as it was in training.
  private static func description(of checkpoint: borrowing SavedModel) throws -> String {
    struct Configuration: Encodable {
      let architectures = ["GPT2LMHeadModel"]
      let model_type = "gpt2", activation_function = "gelu_new", torch_dtype = "float32"
      let n_layer, n_head, n_embd, n_positions, n_ctx, vocab_size: Int
      let layer_norm_epsilon = 1e-5, initializer_range = 0.02
      let attn_pdrop = 0.0, embd_pdrop = 0.0, resid_pdrop = 0.0
      let scale_attn_weights = true, tie_word_embeddings = true, use_cache = true
      let bos_token_id, eos_token_id: Int
    }
    let model = checkpoint.model
    let configuration = Configuration(
      n_layer: model.layers, n_head: model.heads, n_embd: model.width, n_positions: model.context, n_ctx: model.context,
      vocab_size: model.vocabularySize, bos_token_id: checkpoint.endOfDocument,
      eos_token_id: checkpoint.endOfDocument)
    return try JSON.pretty.text(configuration) + "\n"
  }
}
