import ConvexQuadratics
import Foundation
import Printing

// Run as: launch/studies/quadratic, which builds and draws, or .build/release/quadratic DIRECTORY
// Prints a table and writes quadratic.txt for gnuplot: a block for each example and rule, a line for each update with
// the weights' divergence, the distance, the loss, its mean, the loss of the mean parameters, and the bound (NaN: none).

guard CommandLine.arguments.count == 2 else {
  FileHandle.standardError.write(Data("Usage: quadratic DIRECTORY\n".utf8))
  exit(64)
}
let updates = 10_000
// Equal distances on a logarithmic axis, and what the slopes need.
let shown = Set((0...48).map { Int(pow(Double(updates), Double($0) / 48).rounded()) }).sorted()

func short(_ value: Double?) -> String { value.map { String(format: "%.1e", $0) } ?? "" }

var table = TextTable(
  ["target", "rule", "update", "weights", "distance", "loss", "mean loss", "bound", "slack", "slope", "of mean"],
  [.left, .left])
var data = ""
for example in Example.all {
  for walker in Walker.all {
    let (records, bound) = (example.follow(walker, at: shown), example.bound(walker))
    data += "# \(example.name), \(walker.name)\n"
    for record in records {
      let limit = bound?.meanLoss(after: record.update) ?? .nan
      data += "\(record.update) \(record.divergence) \(record.distance) \(record.loss) \(record.meanLoss) "
      data += "\(record.lossOfMean) \(limit)\n"
    }
    data += "\n\n"
    for last in records where [100, updates].contains(last.update) {
      let before = records.last { $0.update <= last.update / 10 }!
      let limit = bound?.meanLoss(after: last.update)
      func slope(_ value: (Record) -> Double) -> String {
        String(format: "%.2f", log(value(last) / value(before)) / log(Double(last.update) / Double(before.update)))
      }
      table.append([
        example.name, walker.name, "\(last.update)", short(last.divergence), short(last.distance), short(last.loss),
        short(last.meanLoss), short(limit), limit.map { String(format: "%.1f", $0 / last.meanLoss) } ?? "",
        slope(\.meanLoss), slope(\.lossOfMean),
      ])
    }
  }
}
print(table.text, terminator: "")
do {
  try data.write(toFile: CommandLine.arguments[1] + "/quadratic.txt", atomically: true, encoding: .utf8)
} catch {
  let message = "\(CommandLine.arguments[1])/quadratic.txt: \(error.localizedDescription)\n"
  FileHandle.standardError.write(Data(message.utf8))
  exit(73)
}
