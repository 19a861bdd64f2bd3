/// A failure that a user can act on: a whole sentence and the exit code that reaches the shell.
public struct Failure: Error, Equatable, Sendable, CustomStringConvertible {
  /// A class of failures; the raw value is the exit code.
  public enum Kind: Int32, Sendable {
    /// The command line is wrong.
    case usage = 64
    /// Input data is damaged or unusable.
    case badData = 65
    /// An input does not exist or cannot be read.
    case missingInput = 66
    /// The program contradicts itself.
    case internalError = 70
    /// Output cannot be created.
    case cannotCreate = 73
    /// Reading or writing failed on the way.
    case inputOutput = 74
    /// The run was stopped from outside and can be resumed.
    case preempted = 75
    /// Another rank is lost or stuck.
    case lostPeer = 76
    /// A configuration, recipe or override is wrong.
    case badConfiguration = 78
    /// Training produced numbers that are no longer finite.
    case diverged = 79
  }

  /// The class of this failure, hence the exit code.
  public let kind: Kind

  /// A sentence: what is wrong, where, and what to do.
  public let message: String

  /// Creates a failure of a class with its sentence.
  public init(_ kind: Kind, _ message: String) {
    self.kind = kind
    self.message = message
  }

  /// The sentence alone, as it is printed for people.
  public var description: String { message }
}
