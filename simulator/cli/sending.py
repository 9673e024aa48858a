"""What a script may include that is sent to a running simulator."""

from __future__ import annotations

from pathlib import Path

from simulator.cli.failures import CommandFailed
from simulator.scenario import library
from simulator.scenario.includes import FileIncludes, Source


class LibraryFiles(FileIncludes):
    """Finds includes as the story would, and refuses those that the server would not find."""

    def __init__(self, story: str) -> None:
        """`story` is what the error calls the script."""
        self._story = story

    def find(self, name: str, including: str) -> Source:
        """The library's file; raises CommandFailed for any other, IncludeError for none."""
        source = super().find(name, including)
        known = library.file(Path(source.file).name)
        if known is None or self.identify(str(known)) != source.identity:
            raise CommandFailed(
                f"{self._story} includes {name}, and a server takes library includes only: put "
                "what it has into the script, or play it without --server"
            )
        return source
