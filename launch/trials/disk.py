"""Disks that fill, cannot be written, or take only a part of what is written."""
import contextlib, os, resource, subprocess
from trials.trial import Skipped, trial


@trial("disk", "a file system that fills in a checkpoint and between two, with metrics, temporary files and log on it; "
       "a read-only one; short writes; a full log; {count} times each",
       "a clear error, or the run goes on; the previous checkpoint is whole; mended, the run goes on to the same bits",
       full=5, quick=1, minutes=15)
def disk(shop, count):
    whole, cases = shop.finish("whole", ranks=2), Cases(shop)
    possible = can_mount(shop)
    for number in range(count):
        if possible:
            for fills in (checkpoint_fills, metrics_fill, everything_fills, becomes_read_only, starts_read_only,
                          corpus_fills):
                cases.make(fills, whole, number)
        for other in (short_writes, full_log, full_output):
            cases.make(other, whole, number)
    word = "" if possible else "; without small file systems, which need the right to mount"
    return f"{cases.good} of {cases.made} cases, {cases.resumed} gone on to the same bits{word}"


class Cases:
    """What has been tried and how much of it went well."""

    def __init__(self, shop):
        self.shop, self.made, self.good, self.resumed = shop, 0, 0, 0

    def make(self, case, whole, number):
        before = len(self.shop.problems)
        self.made += 1
        self.resumed += bool(case(self.shop, whole, number))
        self.good += len(self.shop.problems) == before


def mount(*words):
    return subprocess.run(["mount", *words], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0


@contextlib.contextmanager
def small(shop, kilobytes):
    """A directory with a file system of its own in memory."""
    path = f"{shop.path}/disk"
    os.makedirs(path, exist_ok=True)
    if not mount("-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", path):
        raise Skipped("mounting takes more rights than these")
    try:
        yield path
    finally:
        subprocess.run(["umount", "--lazy", path], check=True)


def can_mount(shop):
    try:
        with small(shop, 4):
            return True
    except Skipped:
        return False


def ends(shop, what, program, statuses, *fragments):
    """Notes a problem unless the program ended with one of these exit codes and a message with these fragments."""
    said = program.error
    if program.status not in statuses or not all(fragment in said for fragment in fragments):
        shop.problem(f"{what}: {program.brief()}")


def kept(shop, what, run, some=True):
    """The checkpoints that are there are whole; there is at least one if asked for."""
    names = shop.checkpoints(run)
    if some and not names or not all(shop.whole(run, name) for name in names):
        shop.problem(f"{what}: checkpoints {names} are not whole")


def goes_on(shop, what, run, whole):
    program = shop.train(run, "--resume", ranks=2).wait()
    if program.status:
        shop.problem(f"{what}, mended: {program.brief()}")
        return False
    return shop.compare(shop.record(run), whole, f"{what}, mended")


def checkpoint_fills(shop, whole, number):
    what = "full in a checkpoint"
    # A checkpoint has 425 kB; the third finds no room beside two others.
    with small(shop, shop.random.randrange(1000, 1300)) as path:
        ends(shop, what, shop.train("disk/run", ranks=2).wait(), (74,), "disk/run/", "space")
        kept(shop, what, "disk/run")
        mount("-o", "remount,size=9000k", path)
        return goes_on(shop, what, "disk/run", whole)


def metrics_fill(shop, whole, number):
    what = "full between checkpoints"
    with small(shop, 40) as path:
        program = shop.train("disk/run", "checkpoint.every=null", ranks=2).wait()
        ends(shop, what, program, (74,), "metrics.jsonl", "space")
        mount("-o", "remount,size=9000k", path)
        return goes_on(shop, what, "disk/run", whole)


def everything_fills(shop, whole, number):
    """Log and temporary files lie on the disk that somebody fills while the run steps."""
    what = "run, log and temporary files on a disk that fills"
    with small(shop, 20000) as path:
        os.makedirs(f"{path}/tmp")
        variables = {"TMPDIR": f"{path}/tmp"}
        slow = "faults=[{kind: delay, step: 35, phase: read, seconds: 2}]"
        program = shop.train("disk/run", slow, error=f"{path}/log", environment=variables, ranks=2)
        program.until(lambda: shop.steps("disk/run") >= 34, "step 34")
        fill(f"{path}/ballast")
        if program.wait().status != 74:
            shop.problem(f"{what}: exit code {program.status}")
        kept(shop, what, "disk/run")
        os.unlink(f"{path}/ballast")
        return goes_on(shop, what, "disk/run", whole)


def fill(path):
    """Writes until there is no room."""
    with contextlib.suppress(OSError), open(path, "wb", buffering=0) as ballast:
        while ballast.write(bytes(4096)):
            pass


def becomes_read_only(shop, whole, number):
    """Files that are open for writing forbid to make all of a disk read-only, so it is the checkpoints' directory."""
    what = "checkpoints read-only in mid-run"
    with small(shop, 9000) as path:
        program = shop.train("disk/run", "faults=[{kind: delay, step: 45, phase: read, seconds: 2}]", ranks=2)
        program.until(lambda: shop.steps("disk/run") >= 44, "step 44")
        place = f"{path}/run/checkpoints"
        if not mount("--bind", place, place) or not mount("-o", "remount,bind,ro", place):
            shop.problem(f"{what}: this mount is refused")
        ends(shop, what, program.wait(), (73, 74), "disk/run/checkpoints", "read")
        subprocess.run(["umount", "--lazy", place], check=True)
        kept(shop, what, "disk/run")
        return goes_on(shop, what, "disk/run", whole)


def starts_read_only(shop, whole, number):
    with small(shop, 9000) as path:
        mount("-o", "remount,ro", path)
        ends(shop, "read-only from the start", shop.train("disk/run", ranks=2).wait(), (73, 74), "disk/run", "ead-only")
        output = shop.dga("corpus", "build", "recipe.yaml", "-o", "disk/corpus")
        ends(shop, "a corpus on a read-only disk", output, (73, 74), "disk/", "ead-only")


def corpus_fills(shop, whole, number):
    with small(shop, shop.random.randrange(4, 250)) as path:
        output = shop.dga("corpus", "build", "recipe.yaml", "-o", "disk/corpus")
        ends(shop, "a corpus on a full disk", output, (74,), "disk/", "space")
        if os.listdir(path):
            shop.problem(f"a corpus on a full disk: {os.listdir(path)} is left")


def short_writes(shop, whole, number):
    """From some step on no file of a rank may get larger than a size that optimizer.safetensors exceeds."""
    what, run = "short writes", f"short-{number}"
    program = shop.train(run, "faults=[{kind: delay, step: 35, phase: read, seconds: 2}]", ranks=2)
    program.until(lambda: shop.steps(run) >= 34, "step 34")
    size = shop.random.randrange(150_000, 280_000)
    for pid in program.ranks().values():
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, size))
    ends(shop, what, program.wait(), (74,), f"{run}/checkpoints/")
    kept(shop, what, run)
    return goes_on(shop, what, run, whole)


def full_log(shop, whole, number):
    """Whoever cannot say anything goes on."""
    for ranks in (0, 2):
        run = f"log-{ranks}-{number}"
        program = shop.train(run, error="/dev/full", ranks=ranks).wait()
        if program.status:
            shop.problem(f"standard error is full, {ranks or 'no'} ranks under mpirun: exit code {program.status}")
        else:
            shop.compare(shop.record(run), whole, "standard error is full")


def full_output(shop, whole, number):
    for ranks in (0, 2):
        program = shop.train(f"output-{ranks}-{number}", output="/dev/full", ranks=ranks).wait()
        # What a rank prints goes through mpirun, which drops it.
        ends(shop, f"standard output is full, {ranks or 'no'} ranks under mpirun", program, (0, 74) if ranks else (74,))
        kept(shop, "standard output is full", f"output-{ranks}-{number}")
