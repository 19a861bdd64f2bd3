import Configuration
import Corpus
import Foundation
import Kernels
import MPI
import Transformer

/// The large files of a checkpoint: parameters under Hugging Face's names, AdamW's moments under the same with a prefix, and
/// the tokenizer that the token ids belong to.
enum TensorFiles {
  /// The file with the parameters.
  static let parametersFile = "model.safetensors"
  private static let optimizerFile = "optimizer.safetensors"

  /// The name of a tensor's moment.
  private static func name(_ moment: MomentGathering.Moment, _ tensor: String) -> String {
    switch moment {
    case .first: "first_moment." + tensor
    case .second: "second_moment." + tensor
    }
  }

  /// Writes parameters and moments into a checkpoint's directory; the other ranks walk through the same gathering.
  ///
  /// - Throws: `Failure` with the system's reason, such as a full disk, and with the gathering anywhere on its way; `MPIError`.
  static func write(
    _ parameters: borrowing Arena, _ optimizer: borrowing Optimizer, _ gathering: inout MomentGathering,
    layout: ParameterLayout, to directory: String, over world: borrowing Communicator
  ) throws {
    try write(parameters, layout: layout, to: "\(directory)/\(parametersFile)")

    let names = MomentGathering.Moment.allCases.flatMap { moment in
      layout.tensors.map { (name(moment, $0.name), $0.shape) }
    }
    var state = try SafetensorsWriter(path: "\(directory)/\(optimizerFile)", tensors: names)
    while let piece = try gathering.next(of: optimizer, over: world) {
      try state.write(
        name(piece.moment, piece.tensor), gathering.values.extracting(first: piece.range.count))
    }
    try state.finish()
  }

  /// Writes an arena of the layout under the names of parameters.
  ///
  /// - Throws: `Failure(.inputOutput)` with the system's reason.
  static func write(_ arena: borrowing Arena, layout: ParameterLayout, to path: String) throws {
    var writer = try SafetensorsWriter(path: path, tensors: layout.tensors.map { ($0.name, $0.shape) })
    for tensor in layout.tensors { try writer.write(tensor.name, arena.span.extracting(tensor.range)) }
    try writer.finish()
  }

  /// Reads the parameters of a checkpoint, and of the moments what this rank owns.
  ///
  /// - Throws: `Failure(.badData)` if the files are not those of a model with this layout.
  static func read(
    _ parameters: inout Arena, _ optimizer: inout Optimizer, layout: ParameterLayout, from directory: String
  ) throws {
    try read(&parameters, layout: layout, from: "\(directory)/\(parametersFile)")
    let reader = try SafetensorsReader(path: "\(directory)/\(optimizerFile)")
    let shards = optimizer.shards
    try read(.first, into: &optimizer.firstMoments, shards, layout: layout, from: reader)
    try read(.second, into: &optimizer.secondMoments, shards, layout: layout, from: reader)
  }

  private static func read(
    _ moment: MomentGathering.Moment, into moments: inout Arena, _ shards: Shards, layout: ParameterLayout,
    from reader: SafetensorsReader
  ) throws {
    var values = moments.mutableSpan
    for (own, offset) in zip(shards.own, shards.offsets) {
      for tensor in layout.tensors {
        let range = tensor.range.clamped(to: own)
        if range.isEmpty { continue }
        try reader.read(
          name(moment, tensor.name), count: tensor.count,
          elements: range.lowerBound - tensor.offset..<range.upperBound - tensor.offset,
          into: &values, at: offset + range.lowerBound - own.lowerBound)
      }
    }
  }

  /// Reads the parameters of a checkpoint alone.
  static func readParameters(layout: ParameterLayout, from directory: String) throws -> Arena {
    var parameters = Arena(count: layout.arenaCount)
    try read(&parameters, layout: layout, from: "\(directory)/\(parametersFile)")
    return parameters
  }

  /// Reads an arena of the layout.
  ///
  /// - Throws: `Failure(.badData)` if the file is not one of a model with this layout.
  static func read(_ arena: inout Arena, layout: ParameterLayout, from path: String) throws {
    let reader = try SafetensorsReader(path: path)
    var values = arena.mutableSpan
    for tensor in layout.tensors { try reader.read(tensor.name, into: &values, at: tensor.range) }
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
