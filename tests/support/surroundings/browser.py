"""A real Chromium for the project's pages, driven by Playwright."""

from __future__ import annotations

import base64
import io
import shutil
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Browser as Chromium
from playwright.sync_api import Page

PROGRAM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
#: Nothing may use the network, not even the browser itself.
OPTIONS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
]


class Tab:
    """One page at a time, with its console messages, exceptions and requests."""

    def __init__(self, chromium: Chromium) -> None:
        self._chromium = chromium
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self._page: Page | None = None

    @property
    def page(self) -> Page:
        assert self._page is not None, "no page is open"
        return self._page

    def open(self, path: Path, width: int, *, dark: bool = False) -> None:
        """Load a file in a new window of this width."""
        self.close()
        self.complaints, self.requests = [], []
        self._page = self._chromium.new_page(
            viewport={"width": width, "height": 900}, color_scheme="dark" if dark else "light"
        )
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(path.as_uri())

    def evaluate(self, expression: str) -> Any:
        """Return the value of a JavaScript expression in the page."""
        return self.page.evaluate(f"() => ({expression.strip().rstrip(';')})")

    def press(self, key: str) -> None:
        self.page.keyboard.press(key)

    def point_at(self, selector: str, across: float) -> None:
        """Move the mouse over an element, at this share of its width."""
        element = self.page.locator(selector)
        element.scroll_into_view_if_needed()
        box = element.bounding_box()
        assert box is not None, selector
        self.page.mouse.move(box["x"] + across * box["width"], box["y"] + box["height"] / 2)

    def texts(self, selector: str) -> list[str]:
        """Return the text of every element that the selector finds."""
        return [text.strip() for text in self.page.locator(selector).all_text_contents()]

    def screenshot(self) -> Image.Image:
        """Return an image of the complete page."""
        return Image.open(io.BytesIO(self.page.screenshot(full_page=True)))

    def accessibility(self) -> list[dict[str, Any]]:
        """Return all nodes visible to assistive technology, with role and name."""
        session = self.page.context.new_cdp_session(self.page)
        session.send("Accessibility.enable")
        nodes = session.send("Accessibility.getFullAXTree")["nodes"]
        return [node for node in nodes if not node["ignored"]]

    def pdf(self) -> bytes:
        session = self.page.context.new_cdp_session(self.page)
        return base64.b64decode(session.send("Page.printToPDF", {"printBackground": False})["data"])

    def close(self) -> None:
        if self._page is not None:
            self._page.close()
            self._page = None
