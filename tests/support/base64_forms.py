"""How clients write base64."""

import re
from collections.abc import Callable
from urllib.parse import quote

# In the order in which several are applied.
WRITINGS: dict[str, Callable[[str], str]] = {
    "url_safe": lambda text: text.replace("+", "-").replace("/", "_"),
    "without_padding": lambda text: text.rstrip("="),
    "in_lines": lambda text: re.sub(r"(.{76})", r"\1\r\n", text),
    "percent_encoded": lambda text: quote(text, safe=""),
    "as_a_data_url": lambda text: f"data:image/png; Base64,{text}",
    "after_a_blank": lambda text: f" \t{text}",
    "before_a_newline": lambda text: f"{text}\n",
}
