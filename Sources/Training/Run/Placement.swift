import Foundation
import MPI
import Printing

/// Where the ranks of a run are, and whether the cores that they may use are enough for their threads.
package struct Placement {
  /// The number of nodes.
  package let nodes: Int
  /// Whole sentences about what is wrong, each with the flag that mends it.
  package let warnings: [String]

  /// Asks every rank for its node and affinity mask.
  ///
  /// Collective: every rank calls, with the same count.
  package init(threads: Int, over world: borrowing Communicator) throws {
    let mask = Self.affinityMask
    let names = try world.allGather(Array(world.processorName.utf8))
    let masks = try world.allGather(mask)
    let processors = try world.allGather(sysconf(Int32(_SC_NPROCESSORS_ONLN)))
    self.init(
      nodeNames: names.map { String(decoding: $0, as: UTF8.self) }, masks: masks, processors: processors,
      threads: threads)
  }

  /// Judges the ranks' nodes and masks: a byte for each processor, 1 where the rank may run.
  ///
  /// - Parameter processors: Those that each rank's node has.
  package init(nodeNames: [String], masks: [[UInt8]], processors: [Int], threads: Int) {
    let ranksByNode = Dictionary(grouping: nodeNames.indices, by: { nodeNames[$0] })
    nodes = ranksByNode.count
    var warnings: [String] = []
    if let rank = masks.indices.first(where: { Self.count(masks[$0]) < threads }) {
      let cores = Self.count(masks[rank])
      // Only a node with enough cores can give a rank more of them.
      let remedy =
        processors[rank] >= threads
        ? "start mpirun with --map-by slot:PE=\(threads), or with --bind-to none"
        : "set threads to at most \(processors[rank]) here"
      warnings.append(
        "Rank \(rank) has \(Words.count(threads, "thread")) but may use \(Words.count(cores, "core")) only, so they "
          + "take turns: \(remedy).")
    }
    for (node, ranks) in ranksByNode.sorted(by: { $0.key < $1.key }) {
      let length = ranks.map { masks[$0].count }.max() ?? 0
      let union = (0..<length).count { place in ranks.contains { place < masks[$0].count && masks[$0][place] == 1 } }
      guard ranks.count * threads > union, warnings.isEmpty || threads == 1 else { continue }
      let remedy =
        processors[ranks[0]] > union
        ? "start mpirun with --bind-to none, or fewer ranks there" : "start fewer ranks there"
      warnings.append(
        "\(Words.count(ranks.count, "rank")) of \(Words.count(threads, "thread")) share \(Words.count(union, "core")) "
          + "of \(node): \(remedy).")
    }
    self.warnings = warnings
  }

  private static func count(_ mask: [UInt8]) -> Int { mask.count { $0 == 1 } }

  /// The processors that this process may run on, as Linux lists them; one processor if it does not say.
  private static var affinityMask: [UInt8] {
    let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
    let key = "Cpus_allowed_list:"
    guard let line = status.split(separator: "\n").first(where: { $0.hasPrefix(key) }) else { return [1] }
    return mask(ofList: line.dropFirst(key.count))
  }

  /// The mask of a list of processors such as `0-3,8`.
  package static func mask(ofList list: some StringProtocol) -> [UInt8] {
    var mask: [UInt8] = []
    for part in list.split(separator: ",") {
      let ends = part.split(separator: "-").compactMap { Int($0.trimmingCharacters(in: .whitespaces)) }
      guard let first = ends.first, let last = ends.last, first >= 0, first <= last, last < 1 << 20 else { continue }
      mask += [UInt8](repeating: 0, count: max(0, last + 1 - mask.count))
      for processor in first...last { mask[processor] = 1 }
    }
    return mask
  }
}
