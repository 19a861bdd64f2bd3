"""Records what PyTorch computes, for the Swift tests to compare with.

Run as: python3 Tests/reference/record.py        (about ten seconds; needs torch and transformers)

A tiny GPT-2 (transformers' GPT2LMHeadModel) with hashed weights and hashed batches is trained for 20 steps of AdamW.
Writes, as Swift source,
  Tests/TransformerTests/Recorded/PyTorchGradients.swift   the first batch in float64: losses and gradients
  Tests/TrainingTests/Recorded/PyTorchTrajectory.swift     the 20 steps in float32, and in float64 to judge rounding
The setting is defined here and in Tests/TransformerTests/Recorded/HashedSetting.swift; change both.
"""

import math
import pathlib

import torch
from transformers import GPT2Config, GPT2LMHeadModel

TESTS = pathlib.Path(__file__).resolve().parent.parent

LAYERS, HEADS, WIDTH, CONTEXT, VOCABULARY = 2, 2, 32, 32, 61
STEPS, SEQUENCES, LENGTH = 20, 4, 24
BETAS, EPSILON, WEIGHT_DECAY, CLIP = (0.9, 0.95), 1e-8, 0.1, 1.0
PEAK_LEARNING_RATE, WARMUP, FINAL_SHARE = 0.01, 5, 0.1


def hashed(stream, index):
    """Output of splitmix64 for the state (stream, index)."""
    mask = (1 << 64) - 1
    z = ((stream << 32 | index) + 0x9E3779B97F4A7C15) & mask
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 & mask
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB & mask
    return z ^ (z >> 31)


def uniform(stream, index):
    """A number of [-1, 1) with 16 bits."""
    return (hashed(stream, index) >> 48) / 32768 - 1


def initial_values(tensor, name, shape):
    """Gains are 1 + u / 16, all else u / 16; exact in float32."""
    u = torch.tensor([uniform(tensor, i) for i in range(math.prod(shape))], dtype=torch.float64).reshape(shape)
    is_gain = name.endswith(("ln_1.weight", "ln_2.weight")) or name == "ln_f.weight"
    return 1 + u / 16 if is_gain else u / 16


def windows(step):
    """LENGTH + 1 tokens of each sequence: a hashed one, then each the last plus seven."""
    rows = []
    for sequence in range(SEQUENCES):
        tokens = [hashed(1000 + step, sequence) % VOCABULARY]
        for _ in range(LENGTH):
            tokens.append((tokens[-1] + 7) % VOCABULARY)
        rows.append(tokens)
    return torch.tensor(rows)


def learning_rate(step):
    """Linear warm-up to the peak at step WARMUP, then a cosine to FINAL_SHARE of it at step STEPS."""
    if step <= WARMUP:
        return PEAK_LEARNING_RATE * step / WARMUP
    progress = (step - WARMUP) / (STEPS - WARMUP)
    return PEAK_LEARNING_RATE * (FINAL_SHARE + (1 - FINAL_SHARE) * 0.5 * (1 + math.cos(math.pi * progress)))


def make_model(dtype):
    configuration = GPT2Config(
        vocab_size=VOCABULARY, n_positions=CONTEXT, n_embd=WIDTH, n_layer=LAYERS, n_head=HEADS,
        activation_function="gelu_new", layer_norm_epsilon=1e-5, tie_word_embeddings=True,
        resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0, attn_implementation="eager")
    model = GPT2LMHeadModel(configuration).to(dtype)
    with torch.no_grad():
        for tensor, (name, parameter) in enumerate(parameters(model)):
            parameter.copy_(initial_values(tensor, name, tuple(parameter.shape)).to(dtype))
    return model.train()


def parameters(model):
    """(name without "transformer.", parameter) in order; the tied head is not listed again."""
    return [(name.removeprefix("transformer."), parameter) for name, parameter in model.named_parameters()]


def token_losses(model, batch):
    logits = model(input_ids=batch[:, :-1]).logits
    return torch.nn.functional.cross_entropy(
        logits.reshape(-1, VOCABULARY), batch[:, 1:].reshape(-1), reduction="none").reshape(SEQUENCES, LENGTH)


def train(dtype):
    model = make_model(dtype)
    matrices = [p for _, p in parameters(model) if p.dim() == 2]
    others = [p for _, p in parameters(model) if p.dim() != 2]
    optimizer = torch.optim.AdamW(
        [{"params": matrices, "weight_decay": WEIGHT_DECAY}, {"params": others, "weight_decay": 0.0}],
        lr=PEAK_LEARNING_RATE, betas=BETAS, eps=EPSILON)
    losses, norms = [], []
    for step in range(1, STEPS + 1):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step)
        optimizer.zero_grad()
        loss = token_losses(model, windows(step)).mean()
        loss.backward()
        norms.append(torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP).item())
        losses.append(loss.item())
        optimizer.step()
    return losses, norms, [(name, p.detach().double()) for name, p in parameters(model)]


def without_key_bias(name, values):
    """Softmax does not see the bias of the keys: its gradient is rounding, which AdamW blows up to its step size."""
    if not name.endswith("attn.c_attn.bias"):
        return values
    return torch.cat([values[:WIDTH], values[2 * WIDTH:]])


def swift_list(values):
    rows = [", ".join(repr(v) for v in values[i:i + 4]) for i in range(0, len(values), 4)]
    return "[\n" + "".join(f"    {row},\n" for row in rows) + "  ]"


def record_gradients():
    model = make_model(torch.float64)
    losses = token_losses(model, windows(1))
    losses.mean().backward()
    lines = []
    for tensor, (name, parameter) in enumerate(parameters(model)):
        gradient = parameter.grad
        direction = torch.tensor(
            [uniform(4000 + tensor, i) for i in range(gradient.numel())], dtype=torch.float64).reshape(gradient.shape)
        lines.append(f'    ("{name}", {list(gradient.shape)}, {gradient.norm().item()!r}, '
                     f'{(gradient * direction).sum().item()!r}),\n')
    write("TransformerTests/Recorded/PyTorchGradients.swift", f"""\
/// Losses and gradients of the first batch of `HashedSetting`, computed by PyTorch in float64.
///
/// Written by Tests/reference/record.py with torch {torch.__version__}.
enum PyTorchGradients {{
  static let loss = {losses.mean().item()!r}
  /// The sum of the tokens' losses of each sequence.
  static let sequenceLosses = {swift_list(losses.sum(dim=1).tolist())}
  /// Each gradient's Euclidean norm, and its inner product with `HashedSetting.uniform(stream: 4000 + index, element)`.
  static let tensors: [(name: String, shape: [Int], norm: Double, projection: Double)] = [
{''.join(lines)}  ]
}}
""")


def record_trajectory():
    losses, norms, finals = train(torch.float32)
    losses64, norms64, finals64 = train(torch.float64)
    lines = []
    for (name, values), (_, values64) in zip(finals, finals64):
        values, values64 = without_key_bias(name, values), without_key_bias(name, values64)
        lines.append(f'    ("{name}", {values.sum().item()!r}, {values.norm().item()!r}),\n')
        error = (values - values64).norm() / values64.norm()
        print(f"{name:24} {values.norm():9.5f}  float32 against float64 {error:.1e}")
    for step in range(1, STEPS + 1):
        i = step - 1
        print(f"step {step:2} rate {learning_rate(step):.6f} loss {losses[i]:.6f} ({losses[i] - losses64[i]:+.1e}) "
              f"norm {norms[i]:.4f} ({norms[i] - norms64[i]:+.1e})")
    write("TrainingTests/Recorded/PyTorchTrajectory.swift", f"""\
/// Twenty steps of AdamW in the setting of `HashedSetting`, computed by PyTorch.
///
/// Written by Tests/reference/record.py with torch {torch.__version__}.
enum PyTorchTrajectory {{
  static let learningRates = {swift_list([learning_rate(step) for step in range(1, STEPS + 1)])}
  /// The mean loss of each step's batch before its update, computed in float32.
  static let losses = {swift_list(losses)}
  /// The same in float64: how far rounding alone moves them.
  static let lossesInDouble = {swift_list(losses64)}
  /// The global norm of each gradient before clipping, computed in float32.
  static let gradientNorms = {swift_list(norms)}
  /// Sum and Euclidean norm of every tensor after the last step, computed in float32.
  ///
  /// The key third (the middle one) of attn.c_attn.bias is left out: softmax does not see it, so its gradient is pure
  /// rounding, which AdamW blows up to its step size.
  static let finalTensors: [(name: String, sum: Double, norm: Double)] = [
{''.join(lines)}  ]
}}
""")


def write(path, text):
    path = TESTS / path
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    print("wrote", path)


if __name__ == "__main__":
    torch.set_num_threads(1)
    record_gradients()
    record_trajectory()
