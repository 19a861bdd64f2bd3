import Testing

/// The oracle itself, against the definition of a derivative and against PyTorch.
struct ReferenceGradientTests {
  struct Case: CustomTestStringConvertible {
    let shape: Reference.Shape
    let sequences: Int
    let length: Int
    var testDescription: String {
      "\(shape.layers) layers, \(shape.heads) heads, width \(shape.width), \(sequences) x \(length) tokens"
    }
  }

  static let cases = [
    Case(shape: .init(layers: 2, heads: 3, width: 15, context: 9, vocabulary: 13), sequences: 2, length: 7),
    Case(shape: .init(layers: 1, heads: 1, width: 5, context: 6, vocabulary: 11), sequences: 3, length: 6),
    Case(shape: .init(layers: 2, heads: 2, width: 6, context: 3, vocabulary: 7), sequences: 2, length: 1),
  ]

  /// A central difference with step h errs by h^2 f''' / 6 (truncation) and by about e |f| / h (the rounding of two
  /// losses close to f), least in sum at h = (3 e |f| / f''')^(1/3). With |f| = 3, e = 1e-16 and an f''' of 10 to 100,
  /// where LayerNorm divides by the spread of a few small numbers, that is some 3e-6, and both errors are about 1e-10.
  /// Gradients have entries of 1e-2, so norms agree to about 1e-8 (measured: all tensors within 1.1e-8); a wrong term
  /// in a derivative costs many orders of magnitude more.
  @Test("Every parameter's gradient is the central difference of the loss", arguments: cases)
  func gradientsAreCentralDifferences(_ c: Case) {
    let names = c.shape.tensors.map(\.name)
    let parameters = Reference.Parameters(c.shape) { tensor, element in
      HashedSetting.parameter(tensor: tensor, name: names[tensor], element: element, spread: 0.375)
    }
    var model = Reference.Model(shape: c.shape, parameters: parameters)
    let batch = Reference.Batch(
      windows: (0..<c.sequences).map { sequence in
        (0...c.length).map {
          Int(HashedSetting.hash(stream: 2000 + sequence, $0) % UInt64(c.shape.vocabulary))
        }
      })
    let gradients = model.gradients(batch)
    let h = 3e-6
    for (tensor, name) in names.enumerated() {
      let count = gradients[name].values.count
      let mostChecked = 100
      let checked =
        count <= mostChecked
        ? Array(0..<count)
        : (0..<mostChecked).map { Int(HashedSetting.hash(stream: 3000 + tensor, $0) % UInt64(count)) }
      var differences: [Double] = []
      for element in checked {
        let value = parameters[name][element]
        model.parameters[name][element] = value + h
        let above = model.loss(batch)
        model.parameters[name][element] = value - h
        let below = model.loss(batch)
        model.parameters[name][element] = value
        differences.append((above - below) / (2 * h))
      }
      let error = relativeError(checked.map { gradients[name][$0] }, differences)
      #expect(error < 1e-6, "\(name)")
    }
  }

  /// Both sides compute in Double; sums of at most 61 x 96 terms in different order differ by well under 1e-12.
  @Test("Loss and every gradient are PyTorch's")
  func agreesWithPyTorch() throws {
    let shape = Reference.Shape(
      layers: HashedSetting.layers, heads: HashedSetting.heads, width: HashedSetting.width,
      context: HashedSetting.context, vocabulary: HashedSetting.vocabulary)
    let names = shape.tensors.map(\.name)
    let model = Reference.Model(
      shape: shape,
      parameters: Reference.Parameters(shape) {
        HashedSetting.parameter(tensor: $0, name: names[$0], element: $1)
      })
    let batch = Reference.Batch(windows: HashedSetting.windows(step: 1))

    let recorded = PyTorchGradients.self
    #expect(abs(model.loss(batch) - recorded.loss) < 1e-9 * recorded.loss)
    for (sum, expected) in zip(model.sequenceLosses(batch), recorded.sequenceLosses) {
      #expect(abs(sum - expected) < 1e-9 * expected)
    }
    let gradients = model.gradients(batch)
    #expect(recorded.tensors.map(\.name) == names)
    for (tensor, expected) in recorded.tensors.enumerated() {
      let gradient = gradients[expected.name]
      #expect(gradient.shape == expected.shape, "\(expected.name)")
      let norm = gradient.values.reduce(0) { $0 + $1 * $1 }.squareRoot()
      // The norm alone would not notice a transposition; the inner product with pseudo-random numbers does.
      var projection = 0.0
      for (element, value) in gradient.values.enumerated() {
        projection += value * HashedSetting.uniform(stream: 4000 + tensor, element)
      }
      #expect(abs(norm - expected.norm) < 1e-9 * expected.norm, "\(expected.name)")
      #expect(abs(projection - expected.projection) < 1e-9 * expected.norm, "\(expected.name)")
    }
  }
}
