import Corpus
import Foundation
import Kernels
import MPI
import Parallel
import Storage
import Transformer

/// The large files of a checkpoint: parameters under Hugging Face's names, AdamW's moments under the same with a
/// prefix, and the tokenizer that the token ids belong to.
package enum TensorFiles {
  /// The file with the parameters.
  package static let parametersFile = "model.safetensors"
  /// The file with AdamW's moments.
  package static let optimizerFile = "optimizer.safetensors"

  /// The name of a tensor's moment.
  private static func name(_ moment: MomentGathering.Moment, _ tensor: String) -> String {
    switch moment {
    case .first: "first_moment." + tensor
    case .second: "second_moment." + tensor
    }
  }

  /// Writes parameters and moments into a checkpoint's directory; the other ranks walk through the same gathering.
  ///
  /// - Throws: `Failure` with the system's reason, such as a full disk, and with the gathering anywhere on its way;
  ///   `MPIError`.
  package static func write(
    _ parameters: borrowing Parameters<Whole>, _ optimizer: borrowing Optimizer, _ gathering: inout MomentGathering,
    layout: ParameterLayout, to directory: String, over world: borrowing Communicator
  ) throws {
    try write(parameters.span, layout: layout, to: "\(directory)/\(parametersFile)")

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

  /// Writes a row of the layout under the names of parameters.
  ///
  /// - Throws: `Failure(.inputOutput)` with the system's reason.
  package static func write(_ values: Span<Float>, layout: ParameterLayout, to path: String) throws {
    var writer = try SafetensorsWriter(path: path, tensors: layout.tensors.map { ($0.name, $0.shape) })
    for tensor in layout.tensors { try writer.write(tensor.name, values.extracting(tensor.range)) }
    try writer.finish()
  }

  /// Writes rows of the layout, one after the other; the names of all but the first have the row's number before them.
  ///
  /// - Throws: `Failure(.inputOutput)` with the system's reason.
  package static func write(rows: Span<Float>, layout: ParameterLayout, to path: String) throws {
    let tensors = tensors(ofRows: rows.count, layout: layout)
    var writer = try SafetensorsWriter(path: path, tensors: tensors.map { ($0.name, $0.shape) })
    for tensor in tensors { try writer.write(tensor.name, rows.extracting(tensor.range)) }
    try writer.finish()
  }

  /// Reads rows of the layout.
  ///
  /// - Throws: `Failure(.badData)` if the file is not one of as many rows of a model with this layout.
  package static func read(rows: inout MutableSpan<Float>, layout: ParameterLayout, from path: String) throws {
    let reader = try SafetensorsReader(path: path)
    for tensor in tensors(ofRows: rows.count, layout: layout) {
      try reader.read(tensor.name, into: &rows, at: tensor.range)
    }
  }

  private static func tensors(
    ofRows count: Int, layout: ParameterLayout
  ) -> [(name: String, shape: [Int], range: Range<Int>)] {
    (0..<count / layout.arenaCount).flatMap { row in
      layout.tensors.map { tensor in
        let start = row * layout.arenaCount + tensor.offset
        return (row == 0 ? tensor.name : "\(row).\(tensor.name)", tensor.shape, start..<start + tensor.count)
      }
    }
  }

  /// Reads the parameters of a checkpoint, and of the moments what this rank owns.
  ///
  /// - Throws: `Failure(.badData)` if the files are not those of a model with this layout.
  package static func read(
    _ parameters: inout Parameters<Whole>, _ optimizer: inout Optimizer, layout: ParameterLayout, from directory: String
  ) throws {
    var values = parameters.mutableSpan
    try read(&values, layout: layout, from: "\(directory)/\(parametersFile)")
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

  /// Checks that the files of a checkpoint are those of a model with this layout, and that all numbers are finite.
  ///
  /// - Parameter files: The names of the checkpoint's files.
  /// - Throws: `Failure(.badData)` that names file and tensor.
  package static func examine(_ files: Set<String>, of directory: String, layout: ParameterLayout) throws {
    let parameters = layout.tensors.map { ($0.name, $0.count) }
    let moments = MomentGathering.Moment.allCases.flatMap { moment in parameters.map { (name(moment, $0.0), $0.1) } }
    let expected = [parametersFile: parameters, optimizerFile: moments]
    for file in files.sorted() where file.hasSuffix(".safetensors") {
      let reader = try SafetensorsReader(path: "\(directory)/\(file)")
      for (name, count) in expected[file] ?? reader.tensors.map({ ($0.name, $0.count) }) {
        try reader.checkFinite(name, count: count)
      }
    }
  }

  /// Reads the parameters of a checkpoint alone.
  package static func readParameters(layout: ParameterLayout, from directory: String) throws -> Arena {
    var parameters = Arena(count: layout.arenaCount)
    var values = parameters.mutableSpan
    try read(&values, layout: layout, from: "\(directory)/\(parametersFile)")
    return parameters
  }

  /// Reads a row of the layout.
  ///
  /// - Throws: `Failure(.badData)` if the file is not one of a model with this layout.
  package static func read(_ values: inout MutableSpan<Float>, layout: ParameterLayout, from path: String) throws {
    let reader = try SafetensorsReader(path: path)
    for tensor in layout.tensors { try reader.read(tensor.name, into: &values, at: tensor.range) }
  }

  /// Copies the corpus's tokenizer beside the parameters, if it has a file.
  package static func copyTokenizer(of corpus: Corpus, to directory: String) throws {
    guard let file = corpus.manifest.tokenizer.file else { return }
    try FileManager.default.copyItem(atPath: "\(corpus.home)/\(file)", toPath: "\(directory)/\(file)")
  }

  /// The checksum of the parameters' bytes, alignment gaps included, which are zero.
  package static func checksum(of parameters: Span<Float>) -> Checksum.Digest {
    var checksum = Checksum()
    checksum.update(parameters)
    return checksum.digest
  }
}
