"""Settings come whole or not at all, and a fault is named without quoting what it is about."""

from __future__ import annotations

import base64

import pytest

from app.config import BadSettings, Settings, load_settings

KEY = base64.b64encode(b"k" * 32).decode()
GOOD = {
    "DATABASE_URL": "postgresql://web:hidden-password@127.0.0.1/vien",
    "SECRET_KEY": "s" * 40,
    "VIEN_KEYS": f"k1:{KEY}",
    "VIEN_BLIND_INDEX_KEY": KEY,
}


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    for name, value in GOOD.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def fault_of(environment: pytest.MonkeyPatch, **changes: str) -> str:
    for name, value in changes.items():
        environment.setenv(name, value)
    with pytest.raises(BadSettings) as caught:
        load_settings()
    return str(caught.value)


def test_four_settings_are_enough_to_start_in_production(environment: pytest.MonkeyPatch) -> None:
    settings = load_settings()
    assert settings.environment == "production"
    assert settings.secure_cookies


def test_every_fault_is_listed_at_once(environment: pytest.MonkeyPatch) -> None:
    environment.delenv("SECRET_KEY")
    explained = fault_of(
        environment,
        DATABASE_URL="mysql://x",
        REDIS_URL="http://x",
        VIEN_KEYS="nonsense",
        VIEN_BLIND_INDEX_KEY="x" * 40,
        BASE_URL="vien.example",
        HOSPITAL_HOST_SUFFIX=".hospitals.example",
        DEFAULT_HOSPITAL="Bệnh Viện",
        PROXY_HOPS="many",
        POOL_SIZE="0",
        SECURE_COOKIES="false",
        LOG_LEVEL="LOUD",
    )
    named = {line.split(":")[0].strip() for line in explained.splitlines()[1:]}
    assert named == {
        "DATABASE_URL", "REDIS_URL", "SECRET_KEY", "VIEN_KEYS", "VIEN_BLIND_INDEX_KEY", "BASE_URL",
        "HOSPITAL_HOST_SUFFIX", "DEFAULT_HOSPITAL", "PROXY_HOPS", "POOL_SIZE", "SECURE_COOKIES", "LOG_LEVEL",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", "mysql://web:hunter2hunter2@x/y"),
        ("REDIS_URL", "http://:hunter2hunter2@x"),
        ("SECRET_KEY", "hunter2hunter2"),
        ("VIEN_KEYS", "hunter2hunter2"),
        ("VIEN_KEYS", "k1:hunter2hunter2"),
        ("VIEN_KEYS", "hunter2hunter2:k1"),
        ("VIEN_KEYS", "hunter2hunter2hunter2hunter2hunter2hunter2==:k1"),
        ("VIEN_BLIND_INDEX_KEY", "hunter2hunter2"),
    ],
)
def test_a_fault_never_quotes_a_secret(environment: pytest.MonkeyPatch, name: str, value: str) -> None:
    explained = fault_of(environment, **{name: value})
    assert name in explained
    assert "hunter2" not in explained


def test_what_fails_keeps_no_trace_of_the_values(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("VIEN_KEYS", "hunter2hunter2")
    with pytest.raises(BadSettings) as caught:
        load_settings()
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_an_empty_variable_counts_as_absent(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("HOSPITAL_HOST_SUFFIX", "")
    environment.setenv("DATABASE_ADMIN_URL", "")
    settings = load_settings()
    assert settings.hospital_host_suffix is None
    assert settings.database_admin_url is None


def test_plain_cookies_are_for_development_only(environment: pytest.MonkeyPatch) -> None:
    assert "SECURE_COOKIES" in fault_of(environment, SECURE_COOKIES="false")
    environment.setenv("ENVIRONMENT", "development")
    assert load_settings().secure_cookies is False


def test_the_short_name_of_postgresql_is_understood(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("DATABASE_URL", "postgres://web@127.0.0.1/vien")
    assert load_settings().database_url == "postgresql://web@127.0.0.1/vien"


def test_settings_do_not_change_afterwards(environment: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="frozen"):
        load_settings().pool_size = 9
