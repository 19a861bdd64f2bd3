import Foundation

/// Runs made up line by line, so that every figure of a table is known.
struct MadeUpRuns: ~Copyable {
  let directory = NSTemporaryDirectory() + "plot-tests-" + UUID().uuidString

  deinit { try? FileManager.default.removeItem(atPath: directory) }

  /// Writes a run whose target loss falls to `target`; DGA's weights move from equal to 70 % on `perl`.
  func make(
    _ name: String, method: String, seed: Int, target: Double, tokens: Int = 2_000_000, settings: String = "",
    ending: String = ""
  ) throws -> String {
    let path = "\(directory)/\(name)"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    let configuration = "run: \(path)\ntarget: git\nmixture: {method: \(method)}\nseed: \(seed)\n\(settings)"
    try configuration.write(toFile: path + "/config.yaml", atomically: true, encoding: .utf8)

    let domains = ["perl", "python"] + (1...10).map { "far-\($0)" }
    var lines = [#"{"kind":"from the future","anything":[1,2]}"#]
    for part in 1...10 {
      let done = Double(part) / 10
      let count = tokens / 10 * part
      lines.append(#"{"kind":"step","step":\#(part),"tokens":\#(count),"loss":5,"new key":{}}"#)
      if method == "dga" {
        let perl = 1 / 12.0 + (0.7 - 1 / 12.0) * done
        let weights = domains.map { "\"\($0)\":\($0 == "perl" ? perl : (1 - perl) / 11)" }.joined(separator: ",")
        lines.append(#"{"kind":"mixture","step":\#(part),"tokens":\#(count),"weights":{\#(weights)}}"#)
      }
      let loss = target + 3 * (1 - done)
      lines.append(
        #"{"kind":"evaluation","step":\#(part),"tokens":\#(count),"target":\#(loss),"generic":\#(loss + 0.5),"#
          + #""bits_per_byte":\#(loss / 2),"domains":{"perl":4}}"#)
    }
    let text = lines.joined(separator: "\n") + "\n" + ending
    try text.write(toFile: path + "/metrics.jsonl", atomically: true, encoding: .utf8)
    return path
  }
}
