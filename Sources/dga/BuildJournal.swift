import Corpus
import Printing

/// What a person sees of a build on standard error: notices, and below them a line that says how far it is.
final class BuildJournal: Sendable {
  private let line = MovingLine()

  /// Says something that stays.
  func note(_ text: String) { line.note(text) }

  /// Ends the line, so that something else can be printed.
  func finish() { line.finish() }

  /// Shows how far the build is, unless it did a moment ago.
  func show(_ progress: BuildProgress) {
    let isLast = progress.done >= progress.total
    // What takes no time needs no line.
    guard progress.seconds >= 1, line.isDue(isLast: isLast) else { return }
    line.show(progress.text)
    if isLast { line.finish() }
  }
}
