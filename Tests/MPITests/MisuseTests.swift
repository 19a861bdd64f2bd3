import Foundation
import Launching
import Testing

/// What the types are for: programs that misuse MPI are not programs. Each is one line away from one that compiles.
@Suite struct MisuseTests {
  /// A body that compiles, in which each test spoils one line.
  private static let program = """
    import MPI
    func body(_ world: borrowing Communicator) throws {
      try world.barrier()
    }
    """

  @Test("Calling a borrowed world compiles")
  func correctUse() throws {
    let outcome = try compile(Self.program)
    #expect(outcome.status == 0, "\(outcome.output)")
  }

  @Test(
    "Misuse does not compile",
    arguments: [
      // The world is copied.
      ("  try world.barrier()\n", "  let copy = world\n", "'world' is borrowed and cannot be consumed"),
      // The world is sent to another thread.
      (
        "  try world.barrier()\n", "  Task { try world.barrier() }\n",
        "'world' cannot be captured by an escaping closure"
      ),
    ])
  func misuse(line: String, spoiled: String, diagnostic: String) throws {
    let outcome = try compile(Self.program.replacing(line, with: spoiled))
    #expect(outcome.status == 1)
    #expect(outcome.output.contains("error: "))
    #expect(outcome.output.contains(diagnostic), "\(outcome.output)")
  }

  /// Compiles a file against the module `MPI`, as far as ownership is checked.
  private func compile(_ text: String) throws -> Outcome {
    let file = FileManager.default.temporaryDirectory.appending(path: "misuse-\(UUID().uuidString).swift")
    try text.write(to: file, atomically: true, encoding: .utf8)
    defer { try? FileManager.default.removeItem(at: file) }
    let root = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../..")
    let mpi = try run(["pkg-config", "--cflags-only-I", "ompi-c"]).output.split(whereSeparator: \.isWhitespace)
    return try run(
      ["swiftc", "-swift-version", "6", "-emit-sil", "-o", "/dev/null", file.path]
        + ["-I", buildDirectory.appending(path: "Modules").path, "-I", root.appending(path: "CMPI").path]
        + ["-I", root.appending(path: "Sources/CSignals/include").path]
        + mpi.flatMap { ["-Xcc", String($0)] })
  }
}
