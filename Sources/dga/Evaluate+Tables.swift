import Foundation
import Inference
import Printing
import Training

extension Evaluate {
  static func table(_ parts: [PartEvaluation]) -> String {
    var table = TextTable(["kind", "name", "nats", "+-", "bits/B"], [.left, .left])
    for part in parts {
      table.append([
        part.kind, part.name, number(part.loss.nats), number(part.loss.standardError), number(part.loss.bitsPerByte),
      ])
    }
    return table.text
  }

  static func table(_ result: ChoiceResult) -> String {
    var table = TextTable(["subject", "questions", "accuracy", "+-", "chance"])
    func append(_ name: String, _ accuracy: ChoiceResult.Accuracy) {
      table.append([
        name, "\(accuracy.n)", number(accuracy.accuracy), number(accuracy.standard_error), number(accuracy.chance),
      ])
    }
    for subject in result.subjects { append(subject.subject, subject.accuracy) }
    append("all", result.overall)
    let cut = result.cut_prompts
    return table.text
      + (cut == 0 ? "" : "\nThe beginning of \(Words.count(cut, "prompt")) was cut, to fit the model's context.\n")
  }

  static func table(_ result: TextLikelihood) -> String {
    var table = TextTable(["tokens", "nats per token", "bits per byte", "perplexity per token", "per word"], [.right])
    table.append([
      "\(result.tokens)", number(result.nats_per_token), number(result.bits_per_byte),
      number(result.perplexity_per_token), number(result.perplexity_per_word),
    ])
    return table.text
  }

  private static func number(_ value: Double?) -> String { value.map { String(format: "%.4f", $0) } ?? "-" }
}
