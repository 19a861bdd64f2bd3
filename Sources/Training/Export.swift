import Configuration
import Foundation
import Kernels
import Transformer

/// The export of a checkpoint as a folder that Hugging Face `transformers` loads with `GPT2LMHeadModel.from_pretrained`.
public enum Export {
  /// Writes `config.json` and `model.safetensors`, and copies the tokenizer's model if there is one.
  ///
  /// Names get the prefix `transformer.`; the output layer is tied to the token embeddings and not stored. The folder appears
  /// under its name when it is complete.
  ///
  /// - Parameter path: A checkpoint, or a run directory, whose latest checkpoint is taken.
  /// - Throws: `Failure`: `.missingInput` or `.badData` for the checkpoint, `.cannotCreate` if `output` exists already.
  public static func run(_ path: String, to output: String) throws {
    let checkpoint = try locate(path)
    try CheckpointStore.verify(checkpoint)
    let state = try RunState.read(from: checkpoint)
    let model = try state.modelConfiguration(of: checkpoint)
    let files = FileManager.default
    guard !files.fileExists(atPath: output) else {
      throw Failure(.cannotCreate, "\(output) exists already; choose another output folder, or remove it.")
    }
    let temporary = output + ".partial"
    try? files.removeItem(atPath: temporary)
    do {
      try files.createDirectory(atPath: temporary, withIntermediateDirectories: true)
      try write(model, from: checkpoint, to: temporary)
      try Data(description(of: model).utf8).write(to: URL(fileURLWithPath: temporary + "/config.json"))
      for file in try files.contentsOfDirectory(atPath: checkpoint) where file.hasSuffix(".model") {
        try files.copyItem(atPath: "\(checkpoint)/\(file)", toPath: "\(temporary)/\(file)")
      }
      try files.moveItem(atPath: temporary, toPath: output)
    } catch {
      try? files.removeItem(atPath: temporary)
      throw (error as? Failure) ?? Failure(.cannotCreate, "\(output) cannot be written: \(error.localizedDescription)")
    }
  }

  /// The checkpoint at `path`, or the latest one of the run at `path`.
  private static func locate(_ path: String) throws -> String {
    let files = FileManager.default
    guard files.fileExists(atPath: path) else { throw Failure(.missingInput, "There is no checkpoint or run \(path).") }
    if files.fileExists(atPath: path + "/state.json") { return path }
    guard let latest = try? String(contentsOfFile: path + "/checkpoints/latest", encoding: .utf8) else {
      throw Failure(.missingInput, "\(path) is neither a checkpoint nor a run that has written one.")
    }
    return "\(path)/checkpoints/\(latest.trimmingCharacters(in: .whitespacesAndNewlines))"
  }

  private static func write(_ model: ModelConfiguration, from checkpoint: String, to directory: String) throws {
    let layout = ParameterLayout(model)
    var parameters = Arena(count: layout.arenaCount)
    try TensorFiles.readParameters(&parameters, layout: layout, from: checkpoint)
    var writer = try SafetensorsWriter(
      path: "\(directory)/\(TensorFiles.parametersFile)",
      tensors: layout.tensors.map { ("transformer." + $0.name, $0.shape) })
    for tensor in layout.tensors {
      try writer.write("transformer." + tensor.name, parameters.span.extracting(tensor.range))
    }
    try writer.finish()
  }

  /// The model in the words of `transformers`' `GPT2Config`; dropout is off, as it was in training.
  private static func description(of model: ModelConfiguration) throws -> String {
    struct Configuration: Encodable {
      let architectures = ["GPT2LMHeadModel"]
      let model_type = "gpt2", activation_function = "gelu_new", torch_dtype = "float32"
      let n_layer, n_head, n_embd, n_positions, n_ctx, vocab_size: Int
      let layer_norm_epsilon = 1e-5, initializer_range = 0.02
      let attn_pdrop = 0.0, embd_pdrop = 0.0, resid_pdrop = 0.0
      let scale_attn_weights = true, tie_word_embeddings = true, use_cache = true
      let bos_token_id: Int?, eos_token_id: Int?
    }
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
    let configuration = Configuration(
      n_layer: model.layers, n_head: model.heads, n_embd: model.width, n_positions: model.context, n_ctx: model.context,
      vocab_size: model.vocabularySize, bos_token_id: nil, eos_token_id: nil)
    return String(decoding: try encoder.encode(configuration), as: UTF8.self) + "\n"
  }
}
