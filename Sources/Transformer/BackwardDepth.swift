/// How far down from the loss a backward pass goes.
public enum BackwardDepth: Sendable {
  /// Through all layers to the embeddings: the whole gradient.
  case embeddings
  /// No further than the output layer: the gradient of the token table as the output layer uses it, and zero elsewhere.
  ///
  /// With h_t the final hidden states, p_t the softmax and s_t the scale of token t, the table's gradient (V, C) is
  /// `sum_t s_t (p_t - onehot(target_t)) h_t'`. What the input embedding does with the same table is left out.
  case outputLayer
}
