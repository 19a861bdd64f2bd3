import Configuration
import Failures
import Foundation
import Testing

/// Writes a text into a file of its own and opens it as a configuration.
func open(_ text: String, overrides: [String] = [], name: String = "run.yaml") throws -> Section {
  let directory = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
  try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(at: directory) }
  let file = directory.appendingPathComponent(name)
  try Data(text.utf8).write(to: file)
  return try Section(contentsOf: file.path, overrides: overrides)
}

/// Runs something that has to fail and checks the exit code and what the sentence mentions.
func expectFailure(
  _ kind: Failure.Kind, mentioning fragments: String..., sourceLocation: SourceLocation = #_sourceLocation,
  _ body: () throws -> Void
) {
  do {
    try body()
    Issue.record("nothing failed, but \(kind) was expected", sourceLocation: sourceLocation)
  } catch let failure as Failure {
    #expect(failure.kind == kind, "\(failure.message)", sourceLocation: sourceLocation)
    for fragment in fragments {
      #expect(failure.message.contains(fragment), sourceLocation: sourceLocation)
    }
  } catch {
    Issue.record("\(error) is no Failure", sourceLocation: sourceLocation)
  }
}
