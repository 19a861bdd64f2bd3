import Logging
import Printing

/// The log of the root rank: one line per message on standard error, for people.
struct ConsoleLog: LogHandler {
  var metadata: Logger.Metadata = [:]
  var logLevel = Logger.Level.info
  /// Called before a line is written, so that a moving progress line ends first.
  private let progress: Progress

  init(sharing progress: Progress) { self.progress = progress }

  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  func log(event: LogEvent) {
    progress.finishLine()
    let prefix = event.level >= .warning ? "\(event.level): " : ""
    Console.note("\(prefix)\(event.message)")
  }
}
