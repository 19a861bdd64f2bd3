import Failures
import Foundation

/// What libFuzzer calls with each input; the variable `FUZZ_PARSER` names the parser that gets it.
///
/// Whatever the input, a parser takes it or throws an error that is meant for people. Traps, errors of other kinds and
/// failures of kind `internalError` end the process, and libFuzzer keeps the input.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
  let input = Array(UnsafeBufferPointer(start: start, count: count))
  do {
    try parser.parse(input)
  } catch let failure as Failure {
    guard failure.kind != .internalError else { fatalError("an internal error: \(failure.message)") }
  } catch {
    guard parser.isExpected(error) else { fatalError("an error that is not meant for people: \(error)") }
  }
  return 0
}

private let parser: Parser = {
  let name = ProcessInfo.processInfo.environment["FUZZ_PARSER"] ?? ""
  guard let parser = Parser.all.first(where: { $0.name == name }) else {
    fatalError("FUZZ_PARSER has to be one of \(Parser.all.map(\.name).joined(separator: ", ")), not '\(name)'")
  }
  return parser
}()

/// A parser of the program, and what it may throw besides `Failure`.
struct Parser: Sendable {
  let name: String
  var isExpected: @Sendable (any Error) -> Bool = { _ in false }
  let parse: @Sendable ([UInt8]) throws -> Void

  static let all = configuration + text + corpus + runs
}

/// The files that parsers read, in the working directory, which the launcher makes and removes.
enum Scratch {
  /// Writes an input to a file and returns its path.
  static func write(_ input: some Collection<UInt8>, to name: String) throws -> String {
    let descriptor = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
    precondition(descriptor >= 0, "the working directory can be written")
    defer { close(descriptor) }
    let bytes = Array(input)
    precondition(Glibc.write(descriptor, bytes, bytes.count) == bytes.count, "the file \(name) can be written")
    return name
  }

  /// Makes a directory that is not there yet, and returns its path.
  static func directory(_ name: String) -> String {
    mkdir(name, 0o700)
    return name
  }
}
