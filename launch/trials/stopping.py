"""Runs that are stopped or killed and go on."""
import os, signal, time
from trials.trial import trial
from trials.programs import children, environment_of, segments

# Updates, evaluations and checkpoints at different steps, so that every order of them is met.
SETTINGS = ["mixture.every=15steps", "evaluation.every=25steps", "checkpoint.every=10steps"]


@trial("resume", "DGA stopped by USR1 and gone on, {count} times each on 1, 2, 4 and 8 ranks; "
       "ranks changed every 40 steps",
       "files of the last checkpoint, hashes and metrics equal those of an uninterrupted run",
       full=4, quick=1, minutes=20)
def resume(shop, count):
    whole = shop.finish("whole", *SETTINGS)
    stops = 0
    for ranks in (1, 2, 4, 8):
        for number in range(count):
            run, settings = f"on-{ranks}-{number}", [*SETTINGS, "--resume"]
            for stop in sorted(shop.random.sample(range(5, 190), 3)):
                program = shop.train(run, *settings, ranks=ranks)
                if program.until(lambda: shop.steps(run) >= stop, f"step {stop}"):
                    program.send(signal.SIGUSR1)
                stops += program.wait().expect(0, 75).status == 75
            shop.compare(shop.finish(run, *settings, ranks=ranks), whole, f"{ranks} ranks")
    changes = 0
    for number in range(count):
        for step in range(41, 202, 40):
            kill = f"faults=[{{kind: kill, step: {step}, phase: read}}]"
            ranks = shop.random.choice((1, 2, 4, 8))
            shop.train(f"moving-{number}", *SETTINGS, kill, "--resume", ranks=ranks).wait().expect(0, 137)
            changes += 1
        shop.compare(shop.record(f"moving-{number}"), whole, "ranks changed every 40 steps")
    return f"{stops} stops, {changes} parts on other ranks, {len(whole['metrics.jsonl'])} records"


# Large enough that writing a checkpoint takes some 50 ms: 1.6 million parameters, three floats each.
LARGE = ["model.width=256", "model.context=16", "batch.sequences=4", "duration=120steps", "evaluation=null"]


@trial("kills", "{count} SIGKILLs at random moments, three in ten while a checkpoint is written, of a rank or of the "
       "whole job; then --resume",
       "the bits of an uninterrupted run, no committed checkpoint lost, nothing left behind",
       full=100, quick=20, minutes=30)
def kills(shop, count):
    whole, shared = shop.finish("whole", *LARGE, ranks=2), set()
    done = inside = jobs = lives = 0
    while done < count:
        lives += 1
        run = f"life-{lives}"
        for _ in range(5):
            writing = inside < 0.3 * count and (inside + 1) / (done + 1) <= 0.6
            program = shop.train(run, *LARGE, "--resume", ranks=2)
            target = strike(shop, program, run, writing, shared)
            if target is None:
                break
            done, inside, jobs = done + 1, inside + bool(shop.partial(run)), jobs + (target == "job")
            inspect(shop, run)
        program = shop.train(run, *LARGE, "--resume", ranks=2).wait().expect(0)
        going_on(shop, program, None)
        shop.compare(shop.record(run), whole, run)
        clean(shop, run)
    left = sorted(filter(os.path.exists, shared))
    if left:
        shop.problem(f"shared memory of killed jobs is left: {len(left)} files such as {left[0]}")
        for path in left:
            os.unlink(path)
    return f"{done} kills, {inside} inside a checkpoint, {jobs} of whole jobs; {lives} runs"


def strike(shop, program, run, writing, shared):
    """Kills a rank or the job at a random moment; returns which, or nothing if the run was over before."""
    known = shop.checkpoints(run)
    if writing:
        program.until(lambda: shop.partial(run), "a checkpoint", pause=0.0005)
        time.sleep(shop.random.uniform(0, 0.06))
    else:
        time.sleep(shop.random.uniform(0.02, 3))
    ranks = program.ranks()
    for pid in ranks.values():
        shared |= segments(pid)
    whole_job = shop.random.random() < 0.2
    if whole_job:
        program.send(signal.SIGKILL)
    for pid in ranks.values() if whole_job else [shop.random.choice(list(ranks.values()))] if ranks else []:
        program.send(signal.SIGKILL, pid)
    if not ranks and not whole_job:  # mpirun has not started them yet
        program.send(signal.SIGKILL)
    program.wait()
    going_on(shop, program, known[-1] if known else None)
    if program.status == 0:
        return None
    if program.status != 128 + signal.SIGKILL:
        shop.problem(program.brief())
    shop.nobody_left(5)
    return "job" if whole_job else "rank"


def going_on(shop, program, newest):
    """A run goes on from its newest checkpoint and finds none damaged."""
    if "is damaged" in program.error:
        shop.problem(f"a committed checkpoint is damaged: {program.said()}")
    said = [line for line in program.error.splitlines() if "going on after step" in line]
    if newest and said and f"going on after step {int(newest[5:])}" not in said[0]:
        shop.problem(f"{newest} was there, but: {said[0]}")


def inspect(shop, run):
    for name in shop.checkpoints(run):
        if not shop.whole(run, name):
            shop.problem(f"{run}/{name} is committed, but not whole")


def clean(shop, run):
    """Nothing lies about in a complete run."""
    expected = {".dga", "config.yaml", "lock", "metrics.jsonl", "mixture.json", "checkpoints", "flight"}
    strange = [name for name in os.listdir(f"{shop.path}/{run}") if name not in expected]
    place = f"{shop.path}/{run}/checkpoints"
    strange += [name for name in os.listdir(place) if name != "latest" and name not in shop.checkpoints(run)]
    if strange:
        shop.problem(f"left in {run}: {', '.join(strange)}")


@trial("requeue", "launch/supervise with a kill, a stop or USR1 every few seconds, until each of {count} runs is over; "
       "in full also with one per minute on average for ten minutes",
       "each run completes with the bits of an uninterrupted one", full=10, quick=1, minutes=45)
def requeue(shop, count):
    settings = [*LARGE, "duration=200steps"]
    whole = shop.finish("whole", *settings, ranks=2)
    faults = []
    for number in range(count):
        supervise(shop, f"run-{number}", settings, whole, faults, pause=1, limit=240)
    told = f"{told_of(faults)} over {count} runs"
    if not shop.quick:
        # Every step takes a second, so that ten minutes are not many checkpoints of work.
        settings, faults = [*LARGE, "duration=600steps"], []
        whole = shop.finish("long", *settings, ranks=2)
        supervise(shop, "slow", [*settings, slow(range(1, 601))], whole, faults, pause=120, limit=1800)
        told += f"; {told_of(faults)} in one of ten minutes"
    return told


def slow(steps):
    """Steps that take a second each."""
    entries = (f"{{kind: delay, rank: 1, step: {step}, phase: read, seconds: 1}}" for step in steps)
    return "faults=[" + ", ".join(entries) + "]"


def told_of(faults):
    return ", ".join(f"{faults.count(kind)} {kind}" for kind in ("kills", "stops", "USR1"))


def supervise(shop, run, settings, whole, faults, *, pause, limit):
    """A supervised run with faults, and what comes of it."""
    words = ["train", f"{shop.path}/run.yaml", f"run={shop.path}/{run}", *settings, "watchdog.limit=2seconds"]
    command = [f"{shop.root}/launch/supervise", "--pause", "0", *shop.command(*words, ranks=2)]
    program = shop.start(command, limit=limit)
    disturb(shop, program, run, faults, pause)
    if program.wait().status:
        shop.problem(program.brief())
        return
    shop.compare(shop.record(run), whole, run)
    shop.nobody_left(5)


def disturb(shop, program, run, faults, pause):
    """A fault at random intervals of at most `pause` seconds, each after the run has got a checkpoint further."""
    while program.runs() and program.age() < program.limit:
        before, until = shop.checkpoints(run), program.age() + shop.random.uniform(0, pause)
        if not program.until(lambda: shop.checkpoints(run) != before, "a later checkpoint"):
            return
        if not program.until(lambda: program.age() > until, "the next fault"):
            return
        kind = shop.random.choice(("kills", "stops", "USR1"))
        # A rank that is stopped while it starts is a case of the trial stopped-rank.
        steps = shop.steps(run)
        if kind == "stops" and not program.until(lambda: shop.steps(run) != steps, "a step"):
            return
        jobs = [pid for pid in children(program.pid) if children(pid)]
        ranks = [pid for job in jobs for pid in children(job)
                 if b"OMPI_COMM_WORLD_RANK" in environment_of(pid)]
        if not ranks:
            continue
        which = {"kills": signal.SIGKILL, "stops": signal.SIGSTOP, "USR1": signal.SIGUSR1}[kind]
        program.send(which, jobs[0] if kind == "USR1" else shop.random.choice(ranks))
        faults.append(kind)
