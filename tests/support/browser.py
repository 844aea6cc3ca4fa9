"""The messages and errors of a page in the browser."""

from playwright.sync_api import Page


def listen(page: Page) -> list[str]:
    """Collect the messages in the page's console, and its uncaught errors."""
    messages: list[str] = []
    page.on("console", lambda message: messages.append(message.text))
    page.on("pageerror", lambda error: messages.append(str(error)))
    return messages
