import Checkpoints
import Corpus
import Failures
import Foundation
import Kernels
import Printing
import Storage
import Transformer

/// The export of a checkpoint as a folder that Hugging Face `transformers` loads with
/// `GPT2LMHeadModel.from_pretrained` and `AutoTokenizer.from_pretrained`.
public enum Export {
  /// Writes weights, tokenizer and their descriptions, and the model card `README.md`.
  ///
  /// Tensors get the prefix `transformer.`; the output layer is tied to the token embeddings and not stored. The folder
  /// appears under its name when it is complete.
  ///
  /// - Parameter path: A checkpoint, or a run directory, whose latest checkpoint is taken.
  /// - Returns: What was written, and a warning if there is no tokenizer that `transformers` can load.
  /// - Throws: `Failure`: `.missingInput` or `.badData` for the checkpoint, `.cannotCreate` if `output` exists already,
  ///   `.inputOutput` if it cannot be written; then nothing is left behind.
  public static func run(_ path: String, to output: String) throws -> [String] {
    let checkpoint = try SavedModel(at: path)
    let tokenizer = try checkpoint.tokenizer()
    let translated: Result<HuggingFaceTokenizer, Failure>
    do {
      translated = .success(try HuggingFaceTokenizer(tokenizer))
    } catch let failure as Failure {
      translated = .failure(failure)
    }
    let card = ModelCard(checkpoint, translated)
    guard !FileManager.default.fileExists(atPath: output) else {
      throw Failure(.cannotCreate, "\(output) exists already; choose another output folder, or remove it.")
    }
    var folder = try OutputDirectory(output)
    do {
      try writeTensors(checkpoint, to: folder.path)
      var files = [
        "config.json": try modelDescription(of: checkpoint),
        "generation_config.json": try generationDescription(of: checkpoint),
        "tokenizer_config.json": try tokenizerDescription(of: checkpoint, translated),
        "README.md": card.text,
      ]
      var modelFile = Tokenizer.modelFileName
      switch translated {
      case .success(let tokenizer): files["tokenizer.json"] = tokenizer.content
      // Under its usual name newer versions of `transformers` would make another tokenizer of it.
      case .failure: modelFile = ModelCard.modelFileWithoutTranslation
      }
      for (name, text) in files { try Data(text.utf8).write(to: URL(fileURLWithPath: "\(folder.path)/\(name)")) }
      if let model = tokenizer.modelFile {
        try Data(model).write(to: URL(fileURLWithPath: "\(folder.path)/\(modelFile)"))
      }
    } catch {
      throw (error as? Failure) ?? Failure(.inputOutput, "\(output) cannot be written: \(error.localizedDescription)")
    }
    try folder.commit()
    return summary(of: checkpoint, tokenizer, translated, output)
  }

  private static func summary(
    of checkpoint: borrowing SavedModel, _ tokenizer: Tokenizer, _ translated: Result<HuggingFaceTokenizer, Failure>,
    _ output: String
  ) -> [String] {
    let parameters = ParameterLayout(checkpoint.model).elementCount
    let context = checkpoint.model.context
    let model =
      "\(output): \(parameters) parameters of \(checkpoint.path), after step \(checkpoint.step), context \(context)"
    switch translated {
    case .success:
      return [model, "\(output)/tokenizer.json: \(tokenizer.vocabularySize) tokens, the same ids as in training"]
    case .failure(let failure):
      return [model, "warning: there is no tokenizer.json, so AutoTokenizer cannot be used: \(failure.message)"]
    }
  }

  private static func writeTensors(_ checkpoint: borrowing SavedModel, to directory: String) throws {
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
  private static func modelDescription(of checkpoint: borrowing SavedModel) throws -> String {
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
    let end = checkpoint.state.endOfDocument
    let configuration = Configuration(
      n_layer: model.layers, n_head: model.heads, n_embd: model.width, n_positions: model.context, n_ctx: model.context,
      vocab_size: model.vocabularySize, bos_token_id: end, eos_token_id: end)
    return try JSON.pretty.text(configuration) + "\n"
  }

  /// What `generate` goes by: prompt and continuation together fit the context, and the end of a document is the end.
  private static func generationDescription(of checkpoint: borrowing SavedModel) throws -> String {
    struct Configuration: Encodable { let bos_token_id, eos_token_id, pad_token_id, max_length: Int }
    let end = checkpoint.state.endOfDocument
    let configuration = Configuration(
      bos_token_id: end, eos_token_id: end, pad_token_id: end, max_length: checkpoint.model.context)
    return try JSON.pretty.text(configuration) + "\n"
  }

  /// What `AutoTokenizer` goes by. Without a `tokenizer.json` it fails, rather than taking another tokenizer for ours.
  private static func tokenizerDescription(
    of checkpoint: borrowing SavedModel, _ translated: Result<HuggingFaceTokenizer, Failure>
  ) throws -> String {
    struct Configuration: Encodable {
      let tokenizer_class = "PreTrainedTokenizerFast"
      let model_max_length: Int
      let eos_token: String?
      let clean_up_tokenization_spaces = false
      /// A text that spells the end of a document is text.
      let split_special_tokens = true
      /// Without types of tokens, whose embeddings `GPT2LMHeadModel` would add.
      let model_input_names = ["input_ids", "attention_mask"]
    }
    let end = try? translated.get().endOfDocument
    return try JSON.pretty.text(Configuration(model_max_length: checkpoint.model.context, eos_token: end)) + "\n"
  }
}
