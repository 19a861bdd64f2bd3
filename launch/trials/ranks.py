"""Ranks that stop, gradients that are not numbers, memory that changes by itself."""
import contextlib, json, re, signal, struct, time
from trials.trial import Failed, trial

UNIFORM = ["mixture.method=uniform"]


@trial("stopped-rank", "{count} SIGSTOPs of a random rank of 2 or 4 at random moments, watchdog.limit=3seconds",
       "76 within 10 s, the rank named, no process left", full=20, quick=5, minutes=10)
def stopped_rank(shop, count):
    waits, starting, hung = [], 0, 0
    for number in range(count):
        ranks = shop.random.choice((2, 4))
        program = shop.train(f"run-{number}", "duration=1000000steps", "watchdog.limit=3seconds", ranks=ranks, limit=25)
        program.until(lambda: len(program.ranks()) == ranks, "ranks")
        # Two of five in the first moments, the others while the run steps.
        if number % 5 > 1:
            program.until(lambda: shop.steps(f"run-{number}"), "the first step")
        time.sleep(shop.random.uniform(0, 0.3 if number % 5 < 2 else 2))
        rank, moment = shop.random.randrange(ranks), program.age()
        program.send(signal.SIGSTOP, program.ranks().get(rank))
        program.wait()
        waits.append(program.seconds - moment)
        steps = shop.steps(f"run-{number}")
        starting += not steps
        what = f"rank {rank} of {ranks} stopped {moment:.2f} s after the start, after {steps} steps"
        hung += program.status == 124
        if program.status != 76 or waits[-1] > 10:
            shop.problem(f"{what}: ended {waits[-1]:.1f} s later, {program.brief()}")
        elif not re.search(rf"error: .*\brank {rank}\b", program.error):
            shop.problem(f"{what}: the message does not name it: {program.said()}")
        shop.nobody_left(3)
    ended = [wait for wait in waits if wait < 20]
    times = f", {min(ended):.1f} to {max(ended):.1f} s after the signal" if ended else ""
    told = f"{starting} were stopped before the first step, {hung} waited for ever"
    return f"{count - hung} of {count} ended{times}; {told}"


@trial("bad-numbers", "NaN gradients by `faults`, on 1, 2 and 4 ranks, {count} times: one, three in a row, and again "
       "after every return", "skipped alike on all ranks, gone back to the last checkpoint, 79 in the end",
       full=3, quick=1, minutes=10)
def bad_numbers(shop, count):
    skipped = returns = ends = 0
    for number in range(count):
        step = shop.random.randrange(22, 60)
        for length, name in ((1, "one"), (3, "three")):
            records = {}
            for ranks in (1, 2, 4):
                run = f"{name}-{ranks}-{number}"
                faults = nan(range(step, step + length), shop.random.randrange(ranks))
                records[ranks] = shop.finish(run, "duration=80steps", faults, ranks=ranks)
                shop.compare(records[ranks], records[1], f"{length} bad steps from {step}, {ranks} ranks")
                events = [record["message"] for record in shop.metrics(run) if record["kind"] == "event"]
                back = [event for event in events if "went back to its checkpoint" in event]
                skipped, returns = skipped + length, returns + len(back)
                if len(back) != (length == 3):
                    shop.problem(f"{length} bad steps from {step} on {ranks} ranks: {len(back)} returns, {events}")
        ends += diverges(shop, f"end-{number}", step)
    return f"{skipped} bad steps, {returns} returns, {ends} ends with 79"


def nan(steps, rank):
    return "faults=[" + ", ".join(f"{{kind: nan, rank: {rank}, step: {step}}}" for step in steps) + "]"


def diverges(shop, run, step):
    """A run whose steps are bad for ever ends with 79, and its checkpoint is whole."""
    rank = shop.random.randrange(2)
    program = shop.train(run, "duration=80steps", nan([*range(step, step + 9)] * 3, rank), ranks=2).wait()
    kept = shop.checkpoints(run)
    if program.status != 79 or not kept or not shop.whole(run, kept[-1]) or int(kept[-1][5:]) >= step:
        shop.problem(f"bad for ever from step {step}: {program.brief()}, checkpoints {kept}")
    return program.status == 79


@trial("flipped-bits", "{count} flips of a random bit of parameters or moments by `faults`, on 1, 2 and 4 ranks, and 5 "
       "in a process's memory from outside", "each is found with 76 before the next checkpoint, rank and tensor named",
       full=20, quick=8, minutes=10)
def flipped_bits(shop, count):
    named = 0
    for number in range(count):
        ranks = shop.random.choice((1, 2, 4))
        # Half of them in a step that a checkpoint follows.
        step = shop.random.choice((10 * shop.random.randrange(1, 6), shop.random.randrange(5, 60)))
        rank = shop.random.randrange(ranks)
        memory = shop.random.choice(("parameters", "first_moments", "second_moments"))
        fault = (f"{{kind: flip, rank: {rank}, step: {step}, memory: {memory}, "
                 f"element: {shop.random.randrange(34720)}, bit: {shop.random.randrange(32)}}}")
        run = f"run-{number}"
        program = shop.train(run, *UNIFORM, "duration=70steps", f"faults=[{fault}]", ranks=ranks).wait()
        found = re.search("has changed by itself.*: the (parameters|moments) of [a-z]", program.error)
        good = program.status == 76 and found
        told = ranks == 1 or f"rank {rank}" in program.error
        later = [name for name in shop.checkpoints(run) if int(name[5:]) >= step]
        # Moments are compared after the update in which they are read, parameters before it.
        latest = step if memory == "parameters" else step + 1
        when = re.search(r"as found in step (\d+)", program.error)
        if not good or not told or later or not step <= int(when[1]) <= latest:
            shop.problem(f"{fault} on {ranks} ranks: {program.brief()}, later checkpoints {later}")
        named += bool(good and told)
    return f"{named} of {count} found and named; from outside {sum(outside(shop, n) for n in range(5))} of 5"


def outside(shop, number):
    """Changes a parameter in the memory of a rank; with a learning rate of 0 a checkpoint tells what to look for."""
    run, settings = f"outside-{number}", [*UNIFORM, "optimizer.learning_rate=0", "duration=1000000steps"]
    program = shop.train(run, *settings, "evaluation=null", "checkpoint.every=5steps", ranks=2, limit=60)
    program.until(lambda: shop.checkpoints(run), "a checkpoint")
    content = newest_model(shop, run)
    begin = 8 + struct.unpack("<Q", content[:8])[0]
    tensors = {name: entry for name, entry in json.loads(content[8:begin]).items()
               if name.endswith("weight") and "ln_" not in name}
    name, rank = shop.random.choice(sorted(tensors)), shop.random.randrange(2)
    first, last = tensors[name]["data_offsets"]
    offset = begin + first + shop.random.randrange(0, last - first - 64, 4)
    places = 0
    for _ in range(10):
        places += flip(program.ranks().get(rank), content[offset:offset + 64])
        steps = shop.steps(run)
        program.until(lambda: shop.steps(run) > steps + 20, "20 steps more")
        if not program.runs():
            break
        if newest_model(shop, run) != content:
            program.end()
            shop.problem(f"a flipped bit of {name} of rank {rank} went into a checkpoint")
            return False
        # It came after the comparison, and the owner's parameters have overwritten it before anybody read it.
    if program.runs():
        program.end()
    program.wait()
    if not places or program.status != 76 or name not in program.error or f"rank {rank}" not in program.error:
        shop.problem(f"a bit of {name} of rank {rank} flipped in {places} places of its memory: {program.brief()}")
        return False
    return True


def newest_model(shop, run):
    """The parameters of the newest checkpoint, which the next ones may be about to replace."""
    while True:
        try:
            return shop.read(f"{run}/checkpoints/{shop.checkpoints(run)[-1]}/model.safetensors")
        except FileNotFoundError:
            continue


def flip(pid, pattern):
    """Flips a bit wherever the memory of a process holds a pattern of floats; returns in how many places."""
    places = 0
    if pattern.count(0) > 40:
        raise Failed("the tensor is empty")
    # A flip may be found, and the process end, while others are looked for.
    with (contextlib.suppress(FileNotFoundError, ProcessLookupError), open(f"/proc/{pid}/maps") as maps,
          open(f"/proc/{pid}/mem", "r+b", buffering=0) as memory):
        for line in maps:
            bounds, rights, *_ = line.split()
            if not rights.startswith("rw-p") or "[v" in line:
                continue
            begin, end = (int(bound, 16) for bound in bounds.split("-"))
            try:
                memory.seek(begin)
                content = memory.read(end - begin)
            except OSError:
                continue
            at = content.find(pattern)
            while at >= 0:
                memory.seek(begin + at + 1)
                memory.write(bytes([content[at + 1] ^ 4]))
                places += 1
                at = content.find(pattern, at + 1)
    return places
