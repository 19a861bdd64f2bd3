import Failures
import MPI

/// Failures leave through MPI with their own exit codes, agreed or not.
extension Failure: ExitCoded {
  /// The code that the process exits with.
  public var exitCode: Int32 { kind.rawValue }
}
