"""Every file of rules, imported in one place: importing this module registers them all."""

from __future__ import annotations

from compliance import registry

__all__ = ["registry"]
