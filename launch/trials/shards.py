"""A corpus in shards on two hosts, of which each sees its own half of the files, joined by 1 Gbit/s."""
import os, shutil, statistics, subprocess
from trials.network import Hosts
from trials.programs import processes
from trials.trial import Skipped, trial

SMALL = ["duration=60steps", "mixture.every=15steps", "evaluation=null", "checkpoint.every=20steps"]
LARGE = ["model.layers=6", "model.heads=6", "model.width=384", "model.context=256", "batch.micro=8", "duration=12steps",
         "mixture.method=uniform", "evaluation=null"]


@trial("shards", "two hosts as network namespaces at 1 Gbit/s, each with its half of a corpus in shards; a small run "
       "with updates, and one of 12 million parameters",
       "the same bits as one host with the whole corpus; each rank has mapped its own shard alone; windows cost less "
       "than 1 % of a step",
       full=1, quick=1, minutes=5)
def shards(shop, count):
    shop.dga("corpus", "build", "recipe.yaml", "-o", "disk", "--shards", "2").expect(0)
    path = shop.path
    os.mkdir(f"{path}/other-disk")
    shutil.move(f"{path}/disk/shard-001", f"{path}/other-disk")
    # Each host has a directory of the same name, and nothing leads to the other's; the second host begins as the first.
    mounts = [f"mount -t tmpfs none {path}/other-disk",
              f"umount {path}/other-disk && mount --bind {path}/other-disk {path}/disk"]
    with Hosts(shop, mounts) as hosts:
        try:
            for port in ("port1", "port2"):
                hosts.limit(port, "1gbit")
        except (subprocess.CalledProcessError, FileNotFoundError):
            raise Skipped("this kernel does not limit the rate of a link")
        corpus = f"corpus={path}/disk"
        whole = shop.finish("whole", *SMALL, ranks=2)
        hosts.train("parted", corpus, settings=SMALL).wait().expect(0)
        shop.compare(shop.record("parted"), whole, "two hosts with a shard each")
        program = hosts.train("large", corpus, settings=LARGE, limit=400)
        program.until(lambda: shop.steps("large") >= 2, "step 2")
        mapped = sorted(mapped_texts(path))
        if mapped != [["shard-000"], ["shard-001"]]:
            shop.problem(f"the ranks have mapped {mapped}")
        program.wait().expect(0)
        whole_large = shop.finish("whole-large", *LARGE, ranks=2, limit=400)
        shop.compare(shop.record("large"), whole_large, "12 million parameters")
        steps = [record["seconds"] for record in shop.metrics_with_times("large") if record["kind"] == "step"]
        share = sum(step["exchange"] for step in steps[1:]) / sum(step["total"] for step in steps[1:])
        if share > 0.01:
            shop.problem(f"windows took {share:.1%} of a step")
        exposed = statistics.median(step["exchange"] for step in steps[1:])
        return (f"same bits; each rank its own shard; exposed in the first step {1000 * steps[0]['exchange']:.1f} ms, "
                f"then {1000 * exposed:.2f} ms (median), {100 * share:.3f} % of the step's time")


def mapped_texts(path):
    """The shards whose text each rank has mapped, rank by rank."""
    for process in processes(path):
        try:
            with open(f"/proc/{process}/maps") as file:
                names = {line.split()[-1] for line in file if line.rstrip().endswith("/train.bin")}
        except OSError:
            continue
        if names:
            yield sorted(name.split("/")[-2] for name in names)
