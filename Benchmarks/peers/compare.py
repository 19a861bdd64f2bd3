"""Runs peers and dga in turns and prints a Markdown table; started by launch/compare-peers.

Run as: compare.py [--shape 12M ...] [--rounds 2] [-o FILE] -- mpirun -np 2 ... dga benchmark

Every program computes the same model on as many tokens a step, but for llm.c, which has its own batch. All take turns,
twice by default, and make as many steps in each, so that what else runs on the machine hits all alike. The first step
of a turn is left out.
"""

import argparse
import datetime
import json
import os
import pathlib
import re
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent


def say(text):
    print(text, file=sys.stderr, flush=True)


def last_object(command, **options):
    """The JSON object on the last line that a command prints, or None and the reason."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)
    if done.returncode != 0 or not done.stdout.strip():
        lines = done.stderr.strip().splitlines() or ["no output"]
        return None, f"exit code {done.returncode}: {lines[-1]}"
    return json.loads(done.stdout.strip().splitlines()[-1]), None


def has_bf16():
    """Whether the processor multiplies bf16; elsewhere PyTorch emulates it."""
    try:
        words = pathlib.Path("/proc/cpuinfo").read_text().split()
    except OSError:
        return True
    return any(word in words for word in ["avx512_bf16", "amx_bf16", "bf16"])


class Dga:
    """This program on two ranks of one thread."""

    name = "dga, fp32, 2 ranks"

    def __init__(self, command, steps):
        self.command, self.steps = command, steps

    def run(self, shape):
        report, reason = last_object(
            [*self.command, "--shape", shape, "--steps", str(self.steps), "--steps-only", "--json"])
        if report is None:
            return None, reason
        step = report["shapes"][0]["step"]
        return {
            "tokens_per_second": step["tokens_per_second"], "best_tokens_per_second": step["best_tokens_per_second"],
            "flops_per_token": step["flops_per_token"], "report": report,
        }, None


class Torch:
    """PyTorch in a process of its own."""

    def __init__(self, name, steps, *arguments):
        self.name, self.steps, self.arguments = name, steps, arguments
        self.version = None

    def run(self, shape):
        if "bf16" in self.arguments and shape != "12M" and not has_bf16():
            return None, "without bf16 instructions a step takes minutes; see 12M"
        result, reason = last_object(
            [sys.executable, str(HERE / "gpt2.py"), "--shape", shape, "--steps", str(self.steps), *self.arguments])
        if result:
            self.version = result["torch"]
        return result, reason


class LlmC:
    """llm.c's train_gpt2 with the batch that its sources have; its starter pack has the model and tokens it reads."""

    name = "llm.c, fp32, OpenMP"
    # In train_gpt2.c: batch of 4, sequences of 64.
    tokens, length = 4 * 64, 64

    def __init__(self, directory, steps):
        self.directory, self.steps = directory, steps

    def run(self, shape):
        if shape != "124M":
            return None, "it trains 124M only"
        if not pathlib.Path(self.directory, "gpt2_124M.bin").exists():
            return None, f"{self.directory} has no gpt2_124M.bin; its dev/download_starter_pack.sh fetches it"
        source = pathlib.Path(self.directory, "train_gpt2.c").read_text()
        if not re.search(r"int B = 4;", source) or not re.search(r"int T = 64;", source):
            return None, "train_gpt2.c has another batch than 4 sequences of 64 tokens"
        made = subprocess.run(
            ["make", "train_gpt2"], cwd=self.directory, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if made.returncode != 0:
            return None, "make train_gpt2 failed: " + made.stdout.strip().splitlines()[-1]
        program = subprocess.Popen(
            ["stdbuf", "-oL", "./train_gpt2"], cwd=self.directory, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True)
        seconds = []
        for line in program.stdout:
            found = re.match(r"step \d+: train loss .* \(took ([0-9.]+) ms", line)
            if found:
                seconds.append(float(found[1]) / 1000)
            if len(seconds) == self.steps:
                break
        program.kill()
        program.wait()
        if len(seconds) < 2:
            return None, "train_gpt2 printed no step times"
        steady = seconds[1:]
        return {
            "tokens_per_second": self.tokens * len(steady) / sum(steady),
            "best_tokens_per_second": self.tokens / min(steady),
        }, None


def flops_per_token(report, length=None):
    """6 N + 12 L T C of the shape in a report, for sequences of `length` tokens."""
    shape = report["shapes"][0]
    context = shape["context"]
    flops = shape["step"]["flops_per_token"]
    return flops + 12 * shape["layers"] * shape["width"] * ((length or context) - context)


def mean(runs):
    return sum(run["tokens_per_second"] for run in runs) / len(runs)


def best(runs):
    return max(run["best_tokens_per_second"] for run in runs)


def noise(reports):
    """A sentence that says whether the machine was quiet enough to compare anything."""
    ceilings = [report["ceilings"] for report in reports]
    best = max(ceiling["sgemm_gigaflops_per_second"] for ceiling in ceilings)
    least = min(ceiling["sgemm_median_gigaflops_per_second"] for ceiling in ceilings)
    text = f"sgemm ceiling of two cores together: {2 * best:.0f} GFLOP/s; least median of a turn {2 * least:.0f}."
    if least < 0.9 * best:
        text += " **Other programs took part of the machine: differences between programs that are no larger than "
        text += "those between turns say nothing.**"
    return text


def table(shape, peers, results, reasons):
    """Markdown for one shape."""
    ours = results[Dga.name]
    reports = [result["report"] for result in ours]
    ceilings = [report["ceilings"]["sgemm_gigaflops_per_second"] for report in reports]
    report = reports[0]
    figures = report["shapes"][0]
    lines = [
        f"### {shape}: {figures['layers']} layers, width {figures['width']}, vocabulary {figures['vocabulary']}, "
        f"{figures['step']['tokens_per_step']} tokens a step",
        "",
        noise(reports),
        "",
        "| program | tokens/s, each turn | mean | best step | GFLOP/s | of the ceiling "
        "| dga / program, means | best steps |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for peer in peers:
        runs = results[peer.name]
        if not runs:
            lines.append(f"| {peer.name} | skipped: {reasons[peer.name]} | | | | | | |")
            continue
        turns = ", ".join(f"{run['tokens_per_second']:.0f}" for run in runs)
        rate = mean(runs) * flops_per_token(report, getattr(peer, "length", None)) / 1e9
        note = f" ({peer.tokens} tokens a step)" if hasattr(peer, "tokens") else ""
        lines.append(
            f"| {peer.name}{note} | {turns} | {mean(runs):.0f} | {best(runs):.0f} | {rate:.0f} "
            f"| {100 * rate / (2 * max(ceilings)):.0f} % | {mean(ours) / mean(runs):.2f} "
            f"| {best(ours) / best(runs):.2f} |")
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", action="append", choices=["12M", "124M"], help="both by default")
    parser.add_argument("--rounds", type=int, default=2, help="turns of each program")
    parser.add_argument("--steps", type=int, help="steps of each turn; by default 4 for 12M, 3 for 124M")
    parser.add_argument("--compile", action="store_true", help="also PyTorch with torch.compile")
    parser.add_argument(
        "--without-bf16", action="store_true", help="not bf16, which takes minutes a step where PyTorch emulates it")
    parser.add_argument("-o", "--output", help="a file for the table")
    parser.add_argument("command", nargs="+", help="how to start dga benchmark on two ranks")
    options = parser.parse_args()
    if options.rounds < 1 or options.steps is not None and options.steps < 2:
        parser.error("--rounds starts at 1, and --steps at 2, since the first step does not count")
    texts = []
    for shape in options.shape or ["12M", "124M"]:
        steps = options.steps or (4 if shape == "12M" else 3)
        dga = Dga(options.command, steps)
        peers = [
            dga,
            Torch("PyTorch, fp32, 2 threads", steps, "--threads", "2"),
            Torch("PyTorch, fp32, 2 ranks (DDP, gloo)", steps, "--threads", "1", "--ranks", "2"),
        ]
        if not options.without_bf16:
            peers.append(Torch("PyTorch, bf16 autocast, 2 threads", steps, "--threads", "2", "--precision", "bf16"))
        if options.compile:
            peers.append(Torch("PyTorch, fp32, compiled, 2 threads", steps, "--threads", "2", "--compile"))
        if os.environ.get("LLMC_DIR"):
            peers.append(LlmC(os.environ["LLMC_DIR"], steps))
        results, reasons = {peer.name: [] for peer in peers}, {}
        for turn in range(options.rounds):
            for peer in peers:
                if peer.name in reasons:
                    continue
                say(f"{shape}, turn {turn + 1} of {options.rounds}: {peer.name}")
                result, reason = peer.run(shape)
                if result is None:
                    reasons[peer.name] = reason
                    say(f"  skipped: {reason}")
                else:
                    results[peer.name].append(result)
                    say(f"  {result['tokens_per_second']:.0f} tokens/s")
        if not results[Dga.name]:
            sys.exit(f"error: dga benchmark failed: {reasons[Dga.name]}")
        texts.append(table(shape, peers, results, reasons))
        machine = results[Dga.name][0]["report"]["machine"]
        versions = {peer.version for peer in peers if isinstance(peer, Torch) and peer.version}
    head = (
        f"{machine['processor']}, {machine['cores_per_node']} cores; {datetime.date.today()}. dga: OpenBLAS kernel "
        f"{machine['blas_kernel']}, {machine['mpi']}. PyTorch {', '.join(versions) or 'failed'}. Operations are "
        "counted as 6 N + 12 L T C a token; rates are means over all steps but the first.\n")
    text = "\n".join([head, *texts])
    print(text)
    if options.output:
        pathlib.Path(options.output).write_text(text)


if __name__ == "__main__":
    main()
