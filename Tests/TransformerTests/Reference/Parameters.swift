extension Reference {
  /// The sizes of a GPT-2.
  struct Shape {
    var layers: Int
    var heads: Int
    var width: Int
    var context: Int
    var vocabulary: Int

    /// Names and shapes of all parameter tensors, in the order of a Hugging Face GPT-2; linear weights are (in, out).
    var tensors: [(name: String, shape: [Int])] {
      var list = [("wte.weight", [vocabulary, width]), ("wpe.weight", [context, width])]
      for layer in 0..<layers {
        let h = "h.\(layer)."
        list += [
          (h + "ln_1.weight", [width]), (h + "ln_1.bias", [width]),
          (h + "attn.c_attn.weight", [width, 3 * width]), (h + "attn.c_attn.bias", [3 * width]),
          (h + "attn.c_proj.weight", [width, width]), (h + "attn.c_proj.bias", [width]),
          (h + "ln_2.weight", [width]), (h + "ln_2.bias", [width]),
          (h + "mlp.c_fc.weight", [width, 4 * width]), (h + "mlp.c_fc.bias", [4 * width]),
          (h + "mlp.c_proj.weight", [4 * width, width]), (h + "mlp.c_proj.bias", [width]),
        ]
      }
      return list + [("ln_f.weight", [width]), ("ln_f.bias", [width])]
    }
  }

  /// The parameters of a GPT-2, or their gradients, under Hugging Face's names.
  struct Parameters {
    let names: [String]
    private var tensors: [String: Tensor]

    /// Fills every tensor with `value(tensor, element)`, both counted from zero in the order of `Shape.tensors`.
    init(_ shape: Shape, value: (_ tensor: Int, _ element: Int) -> Double) {
      names = shape.tensors.map(\.name)
      tensors = [:]
      for (t, (name, shape)) in shape.tensors.enumerated() {
        tensors[name] = Tensor(shape, (0..<shape.reduce(1, *)).map { value(t, $0) })
      }
    }

    subscript(name: String) -> Tensor {
      get { tensors[name]! }
      _modify { yield &tensors[name]! }
    }
  }
}
