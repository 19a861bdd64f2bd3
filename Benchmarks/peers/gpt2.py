#!/usr/bin/env python3
"""Times GPT-2 training steps in PyTorch, as a yardstick: prints one JSON object.

Run as: gpt2.py --shape 12M --precision fp32 --threads 2                (one process)
        gpt2.py --shape 12M --precision fp32 --threads 1 --ranks 2      (DDP over gloo, a process a rank)

The model is GPT-2 with a tied head, as in `Sources/Transformer`: pre-LayerNorm blocks, GELU in its tanh form, AdamW
with decay of matrices only, gradients clipped to norm 1. Tokens are random. The first step is left out of rates.
"""

import argparse
import json
import os
import statistics
import time

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import nn

# Layers, heads, width, vocabulary, tokens a sequence, sequences a step.
SHAPES = {"12M": (6, 6, 384, 4096, 256, 16), "124M": (12, 12, 768, 50304, 256, 8)}


class Block(nn.Module):
    """x + attention(LN(x)), then x + perceptron(LN(x))."""

    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.first, self.second = nn.LayerNorm(width), nn.LayerNorm(width)
        self.joint, self.projection = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.expansion, self.contraction = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x):
        batch, length, width = x.shape
        parts = self.joint(self.first(x)).split(width, dim=2)
        q, k, v = (part.view(batch, length, self.heads, -1).transpose(1, 2) for part in parts)
        attended = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.projection(attended.transpose(1, 2).reshape(batch, length, width))
        return x + self.contraction(F.gelu(self.expansion(self.second(x)), approximate="tanh"))


class GPT2(nn.Module):
    """Tokens and their successors (B, T) to the mean cross-entropy in nats."""

    def __init__(self, layers, heads, width, vocabulary, length):
        super().__init__()
        self.tokens, self.positions = nn.Embedding(vocabulary, width), nn.Embedding(length, width)
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(layers))
        self.final = nn.LayerNorm(width)
        for parameter in self.parameters():
            if parameter.dim() == 2:
                nn.init.normal_(parameter, std=0.02)

    def forward(self, inputs, targets):
        x = self.tokens(inputs) + self.positions(torch.arange(inputs.shape[1]))
        for block in self.blocks:
            x = block(x)
        logits = F.linear(self.final(x), self.tokens.weight)
        return F.cross_entropy(logits.view(-1, logits.shape[-1]), targets.flatten())


def optimizer(model):
    """AdamW in one kernel for all parameters where there is one for the CPU."""
    groups = [
        {"params": [p for p in model.parameters() if p.dim() == 2], "weight_decay": 0.1},
        {"params": [p for p in model.parameters() if p.dim() < 2], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=6e-4, betas=(0.9, 0.95), fused=True)


def work(rank, options, results):
    """Trains a few steps on one rank; rank 0 appends the seconds of each to `results`, all ranks waited for."""
    torch.set_num_threads(options.threads)
    torch.set_flush_denormal(True)
    torch.manual_seed(1)
    layers, heads, width, vocabulary, length, sequences = SHAPES[options.shape]
    model = GPT2(layers, heads, width, vocabulary, length)
    net = torch.compile(model) if options.compile else model
    if options.ranks > 1:
        os.environ.setdefault("MASTER_ADDR", "127.0.0.1")
        dist.init_process_group("gloo", init_method="file://" + options.meeting, rank=rank, world_size=options.ranks)
        # Gradients that are views of the messages save a copy of them all.
        net = nn.parallel.DistributedDataParallel(net, gradient_as_bucket_view=True)
    adamw = optimizer(model)
    generator = torch.Generator().manual_seed(rank)
    for step in range(options.steps):
        if options.ranks > 1:
            dist.barrier()
        start = time.perf_counter()
        window = torch.randint(vocabulary, (sequences // options.ranks, length + 1), generator=generator)
        with torch.autocast("cpu", torch.bfloat16, enabled=options.precision == "bf16"):
            loss = net(window[:, :-1].contiguous(), window[:, 1:].contiguous())
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        adamw.step()
        adamw.zero_grad()
        loss.item()
        if options.ranks > 1:
            dist.barrier()
        if rank == 0:
            results.append(time.perf_counter() - start)
    if options.ranks > 1:
        dist.destroy_process_group()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", choices=SHAPES, default="12M")
    parser.add_argument("--precision", choices=["fp32", "bf16"], default="fp32")
    parser.add_argument("--threads", type=int, default=2, help="threads of each rank")
    parser.add_argument("--ranks", type=int, default=1)
    parser.add_argument("--steps", type=int, default=5, help="the first is left out")
    parser.add_argument("--compile", action="store_true", help="torch.compile the model; needs a C++ compiler")
    parser.add_argument("--meeting", help="a file that does not exist yet, where ranks meet")
    options = parser.parse_args()
    if options.ranks == 1:
        seconds = []
        work(0, options, seconds)
    else:
        import tempfile

        with tempfile.TemporaryDirectory() as directory:
            options.meeting = options.meeting or directory + "/meeting"
            with torch.multiprocessing.Manager() as manager:
                results = manager.list()
                torch.multiprocessing.spawn(work, (options, results), options.ranks)
                seconds = list(results)
    length, sequences = SHAPES[options.shape][4:]
    steady = seconds[1:]
    print(
        json.dumps(
            {
                "torch": torch.__version__,
                "tokens_per_step": length * sequences,
                "tokens_per_second": length * sequences * len(steady) / sum(steady),
                "best_tokens_per_second": length * sequences / min(steady),
                "median_step_seconds": statistics.median(steady),
                "first_step_seconds": seconds[0],
            }
        )
    )


if __name__ == "__main__":
    main()
