"""Progress bars of jobs. Their state also goes to the log file of the rule, which says how far it is while it runs."""

import logging
import time
from typing import Any

from tqdm import tqdm

EVERY_S = 30.0
log = logging.getLogger(__name__)


class Bar(tqdm):  # type: ignore[type-arg]  # its own class cannot be given a type of items when it runs
    """A bar of tqdm. Every half minute, and when it closes, a line of the same goes to the log, not to the screen."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self._logged_s = time.monotonic()
        super().__init__(*arguments, **options)

    def display(self, *arguments: Any, **options: Any) -> Any:
        """Show the bar, and log it if that is due."""
        if time.monotonic() - self._logged_s >= EVERY_S:
            self._log()
        return super().display(*arguments, **options)

    def close(self) -> None:
        """Close the bar; its last state is logged."""
        if not self.disable:
            self._log()
        super().close()

    def _log(self) -> None:
        self._logged_s = time.monotonic()
        now = self.format_dict
        amount = f"{now['n']:d}" if now["total"] is None else f"{now['n']:d} of {now['total']:d}"
        words = [f"{now['unit']} {amount}", self.format_interval(now["elapsed"]), now["postfix"]]
        log.debug("%s: %s", now["prefix"].removesuffix(": "), ", ".join(filter(None, words)))
