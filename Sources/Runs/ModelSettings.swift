import Settings
import Transformer

/// The model's shape: a preset, every size, or a preset with changes. Its vocabulary is the corpus's.
public struct ModelSettings: Configurable, Sendable {
  private enum Family: String, CaseIterable { case gpt2 }
  private static let shapeKeys = ["preset", "layers", "heads", "width", "context"]

  /// The preset that fills in what is not given; nil if every size is.
  public var preset: ModelConfiguration.Preset? = .nano
  /// Blocks, attention heads per block, width of the residual stream, and tokens of a sequence; nil is the preset's.
  public var layers, heads, width, context: Int?
  /// Whether activations are computed again in the backward pass instead of kept.
  public var recompute = false

  /// Whether the shape was chosen, and not left at the default.
  public private(set) var isChosen = false

  /// Whether a shape that was not chosen is that of another run's model.
  var isInherited = false

  /// Makes the defaults.
  public init() {}

  /// The sizes of a model.
  public init(layers: Int, heads: Int, width: Int, context: Int) {
    (preset, isChosen) = (nil, true)
    (self.layers, self.heads, self.width, self.context) = (layers, heads, width, context)
  }

  /// Visits the keys.
  public mutating func visit(_ keys: any KeyVisitor) throws {
    if keys.isReading { isChosen = Self.shapeKeys.contains { keys.isGiven($0) } }
    // The shape of another run's model, which is not known here, cannot be written.
    guard keys.isReading || keys.isListingAll || !isInherited || isChosen else { return try visitRecompute(keys) }
    var family = Family.gpt2
    try keys.choice("family", &family, "the architecture of the model")
    if keys.isOverridden("preset") { keys.setAside(Array(Self.shapeKeys.dropFirst())) }
    // A preset fills in what is not given; without one every size must be.
    if keys.isGiven("layers"), !keys.isGiven("preset") { preset = nil }
    if var named = preset {
      try keys.choice(
        "preset", &named,
        "a named shape. Its sizes are the defaults of `layers`, `heads`, `width` and `context`, which change it; if "
          + "`layers` is given and no preset, all four are required")
      preset = named
    }
    try size("layers", \.layers, \.layers, in: 1...10_000, "transformer blocks", keys)
    try size(
      "heads", \.heads, \.heads, in: 1...10_000, "attention heads per block; they have to divide the width", keys)
    try size("width", \.width, \.width, in: 1...1_000_000, "the width of the residual stream", keys)
    try size("context", \.context, \.context, in: 1...10_000_000, "tokens per sequence", keys)
    try visitRecompute(keys)
    let shape = configuration(vocabularySize: 1)
    guard shape.width % shape.heads == 0 else {
      throw keys.failure(
        "heads", "\(shape.heads) heads do not divide a width of \(shape.width); choose a divisor of it")
    }
  }

  private mutating func visitRecompute(_ keys: any KeyVisitor) throws {
    try keys.flag(
      "recompute", &recompute,
      "whether blocks keep their inputs only and compute the rest again in the backward pass: a tenth of the memory "
        + "for activations, a sixth more arithmetic, the same bits")
  }

  private mutating func size(
    _ key: String, _ property: WritableKeyPath<ModelSettings, Int?>, _ ofPreset: KeyPath<ModelConfiguration, Int>,
    in range: ClosedRange<Int>, _ meaning: String, _ keys: any KeyVisitor
  ) throws {
    if let preset {
      var value = self[keyPath: property] ?? preset.configuration(vocabularySize: 1)[keyPath: ofPreset]
      try keys.integer(key, &value, in: range, meaning)
      self[keyPath: property] = value
    } else {
      try keys.integer(key, &self[keyPath: property], in: range, meaning)
      if self[keyPath: property] == nil {
        throw keys.absence(of: key)
      }
    }
  }

  /// Takes the shape of a model.
  public mutating func take(_ model: ModelConfiguration) {
    preset = nil
    (layers, heads, width, context) = (model.layers, model.heads, model.width, model.context)
    isChosen = true
  }

  /// The shape for a vocabulary of `vocabularySize` tokens.
  public func configuration(vocabularySize: Int) -> ModelConfiguration {
    let base = (preset ?? .nano).configuration(vocabularySize: vocabularySize)
    return ModelConfiguration(
      layers: layers ?? base.layers, heads: heads ?? base.heads, width: width ?? base.width,
      context: context ?? base.context, vocabularySize: vocabularySize)
  }
}
