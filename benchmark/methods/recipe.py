"""The option of networks that can be trained by the benchmark's recipe or by a published one."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Options:
    """recipe: shared (the benchmark's loss and optimizer) or published (those of the publication)."""

    recipe: str = "shared"

    def __post_init__(self) -> None:
        check_recipe(self.recipe)


def check_recipe(recipe: str) -> None:
    """Raise ValueError for any other recipe."""
    if recipe not in ("shared", "published"):
        raise ValueError(f"recipe is {recipe!r}; expected 'shared' or 'published'")
