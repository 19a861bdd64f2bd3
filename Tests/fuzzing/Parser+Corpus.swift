import Failures
import Foundation

@testable import Corpus
@testable import Storage

extension Parser {
  /// Files of a corpus, and models.
  static let corpus = [
    Parser(name: "manifest") { input in
      let manifest = try Manifest(contentsOf: try Scratch.write(input, to: "manifest.json"))
      guard manifest.domains > 0 else { fatalError("a manifest without domains") }
    },
    Parser(name: "index") { input in
      // The first two bytes are the size of the .bin file; the third says whether the index counts as a large one.
      guard input.count >= 3 else { return }
      let file = MappedFile("test.idx", memory: Array(input.dropFirst(3)))
      let dataSize = Int(input[0]) | Int(input[1]) << 8
      let index = try TokenIndex(file, dataSize: dataSize, checkedUpTo: input[2] & 1 == 0 ? .max : 0)
      for document in 0...index.documentCount {
        let position = index.position(ofDocument: document)
        guard (0...index.tokenCount).contains(position) else { fatalError("document \(document) is at \(position)") }
      }
      try index.check()
    },
    Parser(name: "safetensors") { input in
      let reader = try SafetensorsReader(path: try Scratch.write(input, to: "model.safetensors"))
      for tensor in reader.tensors {
        guard tensor.bytes.upperBound <= input.count else { fatalError("\(tensor.name) ends at \(tensor.bytes)") }
        try? reader.checkFinite(tensor.name, count: tensor.count)
      }
    },
    Parser(name: "npy") { input in
      let array = try NumPyFile(MappedFile("test.npy", memory: input))
      guard array.count * array.element.size < input.count else { fatalError("more elements than bytes") }
      if array.element == .int32 || array.element == .int64 {
        _ = try array.integers(0..<array.count)
      } else {
        var values = [Float](repeating: 0, count: array.count)
        var span = values.mutableSpan
        try array.read(0..<array.count, into: &span)
      }
    },
    Parser(name: "pieces") { input in
      guard let table = PieceTable(input) else { return }
      guard table.pieces.count <= input.count else { fatalError("too many pieces: \(table.pieces.count)") }
    },
    Parser(name: "sentencepiece") { input in
      let tokenizer = try Tokenizer(sentencePiece: input, named: "tokenizer.model")
      let text = "the quick\u{2581}brown \u{1F98A} naïve\n"
      _ = try tokenizer.decode(try tokenizer.encode(text))
      _ = try HuggingFaceTokenizer(tokenizer)
    },
  ]
}
