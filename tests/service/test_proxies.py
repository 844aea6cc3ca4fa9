"""A prefix in X-Forwarded-Prefix counts if a trusted proxy sent it."""

import pytest

from service.api.proxies import read_networks
from service.app import create_app
from service.errors import SettingsError
from service.settings import Settings


@pytest.mark.parametrize(
    ("proxies", "address", "is_trusted"),
    [
        ("*", "203.0.113.7", True),
        ("*", "2001:db8::7", True),
        ("10.0.0.0/8, ::1", "10.1.2.3", True),
        ("10.0.0.0/8, ::1", "::1", True),
        ("10.0.0.0/8, ::1", "::ffff:10.1.2.3", True),
        ("10.0.0.0/8, ::1", "", True),  # a Unix socket
        ("10.0.0.0/8, ::1", "11.0.0.1", False),
        ("10.0.0.0/8, ::1", "::2", False),
    ],
)
def test_only_trusted_proxies_set_a_prefix(proxies: str, address: str, is_trusted: bool) -> None:
    client = create_app(Settings(trusted_proxies=proxies)).test_client()
    page = client.get("/", headers={"X-Forwarded-Prefix": "/digits"}, environ_overrides={"REMOTE_ADDR": address})
    assert (b'href="/digits/static/page.css"' in page.data) is is_trusted


@pytest.mark.parametrize("proxies", ["proxy", "10.0.0.1/8", "*, 300.0.0.1"])
def test_wrong_addresses_are_rejected(proxies: str) -> None:
    with pytest.raises(SettingsError, match=r"MNIST_TRUSTED_PROXIES is wrong: .* Use addresses and networks"):
        read_networks(Settings(trusted_proxies=proxies))
