import Failures
import Foundation
import MPI
import Printing
import Transformer

/// The memory of a node as this process may use it, in bytes: limits of control groups count.
package struct NodeMemory: Equatable {
  /// What the ranks of the node can have together, and what of it is free now.
  package let total, available: Double

  /// The memory of this node; nil if the system does not say.
  package static var present: NodeMemory? {
    let text = (try? String(contentsOfFile: "/proc/meminfo", encoding: .utf8)) ?? ""
    return NodeMemory(meminfo: text, limits: controlGroupLimits)
  }

  /// Reads the text of `/proc/meminfo`, cut to the lowest limit.
  package init?(meminfo: String, limits: [Double]) {
    func bytes(_ key: String) -> Double? {
      let line = meminfo.split(separator: "\n").first { $0.hasPrefix(key + ":") }
      return line?.split(separator: " ").dropFirst().first.flatMap { Double($0) }.map { $0 * 1024 }
    }
    guard let all = bytes("MemTotal") else { return nil }
    total = min(all, limits.min() ?? all)
    available = min(bytes("MemAvailable") ?? all, total)
  }

  /// The limits of the control groups that this process is in, of both versions.
  private static var controlGroupLimits: [Double] {
    let lines = (try? String(contentsOfFile: "/proc/self/cgroup", encoding: .utf8)) ?? ""
    return lines.split(separator: "\n").flatMap { line -> [Double] in
      let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false).map(String.init)
      guard fields.count == 3 else { return [] }
      let isFirstVersion = fields[1].split(separator: ",").contains("memory")
      guard isFirstVersion || fields[1].isEmpty else { return [] }
      let root = isFirstVersion ? "/sys/fs/cgroup/memory" : "/sys/fs/cgroup"
      let file = isFirstVersion ? "memory.limit_in_bytes" : "memory.max"
      // A container sees its own group as the root.
      var group = URL(fileURLWithPath: "/" + fields[2])
      var limits: [Double] = []
      while true {
        let path = root + (group.path == "/" ? "" : group.path) + "/" + file
        if let text = try? String(contentsOfFile: path, encoding: .utf8),
          let limit = Double(text.trimmingCharacters(in: .whitespacesAndNewlines)), limit > 0
        {
          limits.append(limit)
        }
        if group.path == "/" { return limits }
        group.deleteLastPathComponent()
      }
    }
  }

  /// What wants memory, and what makes it want less.
  package struct Purpose {
    let subject, remedy: String
    /// A training run.
    package static let run = Purpose(
      subject: "run", remedy: "a smaller model, a smaller batch.micro, model.recompute=true or more nodes")
    /// An evaluation of a saved model.
    package static let evaluation = Purpose(subject: "evaluation", remedy: "a node with more memory")
    /// Vectors of documents by a saved model.
    package static let embedding = Purpose(subject: "embedding", remedy: "a node with more memory or a smaller model")
  }

  /// Says what is wrong if `ranks` ranks need `bytes` each; nil if all is well.
  ///
  /// - Throws: `Failure(.badConfiguration)` if the node can never have as much.
  package func judge(
    ranks: Int, bytes: Double, parts: [(what: String, bytes: Int)] = [], for purpose: Purpose = .run
  ) throws -> String? {
    let needed = Double(ranks) * bytes
    let largest = parts.sorted { $0.bytes > $1.bytes }.prefix(3).map { "\($0.what) \(Words.bytes(Double($0.bytes)))" }
    let what = largest.isEmpty ? "" : " (\(largest.joined(separator: ", ")), ...)"
    let who = ranks == 1 ? "" : ", and this node has \(ranks) of them"
    guard needed <= total else {
      throw Failure(
        .badConfiguration,
        "model: The \(purpose.subject) needs \(Words.bytes(bytes)) of memory per rank\(what)\(who), but the node has "
          + "\(Words.bytes(total)): take \(purpose.remedy).")
    }
    guard needed > available else { return nil }
    return "The \(purpose.subject) needs \(Words.bytes(needed)) of memory on this node, of which "
      + "\(Words.bytes(available)) are free now."
  }
}

extension RunPlan {
  /// What a rank allocates, in bytes.
  package var bytesPerRank: Double { memory.reduce(0) { $0 + Double($1.bytes) } }

  /// Compares what the ranks of each node need with what the node has, before anything of it is taken.
  ///
  /// Collective: every rank calls.
  ///
  /// - Throws: `Failure(.badConfiguration)`, agreed.
  public func checkMemory(over world: borrowing Communicator) throws {
    let names = try world.allGather(Array(world.processorName.utf8))
    let mine = names.indices.filter { names[$0] == names[world.rank] }
    let warning = try world.agree {
      try NodeMemory.present?.judge(ranks: mine.count, bytes: bytesPerRank, parts: memory)
    }
    if let warning, mine.first == world.rank { Console.note("warning: \(warning)") }
  }

  /// Refuses models of which even the sizes are beyond all machines, so that sizes can be whole numbers.
  static func checkSize(_ model: ModelConfiguration, micro: Int) throws {
    let (layers, width) = (Double(model.layers), Double(model.width))
    let parameters = layers * 12 * width * width + Double(model.vocabularySize + model.context) * width
    let activations = Double(micro) * Double(model.context) * width * (layers + 1)
    let bytes = 4 * (4 * parameters + activations)
    guard bytes < 0x1p50 else {
      throw Failure(
        .badConfiguration,
        "model: The run needs at least \(Words.bytes(bytes)) of memory per rank, and \(Words.bytes(0x1p50)) is the "
          + "most that dga can count: take a smaller model or a smaller batch.micro.")
    }
  }
}
