import Configuration
import Corpus
import Foundation
import Kernels
import Transformer

/// The large files of a checkpoint: parameters under Hugging Face's names, AdamW's moments under the same with a prefix, and
/// the tokenizer that the token ids belong to.
enum TensorFiles {
  /// The file with the parameters.
  static let parametersFile = "model.safetensors"
  private static let optimizerFile = "optimizer.safetensors"
  private static let moments = (first: "first_moment.", second: "second_moment.")

  /// Writes all files into a checkpoint's directory.
  ///
  /// - Throws: `Failure` with the system's reason, such as a full disk.
  static func write(
    _ parameters: borrowing Arena, _ optimizer: borrowing Optimizer, layout: ParameterLayout, to directory: String
  ) throws {
    var writer = try SafetensorsWriter(
      path: "\(directory)/\(parametersFile)", tensors: layout.tensors.map { ($0.name, $0.shape) })
    for tensor in layout.tensors { try writer.write(tensor.name, parameters.span.extracting(tensor.range)) }
    try writer.finish()

    let names = [moments.first, moments.second].flatMap { prefix in
      layout.tensors.map { (prefix + $0.name, $0.shape) }
    }
    var state = try SafetensorsWriter(path: "\(directory)/\(optimizerFile)", tensors: names)
    for tensor in layout.tensors {
      try state.write(moments.first + tensor.name, optimizer.firstMoments.span.extracting(tensor.range))
    }
    for tensor in layout.tensors {
      try state.write(moments.second + tensor.name, optimizer.secondMoments.span.extracting(tensor.range))
    }
    try state.finish()
  }

  /// Reads parameters and moments of a checkpoint.
  ///
  /// - Throws: `Failure(.badData)` if the files are not those of a model with this layout.
  static func read(
    _ parameters: inout Arena, _ optimizer: inout Optimizer, layout: ParameterLayout, from directory: String
  ) throws {
    try read(&parameters, prefix: "", layout: layout, from: "\(directory)/\(parametersFile)")
    try read(&optimizer.firstMoments, prefix: moments.first, layout: layout, from: "\(directory)/\(optimizerFile)")
    try read(&optimizer.secondMoments, prefix: moments.second, layout: layout, from: "\(directory)/\(optimizerFile)")
  }

  /// Reads the parameters of a checkpoint alone.
  static func readParameters(layout: ParameterLayout, from directory: String) throws -> Arena {
    var parameters = Arena(count: layout.arenaCount)
    try read(&parameters, prefix: "", layout: layout, from: "\(directory)/\(parametersFile)")
    return parameters
  }

  private static func read(_ arena: inout Arena, prefix: String, layout: ParameterLayout, from file: String) throws {
    let reader = try SafetensorsReader(path: file)
    var values = arena.mutableSpan
    for tensor in layout.tensors { try reader.read(prefix + tensor.name, into: &values, at: tensor.range) }
  }

  /// Copies the corpus's tokenizer beside the parameters, if it has a file.
  static func copyTokenizer(of corpus: Corpus, to directory: String) throws {
    guard let file = corpus.manifest.tokenizer.file else { return }
    try FileManager.default.copyItem(atPath: "\(corpus.path)/\(file)", toPath: "\(directory)/\(file)")
  }

  /// The checksum of the parameters' bytes, alignment gaps included, which are zero.
  static func checksum(of parameters: borrowing Arena) -> Checksum.Digest {
    var checksum = Checksum()
    checksum.update(parameters.span)
    return checksum.digest
  }
}
