import Failures
import Foundation
import Printing
import Reporting
import Signals
import Training

/// Makes the runs of a study, several side by side, each after those that it builds on.
struct StudyRunner {
  private let plan: StudyPlan
  private let requests: StudyRequests
  private let files: StudyFiles
  private var record: StudyRecord
  /// The exit code of the first run that failed.
  private(set) var firstFailure: Failure.Kind?
  private var processes: [StudyProcess] = []
  /// Starts of each run that left no new checkpoint, in a row.
  private var fruitless: [String: (starts: Int, step: String)] = [:]
  private let line = MovingLine()
  private let start = ContinuousClock.now
  /// When runs were asked to stop last.
  private var asked: ContinuousClock.Instant?
  private var done = 0.0

  /// Exit codes after which a run goes on from its checkpoint: stopped, lost a peer, killed.
  private static let resumable = [75, 76, 128 + Int(SIGKILL), 128 + Int(SIGTERM), 128 + Int(SIGUSR1)]
  private static let mostFruitlessStarts = 3

  init(_ plan: StudyPlan, _ requests: StudyRequests, _ record: StudyRecord, in files: StudyFiles) {
    (self.plan, self.requests, self.record, self.files) = (plan, requests, record, files)
  }

  /// Runs all that is not complete.
  ///
  /// - Returns: The record of all runs; some may have failed.
  /// - Throws: `Failure(.preempted)` after a signal, once all runs at work have left with a checkpoint.
  mutating func run() throws -> StudyRecord {
    try files.write(record)
    while true {
      let isStopping = StopSignal.request == .stop
      if isStopping { askToStop() }
      try collect(isStopping: isStopping)
      if !isStopping { try startReady() }
      guard !processes.isEmpty || (!isStopping && isAnyReady) else { break }
      show()
      usleep(100_000)
    }
    line.finish()
    if StopSignal.request == .stop {
      throw Failure(
        .preempted,
        "Stopped by \(StopSignal.name ?? "a signal") with \(count(.complete)) of \(record.runs.count) runs complete; "
          + "the same command goes on.")
    }
    return record
  }

  /// Asks all runs to stop, again and again: an `mpirun` that is just starting may not pass a signal on.
  private mutating func askToStop() {
    guard asked.map({ $0.duration(to: .now) > .seconds(2) }) ?? true else { return }
    asked = .now
    for process in processes { process.stop() }
  }

  private func count(_ state: StudyRecord.Run.State) -> Int { record.runs.count { $0.state == state } }

  private func index(of run: StudyPlan.Run) -> Int { record.runs.firstIndex { $0.name == run.name }! }

  private var isAnyReady: Bool { plan.runs.contains { isReady($0) } }

  private func isReady(_ run: StudyPlan.Run) -> Bool {
    record.runs[index(of: run)].state == .waiting && !processes.contains { $0.run.name == run.name }
      && run.buildsOn.allSatisfy { name in record.runs.contains { $0.name == name && $0.state == .complete } }
  }

  private mutating func startReady() throws {
    for run in plan.runs where processes.count < plan.description.jobs && isReady(run) {
      // Left by a study that was killed, and about to leave.
      guard !RunLock.isHeld(run.directory) else { continue }
      let request = requests[run]
      try files.note(run, asked: request.text)
      let arguments =
        request.arguments.isEmpty ? ["train", files.asked(of: run.name), "--resume", "--json"] : request.arguments
      if case .cluster = run.stage.work, StudyFiles.hasCorpus(run) {
        // It was made by a study that was killed before it could say so.
        try complete(run, with: [:])
        continue
      }
      let ranks = run.stage.work.trains ? plan.description.ranks : 1
      processes.append(
        try StudyProcess(
          run, arguments, ranks: ranks,
          isCrowded: ranks * plan.description.jobs > ProcessInfo.processInfo.activeProcessorCount, in: files))
    }
  }

  /// Takes in the runs that have ended.
  private mutating func collect(isStopping: Bool) throws {
    for process in processes {
      guard let code = process.exitCode else { continue }
      processes.removeAll { $0 === process }
      let index = index(of: process.run)
      if code == 0 {
        try finish(process.run)
      } else if Self.resumable.contains(code), isStopping || mayGoOn(process.run) {
        continue
      } else {
        let reason = process.lastError ?? "see \(files.log(of: process.run.name))"
        // A run that was given up cannot be resumed, whatever its last start ended with.
        let kind = Failure.Kind(rawValue: Int32(code)).flatMap { [.preempted, .lostPeer].contains($0) ? nil : $0 }
        fail(index, Failure(kind ?? .internalError, "It ended with exit code \(code): \(reason)"))
      }
      try files.write(record)
    }
  }

  private mutating func finish(_ run: StudyPlan.Run) throws {
    do {
      var results: [String: Double] = [:]
      if case .cluster = run.stage.work {
      } else {
        let upstream = StudyResults.cost(of: run.buildsOn, in: record)
        results = try StudyResults.read(files.output(of: run.name), upstream: upstream)
      }
      try complete(run, with: results)
    } catch let failure as Failure where failure.kind == .badData {
      fail(index(of: run), failure)
    }
  }

  private mutating func complete(_ run: StudyPlan.Run, with results: [String: Double]) throws {
    try files.note(run, results: results)
    let index = index(of: run)
    (record.runs[index].state, record.runs[index].results) = (.complete, results)
    done += requests[run].price?.operations ?? 0
    line.note("\(count(.complete)) of \(record.runs.count): \(run.name)  \(StudyResults.summary(results))")
  }

  /// Whether a run that was stopped is started again: not if it has made no new checkpoint several times.
  private mutating func mayGoOn(_ run: StudyPlan.Run) -> Bool {
    let checkpoints = (try? FileManager.default.contentsOfDirectory(atPath: "\(run.directory)/checkpoints")) ?? []
    let newest = checkpoints.filter { $0.hasPrefix("step-") }.max() ?? ""
    let before = fruitless[run.name]
    let starts = before?.step == newest ? before!.starts + 1 : 1
    fruitless[run.name] = (starts, newest)
    return starts < Self.mostFruitlessStarts
  }

  private mutating func fail(_ index: Int, _ failure: Failure) {
    let name = record.runs[index].name
    (record.runs[index].state, record.runs[index].message) = (.failed, failure.message)
    firstFailure = firstFailure ?? failure.kind
    line.note("failed: \(name): \(failure.message)")
    block(after: name)
  }

  private mutating func block(after name: String) {
    for (index, run) in record.runs.enumerated() where run.buildsOn.contains(name) && run.state == .waiting {
      record.runs[index].state = .blocked
      record.runs[index].message = "It builds on \(name), which has no results."
      block(after: run.name)
    }
  }

  private func show() {
    guard line.isDue(isLast: false) else { return }
    let names = processes.map(\.run.name)
    var text = "\(count(.complete)) of \(record.runs.count) runs complete, at work: \(Words.list(names, most: 2))"
    if let left = secondsLeft { text += ", left about \(Words.time(left))" }
    line.show(text)
  }

  /// By the arithmetic that is left, at the rate so far.
  private var secondsLeft: Double? {
    let elapsed = start.duration(to: .now) / .seconds(1)
    guard done > 0 else { return nil }
    let left = plan.runs.filter { record.runs[index(of: $0)].state == .waiting }
      .reduce(0) { $0 + (requests[$1].price?.operations ?? 0) }
    return left / done * elapsed
  }
}
