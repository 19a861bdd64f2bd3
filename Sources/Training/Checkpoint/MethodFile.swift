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

  /// Goes on with the mixture of a checkpoint, its method's state included.
  ///
  /// - Parameters:
  ///   - state: The checkpoint's state, carried over if the corpus is another one.
  ///   - change: How domains come from the checkpoint's; nil if they are the same.
  /// - Throws: `Failure(.badData)` that names file and key if it is damaged, another method's, or of another corpus.
  static func restore(
    _ mixture: inout Mixture, _ state: RunState, for plan: RunPlan, over change: DomainChange?, from directory: String
  ) throws {
    // Scores that overflowed are found by the method when it moves the weights.
    mixture = try file(in: directory).read(measured: ["scores", "unit", "targets"]) { content in
      var restored = mixture
      guard let change else {
        restored.restore(state.mixture)
        try restored.restoreMethod(from: content)
        return restored
      }
      let limits = plan.sampleLimits(after: state.step, read: state.cursors)
      try restored.restore(state.mixture, method: content, over: change, after: state.step, limits: limits)
      return restored
    }
  }
}

extension StateFile.Content: MethodStateDecoder {}
