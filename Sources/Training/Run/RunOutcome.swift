/// The end of a run in figures, as `--json` prints it.
public struct RunOutcome: Encodable, Sendable {
  let steps, tokens, probe_tokens: Int
  package let target_loss, generic_loss: Double
  let seconds, tokens_per_second, flops_share, overhead_share: Double
  package let batches_hash, parameters_hash: String
  /// Training tokens read of each domain.
  package let domains_read: DomainsRead
}
