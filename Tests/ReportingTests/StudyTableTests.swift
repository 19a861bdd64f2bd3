import Foundation
import Reporting
import Testing

/// Two methods, three seeds, two sizes; the loss falls by 1 with the size, and by 0.4, 0.5 and 0.6 with the method.
func madeUpStudy() -> StudyRecord {
  let axes = [("size", ["small", "large"]), ("method", ["uniform", "dga"]), ("seed", ["1", "2", "3"])]
  var runs: [StudyRecord.Run] = []
  for (place, size) in axes[0].1.enumerated() {
    for method in axes[1].1 {
      for seed in 1...3 {
        let loss = 5 - Double(place) + 0.1 * Double(seed) - (method == "dga" ? 0.3 + 0.1 * Double(seed) : 0)
        let results = [
          "target_loss": loss, "tokens": 10_000, "seconds": 1.5, "cost_tokens": method == "dga" ? 12_000 : 10_000,
        ]
        runs.append(
          StudyRecord.Run(
            name: "train-\(size)-\(method)-\(seed)", stage: "train",
            point: ["size": size, "method": method, "seed": "\(seed)"], directory: "runs/\(size)-\(method)-\(seed)",
            state: .complete, results: results))
      }
    }
  }
  return StudyRecord(
    title: "Sizes", axes: axes.map { StudyRecord.Axis(name: $0.0, values: $0.1) }, stages: ["train", "tune"],
    comparison: StudyRecord.Comparison(axis: "method", baseline: "uniform"), runs: runs)
}

@Suite("Tables of studies")
struct StudyTableTests {
  @Test("A row for each point without its seed: means, standard errors and paired differences worked by hand")
  func rows() throws {
    let table = StudyTable(madeUpStudy())
    #expect(table.stages.map(\.name) == ["train"])
    let stage = table.stages[0]
    #expect(stage.axes == ["size", "method"] && stage.results == ["target_loss", "tokens", "cost_tokens"])
    let points = stage.rows.map { $0.point["size"]! + " " + $0.point["method"]! }
    #expect(points == ["small uniform", "small dga", "large uniform", "large dga"])
    // Seeds of uniform are 5.1, 5.2, 5.3: mean 5.2, error 0.1 / sqrt(3). DGA's are 4.7 each.
    let uniform = try #require(stage.rows[0].results["target_loss"])
    #expect(abs(uniform.mean - 5.2) < 1e-12 && abs(uniform.standardError! - 0.057735026918962574) < 1e-12)
    #expect(stage.rows[0].differences.isEmpty)
    let dga = try #require(stage.rows[1].differences["target_loss"])
    #expect(abs(dga.difference.mean + 0.5) < 1e-12 && abs(dga.t! + 8.660254037844386) < 1e-9)
    #expect(stage.rows[1].differences.keys.sorted() == ["target_loss"], "costs are not compared")
    var study = madeUpStudy()
    for index in study.runs.indices {
      study.runs[index].results = ["accuracy": 0.3, "standard_error": 0.01, "chance": 0.25, "n": 100]
    }
    #expect(StudyTable(study).stages[0].rows[1].differences.keys.sorted() == ["accuracy"])
    #expect(abs(stage.rows[3].results["target_loss"]!.mean - 3.7) < 1e-12)
  }

  @Test("The text names every point, its difference and how sure it is, and has no times")
  func text() {
    let text = StudyTable(madeUpStudy()).text
    #expect(text.contains("small  uniform      3  5.200 ± 0.058  10,000       10,000"))
    #expect(text.contains("large  dga          3          3.700  10,000       12,000"))
    #expect(text.contains("target loss  -0.500 ± 0.058  -8.660  0.013      3  lower, evidence"), "\(text)")
    #expect(!text.contains("seconds") && text == StudyTable(madeUpStudy()).text)
  }

  @Test("Pairs are seeds that both have; runs without results are listed with their message")
  func missing() throws {
    var study = madeUpStudy()
    study.runs[0].state = .failed
    study.runs[0].message = "The disk is full."
    study.runs[1].state = .waiting
    let table = StudyTable(study)
    #expect(table.incomplete.map(\.name) == ["train-small-uniform-1", "train-small-uniform-2"])
    let row = table.stages[0].rows[1]
    #expect(row.results["target_loss"]?.count == 3 && row.differences["target_loss"]?.difference.count == 1)
    #expect(table.text.contains("train-small-uniform-1  failed   The disk is full."))
    for index in 0..<3 { study.runs[index].state = .blocked }
    #expect(StudyTable(study).stages[0].rows[0].results.isEmpty)
    #expect(StudyTable(study).text.contains("small  uniform      0"))
  }

  @Test("Many results are rows instead of columns")
  func many() {
    var study = madeUpStudy()
    for index in study.runs.indices {
      for domain in 1...12 { study.runs[index].results["domain \(domain)"] = Double(domain) + 0.5 }
    }
    let text = StudyTable(study).text
    #expect(text.contains("small  uniform  domain 12        3         12.500\n"), "\(text)")
    #expect(text.contains("large  dga      cost tokens      3         12,000\n"))
    #expect(text.split(separator: "\n").allSatisfy { $0.count <= 120 })
  }

  @Test("Columns that do not fit into a line are set below")
  func wide() {
    var study = madeUpStudy()
    for index in study.runs.indices {
      for part in 1...8 { study.runs[index].results["a result of part \(part)"] = Double(part) + 0.5 }
    }
    let lines = StudyTable(study).text.split(separator: "\n")
    #expect(lines.allSatisfy { $0.count <= 120 })
    #expect(lines.filter { $0.hasPrefix("size   method") }.count == 3, "two blocks of means, one of differences")
    #expect(lines.contains { $0.hasPrefix("large  dga") && $0.hasSuffix("  10,000       12,000") })
  }

  @Test("Only the results that are wanted, in that order")
  func wanted() {
    let table = StudyTable(madeUpStudy(), results: ["cost_tokens", "target_loss", "accuracy"])
    #expect(table.stages[0].results == ["cost_tokens", "target_loss"])
  }

  @Test("CSV has a row per run, and one per point and result at full precision; odd text is quoted")
  func csv() throws {
    var study = madeUpStudy()
    study.runs[11].state = .failed
    study.runs[11].message = "a \"quoted\", text"
    let files = StudyTable(study).csv
    let runs = try #require(files["runs.csv"]).split(separator: "\n")
    #expect(runs.count == 13)
    #expect(runs[0] == "stage,run,size,method,seed,state,directory,target_loss,tokens,cost_tokens,message")
    #expect(runs[1].hasPrefix("train,train-small-uniform-1,small,uniform,1,complete,runs/small-uniform-1,5.1,10000.0"))
    #expect(runs[12].hasSuffix(",,,,\"a \"\"quoted\"\", text\""))
    let summary = try #require(files["summary.csv"]).split(separator: "\n")
    #expect(summary.count == 1 + 4 * 3)
    #expect(summary.contains { $0.hasPrefix("train,small,dga,target_loss,3,4.") && $0.contains(",uniform,3,-0.") })
  }
}
