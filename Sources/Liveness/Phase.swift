/// What a rank is doing, in words that a person can use.
public enum Phase: UInt8, Sendable, CaseIterable {
  /// Reading the configuration and opening corpus, checkpoint and run directory.
  case start
  /// Measuring what the mixing method wants.
  case measure
  /// Drawing and reading windows.
  case read
  /// The forward pass.
  case forward
  /// The backward pass.
  case backward
  /// Waiting until all gradients are summed.
  case reduce
  /// The optimizer's update.
  case update
  /// Writing records.
  case record
  /// Evaluating.
  case evaluate
  /// Writing a checkpoint.
  case checkpoint

  /// The name, as in configurations and messages.
  public var name: String { "\(self)" }

  /// Finds a phase by its name.
  public init?(name: String) {
    guard let phase = Self.allCases.first(where: { $0.name == name }) else { return nil }
    self = phase
  }
}
