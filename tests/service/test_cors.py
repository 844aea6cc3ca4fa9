"""Pages of the allowed origins may use the service, and no others."""

import pytest

from service.api.cors import read_origins
from service.app import create_app
from service.errors import SettingsError
from service.settings import Settings


@pytest.mark.parametrize(
    ("setting", "origin", "is_allowed"),
    [
        ("", "https://page.example", False),
        ("https://page.example", "https://page.example", True),
        ("https://a.example, https://page.example ,", "https://page.example", True),
        ("http://[::1]:80", "http://[::1]:80", True),
        ("http://[::1]:80", "http://::80", False),  # [::1] is no character class
        ("https://page.example", "https://page.example.evil", False),
        ("https://page.example", "https://pageXexample", False),
    ],
)
def test_an_origin_is_allowed_exactly(setting: str, origin: str, is_allowed: bool) -> None:
    answer = create_app(Settings(cors_origins=setting)).test_client().get("/livez", headers={"Origin": origin})
    assert answer.headers.get("Access-Control-Allow-Origin") == (origin if is_allowed else None)


def test_a_star_allows_any_origin() -> None:
    client = create_app(Settings(cors_origins="*")).test_client()
    answer = client.get("/livez", headers={"Origin": "https://any.example"})
    assert answer.headers["Access-Control-Allow-Origin"] in ("*", "https://any.example")
    assert "Access-Control-Allow-Credentials" not in answer.headers


@pytest.mark.parametrize(
    "origin", ["page.example", "https://", "https://*.page.example", "https://page.example/path", "https://a b", "null"]
)
def test_other_text_is_rejected(origin: str) -> None:
    with pytest.raises(SettingsError, match=r"use \* or an origin"):
        read_origins(Settings(cors_origins=f"https://page.example,{origin}"))
