"""Did you mean: the nearest of some known words."""

from __future__ import annotations

from collections.abc import Iterable


def closest(word: str, known: Iterable[str], *, edits: int | None = None) -> str | None:
    """The known word that `word` is most likely meant to be, or None.

    Words that differ only in case, underscores, dashes or dots are the same. Otherwise at most
    `edits` letters may be added, left out, replaced or swapped; by default a quarter of the length
    of the longer word, and no more than three.
    """
    from rapidfuzz.distance import OSA  # 25 ms to import, and only mistakes need it

    plain = _plain(word)
    best: str | None = None
    best_distance = 0
    for candidate in sorted(known):
        if candidate == word:
            continue
        other = _plain(candidate)
        if plain == other:
            return candidate
        longer = max(len(plain), len(other))
        limit = min(3, longer // 4) if edits is None else min(edits, longer // 4)
        distance = OSA.distance(plain, other, score_cutoff=limit)
        if distance <= limit and (best is None or distance < best_distance):
            best, best_distance = candidate, distance
    return best


def did_you_mean(suggestion: str | None) -> str:
    """The end of an error text: `; did you mean x?`, or nothing."""
    return f"; did you mean {suggestion}?" if suggestion else ""


def _plain(word: str) -> str:
    return word.replace("_", "").replace("-", "").replace(".", "").casefold()
