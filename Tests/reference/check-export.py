"""Loads an exported Hugging Face folder as any user of transformers would and prints what it computes.

Run as: python3 Tests/reference/check-export.py DIR TOKEN...        (needs torch and transformers)
  DIR     what `dga export` wrote: config.json and model.safetensors
  TOKEN   token ids, at most the model's context

Prints one JSON object on stdout:
  logits    those of the position after the last token, one for each entry of the vocabulary
  loss      mean cross-entropy in nats of each token but the first given those before it; null for a single token
  missing, unexpected   tensor names that transformers wanted and did not find, or found and did not want
Computes in float32. Exit code 1 if names are missing or unexpected, 2 if the arguments cannot be used.
"""

import argparse
import json
import os
import sys

os.environ.setdefault("HF_HUB_OFFLINE", "1")  # DIR is a folder; a misspelt one is not to be looked up on the internet

import torch
from transformers import GPT2LMHeadModel


def main():
    parser = argparse.ArgumentParser(usage="check-export.py DIR TOKEN...")
    parser.add_argument("directory")
    parser.add_argument("tokens", type=int, nargs="+")
    arguments = parser.parse_args()
    if not os.path.isfile(os.path.join(arguments.directory, "config.json")):
        parser.error(f"{arguments.directory} holds no config.json")

    model, report = GPT2LMHeadModel.from_pretrained(
        arguments.directory, dtype=torch.float32, attn_implementation="eager", output_loading_info=True)
    model.eval()
    vocabulary, context = model.config.vocab_size, model.config.n_positions
    if not all(0 <= token < vocabulary for token in arguments.tokens):
        parser.error(f"token ids go from 0 to {vocabulary - 1}")
    if len(arguments.tokens) > context:
        parser.error(f"{len(arguments.tokens)} tokens, but the context is {context}")

    tokens = torch.tensor([arguments.tokens])
    with torch.no_grad():
        logits = model(input_ids=tokens).logits[0]
    loss = torch.nn.functional.cross_entropy(logits[:-1], tokens[0, 1:]).item() if len(tokens[0]) > 1 else None
    missing, unexpected = sorted(report["missing_keys"]), sorted(report["unexpected_keys"])
    json.dump({"logits": logits[-1].tolist(), "loss": loss, "missing": missing, "unexpected": unexpected}, sys.stdout)
    print()
    return 1 if missing or unexpected else 0


if __name__ == "__main__":
    sys.exit(main())
