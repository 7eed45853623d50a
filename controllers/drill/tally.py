"""What a campaign has come to, over all of its runs: counted while faults come, kept in a file between them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from controllers.drill.observation import Observer
from controllers.errors import SettingsError
from controllers.monitor import recovery


class Tally(BaseModel):
    """A campaign's figures. Seconds are of watching: the time between two runs does not count."""

    model_config = ConfigDict(extra="forbid", validate_assignment=True)

    seed: int = 1
    number: int = 0
    """Of the next fault; with the seed it chooses what is broken, so that a run goes on as if there had been one."""
    faults: Counter[str] = Counter()
    late: list[str] = []
    problems: list[str] = []
    missing: int = 0
    """Tasks that were neither done nor left, at the worst heartbeat."""
    damaged: int = 0
    """Objects that were acknowledged and are gone or changed: of the training's text, or the last checkpoint."""
    checkpoint: int = 0
    """The step of the last checkpoint that was seen; a later one may never be of an earlier step."""
    worked: float = 0.0
    """Seconds, times the share of the workers that were at work."""
    watched: float = 0.0
    steps_redone: int = 0
    seconds_redone: float = 0.0
    seconds_waited: float = 0.0
    """Of all workers at once, for a parameter server."""
    requests: int = 0
    requests_failed: int = 0
    """Of the business's own users and of other businesses' together."""
    trained: dict[str, int] = {}
    """Tasks done, by the master's uid."""
    made: dict[str, int] = {}
    """Tasks of an epoch, by the master's uid."""

    def see(self, observer: Observer, seconds: float) -> None:
        """A look at the job, which stood for so long."""
        self.watched += seconds
        self.worked += seconds * recovery.share_at_work(observer.world, observer.settings)
        beat = observer.world.master
        if beat is None:
            return
        progress = beat.progress
        known = progress.trained + progress.left
        an_epoch = self.made.setdefault(beat.uid, known // (progress.epoch + 1))
        self.missing = max(self.missing, (progress.epoch + 1) * an_epoch - known)
        self.trained[beat.uid] = max(self.trained.get(beat.uid, 0), progress.trained)

    @property
    def goodput(self) -> float:
        """The share of the workers at work, over time, less waiting and the time to do again what a restart undid."""
        return max(0.0, self.worked - self.seconds_redone - self.seconds_waited) / max(self.watched, 1e-9)

    @property
    def kept_all(self) -> bool:
        """Whether no task and no acknowledged object was lost, and every fault was recovered from."""
        return not (self.missing or self.damaged or self.problems)

    def text(self) -> str:
        """Markdown."""
        kinds = ", ".join(f"{count} {name}" for name, count in self.faults.most_common())
        heads = "faults | tasks lost | objects lost | tasks done | steps redone | goodput | requests failed | minutes"
        cells = (
            f"{self.faults.total()} ({kinds}) | {self.missing or 'none'} | {self.damaged or 'none'} | "
            f"{sum(self.trained.values()):,} | {self.steps_redone:,} | {self.goodput:.1%} | "
            f"{self.requests_failed:,} of {self.requests:,} | {self.watched / 60:.1f}"
        )
        lines = [f"| {heads} |", "|---" * (heads.count("|") + 1) + "|", f"| {cells} |"]
        lines += [f"- over its objective: {entry}" for entry in self.late]
        return "\n".join([*lines, *(f"- {problem}" for problem in self.problems)])

    def write(self, path: Path) -> None:
        """The whole of it or nothing, whatever happens meanwhile."""
        partial = path.with_name(f"{path.name}.partial")
        partial.write_text(self.model_dump_json(indent=1), encoding="utf-8")
        partial.replace(path)


def read_tally(path: Path | None, seed: int) -> Tally:
    """The tally that an earlier run left in a file; a new one where there is none. Raises SettingsError."""
    if path is None or not path.exists():
        return Tally(seed=seed)
    try:
        found = Tally.model_validate_json(path.read_text(encoding="utf-8"))
    except ValidationError as error:
        raise SettingsError(f"{path} holds no campaign: {error.errors()[0]['msg']}; name another file") from error
    if found.seed != seed:
        raise SettingsError(f"{path} is a campaign of --seed {found.seed}, not {seed}; give that one, or another file")
    return found
