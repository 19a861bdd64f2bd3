extension Reference {
  /// Windows of T + 1 tokens: the first T are read, the last T are to be predicted.
  struct Batch {
    let length: Int  // T
    let inputs: [Int]  // (B T), sequence after sequence
    let targets: [Int]  // (B T)

    init(windows: [[Int]]) {
      length = windows[0].count - 1
      precondition(windows.allSatisfy { [length] in $0.count == length + 1 })
      inputs = windows.flatMap { $0.dropLast() }
      targets = windows.flatMap { $0.dropFirst() }
    }
  }

  /// GPT-2: learned positions, pre-LayerNorm blocks, GELU-tanh, a head tied to the embedding, biases everywhere else.
  struct Model {
    let shape: Shape
    var parameters: Parameters

    /// What one block reads and computes, kept for its backward pass.
    private struct Block {
      let input: Tensor  // (N, C)
      let attentionInput: Tensor  // ln_1(input)
      let qkv: Tensor  // (N, 3 C)
      let attended: Tensor  // (N, C)
      let middle: Tensor  // input + attention's projection
      let mlpInput: Tensor  // ln_2(middle)
      let hidden: Tensor  // (N, 4 C), before the GELU
      let activated: Tensor  // after it
      let output: Tensor  // middle + the MLP's projection
    }

    private struct Activations {
      let blocks: [Block]
      let final: Tensor  // (N, C), what ln_f reads
      let normalised: Tensor  // ln_f(final)
      let logits: Tensor  // (N, V)
    }

    private func forward(_ batch: Batch) -> Activations {
      let p = parameters
      var x = embedding(batch, p["wte.weight"], p["wpe.weight"])
      var blocks: [Block] = []
      for layer in 0..<shape.layers {
        let h = "h.\(layer)."
        let attentionInput = layerNorm(x, p[h + "ln_1.weight"], p[h + "ln_1.bias"])
        let qkv = linear(attentionInput, p[h + "attn.c_attn.weight"], p[h + "attn.c_attn.bias"])
        let attended = attention(qkv, heads: shape.heads, length: batch.length)
        let middle = x + linear(attended, p[h + "attn.c_proj.weight"], p[h + "attn.c_proj.bias"])
        let mlpInput = layerNorm(middle, p[h + "ln_2.weight"], p[h + "ln_2.bias"])
        let hidden = linear(mlpInput, p[h + "mlp.c_fc.weight"], p[h + "mlp.c_fc.bias"])
        let activated = gelu(hidden)
        let output = middle + linear(activated, p[h + "mlp.c_proj.weight"], p[h + "mlp.c_proj.bias"])
        blocks.append(
          Block(
            input: x, attentionInput: attentionInput, qkv: qkv, attended: attended, middle: middle, mlpInput: mlpInput,
            hidden: hidden, activated: activated, output: output))
        x = output
      }
      let normalised = layerNorm(x, p["ln_f.weight"], p["ln_f.bias"])
      return Activations(
        blocks: blocks, final: x, normalised: normalised, logits: tiedHead(normalised, p["wte.weight"]))
    }

    /// Computes the cross-entropy of every token (B T), in nats.
    func tokenLosses(_ batch: Batch) -> [Double] { crossEntropy(forward(batch).logits, batch.targets) }

    /// Computes the sum of the cross-entropies of each sequence, in nats.
    func sequenceLosses(_ batch: Batch) -> [Double] {
      let losses = tokenLosses(batch)
      return stride(from: 0, to: losses.count, by: batch.length).map {
        losses[$0..<$0 + batch.length].reduce(0, +)
      }
    }

    /// Computes the mean cross-entropy over all tokens, in nats.
    func loss(_ batch: Batch) -> Double { tokenLosses(batch).reduce(0, +) / Double(batch.targets.count) }

    /// Computes the gradient of `loss` by every parameter.
    func gradients(_ batch: Batch) -> Parameters {
      let p = parameters
      let a = forward(batch)
      var g = Parameters(shape) { _, _ in 0 }

      // The gradient of the block's output arrives in dx; each residual branch adds its share to the stream's.
      let dLogits = crossEntropyBackward(a.logits, batch.targets)
      let (dNormalised, dWteOfHead) = tiedHeadBackward(dLogits, a.normalised, p["wte.weight"])
      var dx = layerNormBackward(dNormalised, a.final, "ln_f", into: &g)
      for (layer, block) in a.blocks.enumerated().reversed() {
        let h = "h.\(layer)."
        let dActivated = linearBackward(dx, block.activated, h + "mlp.c_proj", into: &g)
        let dHidden = geluBackward(dActivated, block.hidden)
        let dMlpInput = linearBackward(dHidden, block.mlpInput, h + "mlp.c_fc", into: &g)
        dx += layerNormBackward(dMlpInput, block.middle, h + "ln_2", into: &g)

        let dAttended = linearBackward(dx, block.attended, h + "attn.c_proj", into: &g)
        let dqkv = attentionBackward(dAttended, block.qkv, heads: shape.heads, length: batch.length)
        let dAttentionInput = linearBackward(dqkv, block.attentionInput, h + "attn.c_attn", into: &g)
        dx += layerNormBackward(dAttentionInput, block.input, h + "ln_1", into: &g)
      }
      let (dWte, dWpe) = embeddingBackward(dx, batch, p["wte.weight"], p["wpe.weight"])
      g["wte.weight"] = dWteOfHead + dWte
      g["wpe.weight"] = dWpe
      return g
    }

    /// Computes the gradient of `loss` by the token table where the output layer uses it: (V, C).
    func outputLayerGradient(_ batch: Batch) -> Tensor {
      let a = forward(batch)
      let dLogits = crossEntropyBackward(a.logits, batch.targets)
      return tiedHeadBackward(dLogits, a.normalised, parameters["wte.weight"]).dWte
    }

    private func linearBackward(_ dy: Tensor, _ x: Tensor, _ name: String, into g: inout Parameters) -> Tensor {
      let (dx, dWeight, dBias) = Reference.linearBackward(dy, x, parameters[name + ".weight"])
      g[name + ".weight"] = dWeight
      g[name + ".bias"] = dBias
      return dx
    }

    private func layerNormBackward(_ dy: Tensor, _ x: Tensor, _ name: String, into g: inout Parameters) -> Tensor {
      let (dx, dGain, dBias) = Reference.layerNormBackward(dy, x, parameters[name + ".weight"])
      g[name + ".weight"] = dGain
      g[name + ".bias"] = dBias
      return dx
    }
  }
}
