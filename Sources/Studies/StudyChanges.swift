import Configuration
import Runs

/// The differences between two requests for the same run, as far as results depend on them.
enum StudyChanges {
  /// Keys that do not change results: where things are, when checkpoints are written, how ranks wait.
  private static let idle = ["run", "corpus", "placement", "threads", "checkpoint", "watchdog", "time_limit", "faults"]

  /// The differences, each in a few words.
  static func between(_ before: String, _ now: String) -> [String] {
    guard before != now else { return [] }
    let settings = ((try? Section.differences(from: before, to: now)) ?? []).filter { change in
      let top = String(change.key.prefix { $0 != "." })
      // A key that is new since then had the effect of its default.
      return !idle.contains(top) && !(change.before == nil && defaults[change.key] == change.now)
    }
    return uses(before, now) + settings.map(\.text)
  }

  private static let defaults: [String: String] = {
    let text = (try? RunDescription(run: "-", corpus: "-", target: "-").yaml()) ?? ""
    let leaves = (try? Section.leaves(of: text)) ?? []
    return Dictionary(leaves.map { ($0.path, $0.value) }) { first, _ in first }
  }()

  /// What runs and corpora are used that are not those of before.
  private static func uses(_ before: String, _ now: String) -> [String] {
    let known = comments(before)
    return comments(now).filter { line in
      let subject = line.prefix { $0 != ":" }
      return !known.contains(line) && known.contains { $0.hasPrefix(subject + ":") }
    }.map { $0.hasPrefix("# corpus") ? "the corpus has been built anew" : "a run that it builds on has changed" }
  }

  /// The lines that name what is used, with a checksum behind a colon.
  private static func comments(_ text: String) -> [Substring] {
    text.split(separator: "\n").filter { $0.hasPrefix("#") }
  }
}
