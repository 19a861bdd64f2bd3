"""Signals at any moment to commands that last."""
import math, signal, time
from trials.trial import trial

SIGNALS = [signal.SIGUSR1, signal.SIGTERM, signal.SIGHUP, signal.SIGINT]
SETTINGS = ["duration=120steps", "evaluation={every: 50steps, sequences: 64}", "checkpoint.every=40steps"]


class Tally:
    """How often what came of a signal."""

    def __init__(self):
        self.stopped, self.late = 0, 0
        # When signals came to nothing or killed, in seconds.
        self.ignored, self.loading = [], []

    def figure(self):
        told = f"{self.stopped} ended with 75, {self.late} were over before"
        if self.ignored:
            told += f", {len(self.ignored)} were ignored by mpirun while it started{latest(self.ignored)}"
        if self.loading:
            told += f", {len(self.loading)} ended by signals before handlers{latest(self.loading)}"
        return told


def latest(moments):
    return f", the latest after {1000 * max(moments):.0f} ms"


@trial("signals", "USR1, TERM, HUP and INT at random moments from 1 ms to the end, {count} of each, to `train`, "
       "`corpus build` and `evaluate`, and USR1 to `mpirun`",
       "75 within a step, and the run goes on to the same bits; signals before handlers are counted apart",
       full=120, quick=20, minutes=40)
def signals(shop, count):
    whole, tally = shop.finish("whole", *SETTINGS), Tally()
    jobs = [train, build, evaluate]
    lengths = {job: job(shop, 0, "length").wait().expect(0).seconds for job in jobs}
    for number in range(count):
        for which in SIGNALS:
            job = jobs[number % 3]
            attempt(shop, job, 0, which, moment(shop, lengths[job]), f"{number}-{which.name}", whole, tally)
    ranks = Tally()
    shared = shop.finish("shared", *SETTINGS, ranks=2)
    length = train(shop, 2, "length-2").wait().expect(0).seconds
    for number in range(min(count, 40)):
        attempt(shop, train, 2, signal.SIGUSR1, moment(shop, length), f"mpirun-{number}", shared, ranks)
    return f"alone: {tally.figure()}. mpirun: {ranks.figure()}"


def moment(shop, length):
    """A moment between a millisecond and the end, as many in every decade."""
    return math.exp(shop.random.uniform(math.log(0.001), math.log(length)))


def train(shop, ranks, name):
    return shop.train(f"run-{name}", *SETTINGS, ranks=ranks)


def build(shop, ranks, name):
    """A build that trains a tokenizer, which takes most of the time."""
    return shop.start(shop.command("corpus", "build", "recipe.yaml", "-o", f"built-{name}",
                                   "tokenizer={kind: sentencepiece, vocabulary: 400}"))


def evaluate(shop, ranks, name):
    return shop.start(shop.command("evaluate", "whole", "--corpus", "corpus", "--sequences", "1000"))


def attempt(shop, job, ranks, which, moment, name, whole, tally):
    """Sends one signal and looks at what follows."""
    before = shop.listing() if job is not train else None
    program = job(shop, ranks, name)
    time.sleep(max(0, moment - program.age()))
    ready, steps = answers(program, which, ranks), shop.steps(f"run-{name}")
    program.send(which)
    moment = program.age()
    program.wait()
    what = f"{which.name} to {job.__name__}{' under mpirun' if ranks else ''} after {1000 * moment:.0f} ms"
    if program.status == 0 and ranks and not ready and not steps:
        tally.ignored.append(moment)
    elif program.status == 0:
        tally.late += 1
    elif program.status == 75:
        tally.stopped += 1
    elif not ready and program.status in (128 + which, 128 + signal.SIGKILL, 1, 255):
        tally.loading.append(moment)
    else:
        shop.problem(f"{what}: {program.brief()}")
    if program.status == 0 and ready and job is train and steps and shop.steps(f"run-{name}") - steps > 60:
        shop.problem(f"{what}: the run went on to its end from step {steps}")
    if job is train:
        goes_on(shop, program, ranks, name, steps, whole, what)
    elif program.status:
        # A later build goes on from what one has left in its hidden directory.
        left = [entry for entry in set(shop.listing()) - set(before) if ".dga-building" not in entry[0]]
        if left:
            shop.problem(f"{what}: left {sorted(left)[:3]}")


def goes_on(shop, program, ranks, name, steps, whole, what):
    run = f"run-{name}"
    if program.status == 75:
        last = shop.checkpoints(run)
        if not last or int(last[-1][5:]) != shop.steps(run) or steps and int(last[-1][5:]) > steps + 2:
            shop.problem(f"{what}: {steps} steps were recorded, {shop.steps(run)} at the end, checkpoints {last}")
    again = shop.train(run, *SETTINGS, "--resume", ranks=ranks).wait()
    if again.status:
        shop.problem(f"{what}, then --resume: {again.brief()}")
    else:
        shop.compare(shop.record(run), whole, what)


def answers(program, which, ranks):
    """Whether the program, and each of its ranks, has installed a handler for a signal."""
    pids = [program.pid, *(program.ranks().values() if ranks else [])]
    return len(pids) == 1 + ranks and all(catches(pid, which) for pid in pids)


def catches(pid, which):
    try:
        with open(f"/proc/{pid}/status") as file:
            mask = next(int(line.split()[1], 16) for line in file if line.startswith("SigCgt"))
    except (OSError, StopIteration):
        return True  # over already
    return bool(mask >> (which - 1) & 1)
