internal import CMPI
internal import Liveness

/// A failure of a call to MPI.
public struct MPIError: Error, Equatable {
  /// The name of the C function that failed.
  public let call: String
  /// The code that it returned.
  public let code: Int32
  /// MPI's own text for the code.
  public let text: String
}

extension MPIError: CustomStringConvertible {
  /// The call, MPI's text and the code, in one line.
  public var description: String { "\(call) failed: \(text) (code \(code))." }
}

/// An error that knows the exit code of the process that it ends, and what to tell the user.
public protocol ExitCoded: Error {
  /// The exit code, other than zero.
  var exitCode: Int32 { get }
  /// Whole sentences: what is wrong, where, and what to do.
  var message: String { get }
}

/// An exit code and a message: those of an `ExitCoded` error, 70 and its description for any other.
struct ExitStatus: ExitCoded {
  let exitCode: Int32
  let message: String
}

extension ExitStatus {
  init(of error: any Error) {
    if let error = error as? any ExitCoded {
      self.init(exitCode: error.exitCode, message: error.message)
    } else {
      self.init(exitCode: 70, message: "\(error)")  // EX_SOFTWARE of sysexits.h
    }
  }
}

/// Makes a call that may wait for other ranks, remembered by the flight recorder, and throws an `MPIError` unless it is
/// a success.
///
/// - Parameters:
///   - bytes: What this rank sends or receives.
///   - peer: The other rank, or the root; -1 for all.
func recorded(_ call: StaticString, bytes: Int = 0, peer: Int = -1, _ code: @autoclosure () -> CInt) throws {
  let entry = FlightRecorder.begin(call, bytes: bytes, peer: peer)
  let code = code()
  FlightRecorder.end(entry)
  try check(call, code)
}

/// Throws an `MPIError` unless `code` is a success: every call to MPI goes through here.
func check(_ call: StaticString, _ code: CInt) throws {
  guard code != MPI_SUCCESS else { return }
  let text = string(atMost: MPI_MAX_ERROR_STRING) { text, length in MPI_Error_string(code, text, length) }
  throw MPIError(call: call.description, code: code, text: text ?? "no text")
}

/// Returns the text that a call to MPI writes into a buffer of `capacity` characters, or nil if the call fails.
func string(
  atMost capacity: CInt, _ call: (UnsafeMutablePointer<CChar>, UnsafeMutablePointer<CInt>) -> CInt
) -> String? {
  withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(capacity)) { text in
    var length: CInt = 0
    guard call(text.baseAddress!, &length) == MPI_SUCCESS else { return nil }
    return String(decoding: UnsafeRawBufferPointer(text).prefix(Int(length)), as: UTF8.self)
  }
}
