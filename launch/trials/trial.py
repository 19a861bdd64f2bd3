"""A trial: what is done to the program, and when that counts as passed."""
import dataclasses, signal, time, traceback

TRIALS = {}


class Failed(Exception):
    """The trial cannot go on."""


class Skipped(Exception):
    """This machine cannot make the trial; says why."""


class OutOfTime(Exception):
    """The trial took longer than its limit."""


@dataclasses.dataclass
class Trial:
    name: str
    done: str
    passes: str
    full: int
    quick: int
    minutes: float
    function: object


@dataclasses.dataclass
class Result:
    trial: Trial
    count: int
    figure: str
    verdict: str
    seconds: float
    problems: list

    def row(self):
        done = self.trial.done.replace("{count}", f"{self.count:,}")
        cells = [self.trial.name, done, self.trial.passes, self.figure, self.verdict, f"{self.seconds:.0f}"]
        return "| " + " | ".join(cells) + " |"


def trial(name, done, passes, *, full, quick, minutes):
    """Registers a function of a workshop and a count, which returns the figure for the table.

    `minutes` is the limit in full; a trial that is not over by then has failed.
    """
    def register(function):
        TRIALS[name] = Trial(name, done, passes, full, quick, minutes, function)
        return function
    return register


def run(trial, quick, make_workshop):
    """Makes a trial in a workshop of its own, of which nothing is left."""
    count = trial.quick if quick else trial.full
    started = time.monotonic()
    verdict, figure, problems = None, "", []

    def ring(*_):
        raise OutOfTime

    signal.signal(signal.SIGALRM, ring)
    with make_workshop(trial.name, quick) as shop:
        signal.setitimer(signal.ITIMER_REAL, 60 * (min(trial.minutes, 6) if quick else trial.minutes))
        try:
            figure = trial.function(shop, count)
        except Skipped as reason:
            verdict, figure = "skipped", str(reason)
        except Failed as reason:
            shop.problem(str(reason))
        except OutOfTime:
            shop.problem("the trial was not over within its time limit")
        except Exception:
            shop.problem("the trial itself failed: " + traceback.format_exc())
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
        problems = shop.problems
    verdict = "failed" if problems else verdict or "passed"
    return Result(trial, count, figure or "", verdict, time.monotonic() - started, problems)
