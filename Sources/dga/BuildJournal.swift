import Corpus
import Foundation
import Printing

/// What a person sees of a build on standard error: notices, and below them a line that says how far it is.
final class BuildJournal: Sendable {
  private let line = MovingLine()

  /// Says something that stays.
  func note(_ text: String) {
    line.finish()
    Console.note(text)
  }

  /// Shows how far the build is, unless it did a moment ago.
  func show(_ progress: BuildProgress) {
    let isLast = progress.done >= progress.total
    // What takes no time needs no line.
    guard progress.seconds >= 1, line.isDue(isLast: isLast) else { return }
    line.show(Self.text(progress))
    if isLast { line.finish() }
  }

  private static func text(_ progress: BuildProgress) -> String {
    let verb =
      switch progress.phase {
      case .reading: "reading files"
      case .encoding: "making tokens"
      }
    let rate = Double(progress.done - progress.found) / progress.seconds
    let left = Double(progress.total - progress.done) / rate
    return "\(verb)  \(Words.bytes(Double(progress.done))) of \(Words.bytes(Double(progress.total)))  "
      + String(format: "%.1f MB/s", rate / 1e6) + "  left \(Words.time(left))"
  }
}
