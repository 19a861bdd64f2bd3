import Failures
import Foundation
import Runs
import Testing

/// Reads a description from a file of its own, in which `run`, `corpus` and `target` stand in the first three lines.
func describe(_ text: String = "", overrides: [String] = []) throws -> RunDescription {
  try read("run: runs/one\ncorpus: texts\ntarget: git\n" + text, overrides: overrides)
}

/// Reads a description from a file of its own.
func read(_ text: String, overrides: [String] = []) throws -> RunDescription {
  let path = NSTemporaryDirectory() + "run-" + UUID().uuidString + ".yaml"
  try Data(text.utf8).write(to: URL(fileURLWithPath: path))
  defer { try? FileManager.default.removeItem(atPath: path) }
  return try RunDescription(contentsOf: path, overrides: overrides)
}

/// The description that ``describe(_:overrides:)`` reads of an empty text, made in code.
func described() -> RunDescription { RunDescription(run: "runs/one", corpus: "texts", target: "git") }

/// Runs something that has to fail and checks what the sentence mentions.
func expectFailure(
  _ kind: Failure.Kind = .badConfiguration, mentioning fragments: [String],
  sourceLocation: SourceLocation = #_sourceLocation, _ body: () throws -> Void
) {
  let failure = #expect(throws: Failure.self, sourceLocation: sourceLocation, performing: body)
  guard let failure else { return }
  #expect(failure.kind == kind, "\(failure.message)", sourceLocation: sourceLocation)
  for fragment in fragments {
    #expect(failure.message.contains(fragment), "\(failure.message)", sourceLocation: sourceLocation)
  }
}
