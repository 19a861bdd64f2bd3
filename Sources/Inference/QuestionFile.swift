import Failures
import Foundation
import Printing

/// Files of questions: in MMLU's layout, or JSON lines.
///
/// MMLU's layout is comma-separated without titles: question, answers, letter of the right answer. A line of JSON is
/// `{"question": ..., "choices": [...], "answer": index from 0 or letter}`, with a `subject` if it is not the file's.
public enum QuestionFile {
  /// Reads the questions of a file, or of all files of a directory whose names end in `.csv` or `.jsonl`, by name.
  ///
  /// - Throws: `Failure`: `.missingInput` if there is no file, `.badData` with file and line.
  public static func questions(at path: String) throws -> [Question] {
    var isDirectory: ObjCBool = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory) else {
      throw Failure(.missingInput, "There is no file or directory \(path) of questions.")
    }
    guard isDirectory.boolValue else { return try read(path) }
    let names = try FileManager.default.contentsOfDirectory(atPath: path).sorted()
    let files = names.filter { !$0.hasPrefix(".") && ($0.hasSuffix(".csv") || $0.hasSuffix(".jsonl")) }
    guard !files.isEmpty else {
      throw Failure(.missingInput, "\(path) holds no questions: it has no file whose name ends in .csv or .jsonl.")
    }
    return try files.flatMap { try read("\(path)/\($0)") }
  }

  /// The subject of a file: its name without ending and without `_dev`, `_test` or `_val`.
  static func subject(of path: String) -> String {
    let name = URL(fileURLWithPath: path).deletingPathExtension().lastPathComponent
    for part in ["_dev", "_test", "_val"] where name.hasSuffix(part) && name.count > part.count {
      return String(name.dropLast(part.count))
    }
    return name
  }

  private static func read(_ path: String) throws -> [Question] {
    let text = try TextFile.content(of: path)
    let isJSON = path.hasSuffix(".jsonl") || (!path.hasSuffix(".csv") && text.first { $0 > 0x20 } == UInt8(ascii: "{"))
    let questions = try isJSON ? lines(text, path) : records(text, path)
    guard !questions.isEmpty else { throw Failure(.badData, "\(path) holds no questions: it is empty.") }
    return questions
  }

  // MARK: MMLU's layout

  private static func records(_ text: [UInt8], _ path: String) throws -> [Question] {
    var reader = CSVReader(text)
    var questions: [Question] = []
    do {
      while let record = try reader.next() {
        let width = questions.first.map { $0.choices.count + 2 }
        questions.append(try question(of: record, subject(of: path), width: width))
      }
    } catch {
      throw Failure(.badData, "\(path):\(error.line): \(error.problem).")
    }
    return questions
  }

  private static func question(
    of record: CSVReader.Record, _ subject: String, width: Int?
  ) throws(CSVReader.Fault) -> Question {
    let (fields, count) = (record.fields, record.fields.count - 2)
    func fault(_ problem: String) -> CSVReader.Fault { CSVReader.Fault(line: record.line, problem: problem) }
    if let width, width != fields.count {
      throw fault("There are \(fields.count) fields, where the file's first record has \(width)")
    }
    guard Question.choiceCounts.contains(count) else {
      throw fault("There are \(fields.count) fields, where a question, 2 to 26 answers and a letter are expected")
    }
    let letter = fields[count + 1].trimmingCharacters(in: .whitespaces)
    guard let answer = Question.choice(letter, of: count) else {
      throw fault(
        "The last field is '\(letter.prefix(20))', where the letter of the right answer is expected, from A to "
          + Question.letter(count - 1))
    }
    return Question(fields[0], choices: Array(fields[1...count]), answer: answer, subject: subject)
  }

  // MARK: JSON lines

  private static func lines(_ text: [UInt8], _ path: String) throws -> [Question] {
    var questions: [Question] = []
    for (index, line) in text.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).enumerated() {
      guard line.contains(where: { $0 > 0x20 }) else { continue }
      do {
        questions.append(try JSON.line.decode(Line.self, from: Data(line)).question(subject: subject(of: path)))
      } catch {
        let problem = (error as? LineFault)?.problem ?? JSON.explanation(of: error)
        throw Failure(.badData, "\(path):\(index + 1): \(problem)")
      }
    }
    return questions
  }

  private struct LineFault: Error { let problem: String }

  private struct Line: Decodable {
    let question: String
    let choices: [String]
    let answer: Answer
    let subject: String?

    enum Answer: Decodable {
      case index(Int)
      case letter(String)

      init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        self = try (try? container.decode(Int.self)).map { .index($0) } ?? .letter(container.decode(String.self))
      }
    }

    func question(subject: String) throws -> Question {
      guard Question.choiceCounts.contains(choices.count) else {
        throw LineFault(problem: "There are \(choices.count) choices, where 2 to 26 are expected.")
      }
      let place: Int? =
        switch answer {
        case .index(let index): choices.indices.contains(index) ? index : nil
        case .letter(let letter): Question.choice(letter, of: choices.count)
        }
      guard let place else {
        throw LineFault(
          problem: "The answer has to be an index from 0 to \(choices.count - 1), or a letter from A to "
            + "\(Question.letter(choices.count - 1)).")
      }
      return Question(self.question, choices: choices, answer: place, subject: self.subject ?? subject)
    }
  }
}
