"""A report's page, parsed."""

from html.parser import HTMLParser
from pathlib import Path

VOID = {"meta", "link", "source", "img"}


class Page(HTMLParser):
    """A page read: its elements, and of each section the text and the cells of its table's rows."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = {"": ""}
        self.rows: dict[str, list[list[str]]] = {}
        self._open: list[str] = []
        self._section = ""
        self.feed(path.read_text(encoding="utf-8"))
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)
        if tag == "section":
            self._section = dict(attrs)["id"] or ""
            self.text[self._section], self.rows[self._section] = "", []
        if tag == "tr":
            self.rows[self._section].append([])
        if tag in ("td", "th"):
            self.rows[self._section][-1].append("")

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text[self._section] += data
        if {"td", "th"} & set(self._open):
            self.rows[self._section][-1][-1] += data

    def images(self, section: str) -> list[dict[str, str | None]]:
        start = self.elements.index(("section", {"id": section}))
        rest = (place for place, (tag, _) in enumerate(self.elements) if place > start and tag in ("section", "footer"))
        return [attributes for tag, attributes in self.elements[start : next(rest)] if tag == "img"]
