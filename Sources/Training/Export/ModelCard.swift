import Corpus
import Failures
import Foundation
import Printing
import Transformer

/// The card of an exported model, `README.md`: what it is, how to load it, where its limits are, and what it was
/// trained on.
struct ModelCard {
  /// The card as Markdown.
  let text: String

  /// The name of a SentencePiece model that has no translation.
  static let modelFileWithoutTranslation = "sentencepiece.model"

  /// The domains in the table; a run may have many thousands.
  private static let shownDomains = 100

  /// Writes the card of a checkpoint with what its run's directory tells, if it lies in one.
  init(_ checkpoint: borrowing SavedModel, _ tokenizer: Result<HuggingFaceTokenizer, Failure>) {
    let record = TrainingRecord(of: checkpoint.path, checkpoint.state)
    let sections = [
      Self.summary(checkpoint, record), Self.loading(tokenizer), Self.limits(checkpoint.model.context),
      Self.losses(record), Self.mixture(record, domains: checkpoint.state.cursors.count),
    ]
    let head = "---\nlibrary_name: transformers\npipeline_tag: text-generation\ntags: [dga]\n---\n\n"
    text = head + sections.compactMap { $0 }.joined(separator: "\n\n") + "\n"
  }

  private static func summary(_ checkpoint: borrowing SavedModel, _ record: TrainingRecord) -> String {
    let model = checkpoint.model
    let state = checkpoint.state
    let rows = [
      (
        "model",
        "GPT-2: \(Words.count(model.layers, "layer")), \(Words.count(model.heads, "head")), width \(model.width), "
          + "\(model.context) tokens of context"
      ),
      ("parameters", "\(ParameterLayout(model).elementCount)"),
      ("vocabulary", "\(model.vocabularySize) tokens; \(state.endOfDocument) ends a document"),
      ("corpus", record.corpus), ("target", state.identity["target"]),
      ("mixing method", state.identity["mixture.method"]), ("seed", state.identity["seed"]),
      ("trained for", "\(Words.count(state.step, "step")), \(state.tokens) tokens"),
    ]
    let table = rows.compactMap { name, value in value.map { "| \(name) | \(cell($0)) |" } }
    return "# \(record.run ?? "A model trained with dga")\n\n| | |\n|---|---|\n" + table.joined(separator: "\n")
  }

  private static func loading(_ tokenizer: Result<HuggingFaceTokenizer, Failure>) -> String {
    let head = "## Loading\n\n"
    switch tokenizer {
    case .success(let tokenizer):
      return head + """
        ```python
        from transformers import AutoTokenizer, GPT2LMHeadModel
        tokenizer = AutoTokenizer.from_pretrained("this folder")
        model = GPT2LMHeadModel.from_pretrained("this folder")
        output = model.generate(**tokenizer("A prompt", return_tensors="pt"))
        print(tokenizer.decode(output[0], skip_special_tokens=True))
        ```

        The tokenizer needs `tokenizers` 0.20 or newer. It gives the ids that the model was trained on and adds none: a
        document in training ended with `\(tokenizer.endOfDocument)`, and a text that spells this is text.
        """
    case .failure(let failure):
      return head + """
        `GPT2LMHeadModel.from_pretrained("this folder")` loads the model. There is no tokenizer for `AutoTokenizer`,
        because it could not give the ids of the training: \(failure.message). A SentencePiece model is in
        `\(modelFileWithoutTranslation)`, for the library `sentencepiece`.
        """
    }
  }

  private static func limits(_ context: Int) -> String {
    """
    ## Limits

    The model reads at most \(context) tokens, prompt and continuation together. It has learnt no positions beyond, so
    a longer input is an `IndexError` in `transformers`. `tokenizer(text, truncation=True)` keeps the first \(context)
    tokens of a prompt, and `generate` stops at \(context) tokens (`max_length`).
    """
  }

  private static func losses(_ record: TrainingRecord) -> String? {
    guard let evaluation = record.evaluation else { return nil }
    return """
      ## Losses

      Evaluated after step \(evaluation.step), on text that the model was not trained on.

      | | nats per token |
      |---|---|
      | target | \(decimals(evaluation.target)) (\(decimals(evaluation.bits_per_byte)) bits per byte) |
      | domains (generic) | \(decimals(evaluation.generic)) |
      """
  }

  private static func mixture(_ record: TrainingRecord, domains: Int) -> String? {
    let names = Set(record.weights?.keys ?? [:].keys).union(record.domains?.tokens.keys ?? [:].keys)
    guard !names.isEmpty else { return nil }
    func weight(_ name: String) -> Double { record.weights?[name] ?? 0 }
    func tokens(_ name: String) -> Int { record.domains?.tokens[name] ?? 0 }
    let order = names.sorted { (weight($1), tokens($1), $0) < (weight($0), tokens($0), $1) }
    let rows = order.prefix(shownDomains).map { name in
      let cells = [
        percent(record.weights?[name]), percent(record.averages?[name]),
        record.domains?.tokens[name].map(String.init) ?? "-",
        decimals(record.domains?.epochs[name], 2), decimals(record.evaluation?.domains[name]),
      ]
      return "| \(cell(name)) | \(cells.joined(separator: " | ")) |"
    }
    let which =
      domains > rows.count ? "The \(rows.count) domains of \(domains) with the largest weights.\n\n" : ""
    return """
      ## Mixture

      \(which)| domain | final weight | average weight | tokens read | times read | loss (nats per token) |
      |---|---|---|---|---|---|
      \(rows.joined(separator: "\n"))
      """
  }

  private static func decimals(_ value: Double?, _ places: Int = 4) -> String {
    value.map { String(format: "%.\(places)f", $0) } ?? "-"
  }

  private static func percent(_ share: Double?) -> String { share.map { String(format: "%.1f %%", 100 * $0) } ?? "-" }

  /// Names come from the user, so what Markdown would read is kept from it.
  private static func cell(_ text: String) -> String {
    text.map { $0 == "|" || $0 == "\\" || $0 == "`" ? "\\\($0)" : $0.isNewline ? " " : String($0) }.joined()
  }
}
