import Mixing

/// The file of a checkpoint with the mixing method's state.
enum MethodFile {
  static let name = "method.json"

  private static func file(in directory: String) -> StateFile { StateFile("method", in: directory) }

  /// Writes the state into a checkpoint's directory.
  static func write(_ mixture: Mixture, to directory: String) throws {
    func write(_ method: some MixingMethod) throws { try file(in: directory).write(method.state) }
    try write(mixture.method)
  }

  /// Goes on with the state of a checkpoint.
  ///
  /// - Throws: `Failure(.badData)` that names file and key if it is damaged, another method's, or of another corpus.
  static func read(_ mixture: inout Mixture, from directory: String) throws {
    // Scores that overflowed are found by the method when it moves the weights.
    mixture = try file(in: directory).read(measured: ["scores", "unit", "targets"]) { content in
      var restored = mixture
      try restored.restoreMethod(from: content)
      return restored
    }
  }
}

extension StateFile.Content: MethodStateDecoder {}
