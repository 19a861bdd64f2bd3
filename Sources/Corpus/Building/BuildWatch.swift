import Foundation
import Printing
import Signals

/// How far a build is, for people.
public struct BuildProgress: Sendable {
  /// What takes long.
  public enum Phase: Sendable {
    /// Files are read, unpacked and compared.
    case reading
    /// Text becomes tokens.
    case encoding
  }

  /// What is being done.
  public var phase: Phase
  /// Bytes of all processes: of files while they are read, else of text.
  public var done = 0, total = 0
  /// How many of the bytes were done by an earlier build.
  public var found = 0
  /// Seconds since the phase began.
  public var seconds = 0.0

  package init(phase: Phase, total: Int = 0) { (self.phase, self.total) = (phase, total) }

  /// How far the build is, on one line; speed and time left come once this build has done something itself.
  public var text: String {
    let verb =
      switch phase {
      case .reading: "reading files"
      case .encoding: "making tokens"
      }
    let part = "\(verb)  \(Words.bytes(Double(done))) of \(Words.bytes(Double(total)))"
    guard done > found, seconds > 0 else { return part }
    let rate = Double(done - found) / seconds
    return part + String(format: "  %.1f MB/s", rate / 1e6) + "  left \(Words.time(Double(total - done) / rate))"
  }
}

/// Whom a build tells what.
public struct BuildObserver {
  let note: (String) -> Void
  let progress: (BuildProgress) -> Void

  /// Creates an observer.
  ///
  /// - Parameters:
  ///   - note: Gets lines of text that stay.
  ///   - progress: Gets figures a few times per second.
  public init(note: @escaping (String) -> Void, progress: @escaping (BuildProgress) -> Void = { _ in }) {
    self.note = note
    self.progress = progress
  }

  /// An observer that looks away: that of every process but one.
  static var none: BuildObserver { BuildObserver(note: { _ in }) }
}

/// Another process has failed or was asked to stop.
struct AbandonedWork: Error {}

/// What a process looks at between documents: whether it was asked to stop, whether another has failed, and how far all
/// are.
final class BuildWatch {
  let directory: WorkDirectory
  let observer: BuildObserver

  private let clock = ContinuousClock()
  private var last = ContinuousClock.now
  private var start = ContinuousClock.now
  private var figures = BuildProgress(phase: .reading)
  private var waiting: [(name: String, bytes: Int)] = []

  /// What a signal that stops a build leads to.
  static let consequenceOfStopping =
    "nothing was built yet, and an older corpus is as it was; the same command goes on from here"

  private static let interval = Duration.milliseconds(200)

  init(_ directory: WorkDirectory, _ observer: BuildObserver) {
    self.directory = directory
    self.observer = observer
  }

  /// Begins a phase of work.
  func begin(_ phase: BuildProgress.Phase, _ pieces: [some WorkPiece]) {
    (start, last) = (clock.now, clock.now)
    waiting = pieces.map { ($0.name, $0.bytes) }
    figures = BuildProgress(phase: phase, total: pieces.reduce(0) { $0 + $1.bytes })
    countFinished()
    figures.found = figures.done
    guard figures.found > 0 else { return }
    observer.note(
      "\(Words.bytes(Double(figures.found))) of \(Words.bytes(Double(figures.total))) were "
        + "\(phase == .reading ? "read" : "tokenized") by a build that did not end; this one goes on from there.")
  }

  /// Ends a phase.
  func end() {
    (figures.done, figures.seconds) = (figures.total, start.duration(to: clock.now) / .seconds(1))
    observer.progress(figures)
  }

  /// Bytes of the present piece that are done.
  var partial = 0

  /// Looks at everything, at what costs something only now and then.
  ///
  /// - Throws: `Failure(.preempted)`; `AbandonedWork`.
  func check() throws {
    try StopSignal.check(Self.consequenceOfStopping)
    guard last.duration(to: clock.now) >= Self.interval else { return }
    last = clock.now
    if directory.isAbandoned { throw AbandonedWork() }
    countFinished()
    var shown = figures
    shown.done = min(figures.done + partial, figures.total)
    shown.seconds = start.duration(to: last) / .seconds(1)
    observer.progress(shown)
  }

  private func countFinished() {
    waiting.removeAll {
      guard directory.isFinished($0.name) else { return false }
      figures.done += $0.bytes
      return true
    }
  }
}
