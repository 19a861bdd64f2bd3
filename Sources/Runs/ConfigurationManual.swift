import Configuration

extension RunDescription {
  /// The manual of configurations in Markdown: every key with its default, its values and its meaning.
  public static func manual() -> String {
    let manual = Manual()
    var defaults = RunDescription()
    // Defaults are values that a configuration could give, so no visitor refuses them.
    try! defaults.visit(manual)
    let rows = manual.entries.map(row).joined(separator: "\n")
    return introduction + "\n" + rows + "\n\n" + recipes
  }

  /// The path of the key that a name most likely means: a whole path, or the last word of a single one.
  public static func keyPath(meantBy name: String) -> String? {
    let manual = Manual()
    var defaults = RunDescription()
    try? defaults.visit(manual)
    let paths = manual.entries.map(\.path)
    let name = name.replacing("-", with: "_")
    if paths.contains(name) { return name }
    let longer = paths.filter { $0.hasSuffix("." + name) }
    return longer.count == 1 ? longer[0] : nil
  }

  private static func row(_ entry: Manual.Entry) -> String {
    let value = entry.isRequired ? "required" : entry.value.map { "`\($0)`" } ?? entry.otherwise ?? "none"
    let cells = ["`\(entry.path)`", value, entry.range, entry.meaning]
    return "| " + cells.map { $0.replacing("|", with: "\\|") }.joined(separator: " | ") + " |"
  }

  private static let introduction = """
    # Configuration

    `dga train` reads the configuration of a run, and `dga corpus build` reads the recipe of a corpus. Both are YAML, of
    which JSON is a part. A key that is not known is an error, with file and line and the nearest key that is known.

    - **On the command line**, `key.path=value` sets any key, such as `optimizer.learning_rate=3e-4`. It takes the place
      of what the file says, also where the file says the same in another way: `mixture.eta` replaces `mixture.kl`, and
      a preset replaces the keys that it has defaults for. `key=null` takes back what the file says.
    - **Amounts** have a unit: `1000steps`, `2e9tokens`, `1epoch`, `50documents`, `50e6bytes`, `10minutes`. Numbers can
      be written as `1e6` or `1_000_000`.
    - **A required key** has to be in the file or on the command line. A key without a default can be left out.
    - **`config.yaml`** in a run directory holds all keys of the run, defaults included and paths from the root, and can
      be the configuration of another run. With `--resume` its corpus is taken if there is none at the path given.
    - **Keys without a use** next to the others are errors on the command line; those of a file are named in a line
      before the first step.

    `dga help configuration` prints this page. It is made from the declarations of the keys in `Sources/Runs` and
    `Sources/Mixing`, so change those.

    ## Runs

    Paths are relative to the directory in which dga is started. The keys of the method `dga` are in this table. Other
    methods have some of their own under `mixture`, which stand in `docs/mixing.md` beside each method. A file may have
    keys of several methods, so that `mixture.method=uniform` on the command line makes a baseline of any run. On the
    command line, a key of a method that is not chosen is an error.

    | key | default | values | meaning |
    |---|---|---|---|
    """

  /// Written by hand: recipes are read by `Corpus`, whose domains and targets have names that the user chose.
  private static let recipes = """
    ## Recipes

    Paths are relative to the directory of the recipe. `NAME` stands for a name that you choose.

    | key | default | values | meaning |
    |---|---|---|---|
    | `tokenizer.kind` | `sentencepiece` | `bytes` or `sentencepiece` | how text becomes tokens: a token per byte, or \
    pieces that are learned from the domains' training text |
    | `tokenizer.vocabulary` | `4096` | a whole number from 320 to 1000000 | the number of tokens that SentencePiece \
    learns |
    | `tokenizer.sample` | `4000000bytes` | an amount in bytes | the amount of text that SentencePiece learns from |
    | `tokenizer.file` | none | text | a SentencePiece model that is taken as it is; given instead of the other keys \
    of `tokenizer` |
    | `validation.share` | `0.02` | a number from 0.0001 to 0.5 | the share of each domain's documents that is never \
    trained on |
    | `seed` | `1` | a whole number from 0 to 9223372036854775807 | the number that decides which documents go where |
    | `on_error` | `stop` | `stop` or `skip` | what happens to a file or document that cannot be read: all faults of \
    the file are named and nothing is built, or it is left out and counted |
    | `duplicates` | `drop` | `drop` or `keep` | what happens to a text that is there more than once: it stays in the \
    first domain that has it, or in every place; a target never has a text twice |
    | `domains.NAME.paths` | required | a list of text | the files and directories of a domain; see below for what \
    files may hold |
    | `domains.NAME.include` | every file | a list of text | patterns such as `*.pod` for the files that are taken of \
    directories; a pattern with a slash is for the path below the directory |
    | `domains.NAME.field` | `text` in `.jsonl` and `.ndjson`, else none | text | the key of the text if the files \
    hold JSON objects, or a path of keys such as `meta.text`; `none` takes any file for plain text |
    | `domains.NAME.limit` | none | an amount in documents or bytes | the most that is taken of the domain |
    | `targets.NAME.paths`, `.include`, `.field` | as for domains | as for domains | the files of a target, which are \
    never trained on |
    | `targets.NAME.steering` | what `evaluation` leaves, or a fifth | an amount in tokens or documents | the part of \
    the target that steers the mixture |
    | `targets.NAME.evaluation` | what `steering` leaves | an amount in tokens or documents | the part of the target \
    that is only ever evaluated |

    ### What files may hold

    A file's content decides, not its name.

    - **Text** in UTF-8, or in UTF-16 with a byte order mark: the file is one document. Bytes that are not UTF-8 become
      U+FFFD, and the documents are counted.
    - **JSON**, if `field` names a key: an object per line, or an array of objects. Each object is a document. Its other
      fields may hold anything. Half of a surrogate pair becomes U+FFFD. The names `.jsonl` and `.ndjson` stand for
      `field: text`. In other files, what looks like JSON objects is refused until `field` says what is meant.
    - Either may be **compressed** by gzip, zstd, xz or bzip2, in one member or several.
    - Formats with text in them that are not read, such as Parquet, zip and PDF, are faults (`on_error`). Files that are
      not text at all are left out and counted.

    Of directories, hidden names and names that are not UTF-8 are left out. Links to files are read; links to
    directories are not followed. `dga corpus build` and `dga corpus inspect` name the first of each kind that is left
    out, with the count.

    Two texts are the same if they differ only in line ends, in white space at the ends of lines, in blank lines at the
    beginning and the end, in a byte order mark, or in accents that are written as characters of their own. So a
    document of a target is kept out of the domains in any of these forms. A document that shares half of its sequences
    of eight words with the targets, or that has half of those of one document of a target, is counted as a near copy;
    it stays, with a warning.

    """
}
