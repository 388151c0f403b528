"""Typed settings from the environment; start-up fails with the full list of what is wrong."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from app.core.addresses import spread_hosts
from app.core.crypto import Keyring, decode_key

HOSPITAL_CODE = re.compile(r"[a-z][a-z0-9-]{1,38}[a-z0-9]\Z")
HOST = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?", re.IGNORECASE)


class BadSettings(Exception):
    """The environment is not fit to start with; the message lists every fault."""


class GatewaySettings(BaseModel):
    """A request to an SMS gateway: braces name what is put in; the id of what was accepted is found by a path."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str = Field(max_length=500)
    method: Literal["POST", "PUT", "GET"] = "POST"
    headers: dict[str, str] = {}
    body: str = Field(default='{"to": "{to}", "text": "{text}"}', max_length=4000)
    kind: Literal["json", "form"] = "json"
    id_path: str = Field(default="id", max_length=200, description="where the id is in the answer, such as data.0.id")
    ok_path: str = Field(default="", max_length=200, description="where the answer says whether it was accepted")
    ok_value: str = Field(default="", max_length=100, description="what it says there when it was")
    cost: int = Field(default=0, ge=0, le=1_000_000, description="of one segment, in đồng")


class Settings(BaseSettings):
    """Everything that differs between installations. Names are those of the environment variables."""

    model_config = SettingsConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True, env_ignore_empty=True)

    environment: Literal["production", "development", "test"] = "production"
    database_url: str = Field(description="central database, application role")
    database_admin_url: str | None = Field(
        default=None,
        description="a role that may create databases and roles; for workers and commands, never for web",
    )
    database_listen_url: str | None = Field(
        default=None, description="central database past a transaction pooler, for LISTEN; DATABASE_URL when absent"
    )
    cluster_admin_urls: dict[str, str] = Field(
        default={}, description="administrative addresses of further database servers by name, as JSON"
    )
    redis_url: str = "redis://127.0.0.1:6379/0"
    secret_key: str = Field(min_length=32, description="signs cookies and jobs")
    vien_keys: str = Field(description="encryption keys `id:base64,…`, the active one first")
    backup_url: str | None = Field(default=None, description="file:///folder or s3://bucket/prefix?endpoint=&region=")
    backup_keys: str | None = Field(default=None, description="keys of backups, like vien_keys; never for web")
    files_url: str | None = Field(default=None, description="where hospitals' files are, like backup_url")
    vien_blind_index_key: str = Field(description="key of the blind patient index, base64")
    var_dir: Path = Path("var")

    base_url: str = "http://127.0.0.1:8000"
    hospital_host_suffix: str | None = Field(default=None, description="hospitals live at <code>.<suffix>")
    default_hospital: str | None = None
    proxy_hops: int = Field(default=0, ge=0, le=5)
    secure_cookies: bool = True

    engine_cache_size: int = Field(default=32, ge=1)
    connection_budget: int = Field(
        default=20, ge=6, description="connections to PostgreSQL that a process may have open, all databases together"
    )
    pool_size: int = Field(default=2, ge=1, description="connections to one database that are kept while idle")
    pool_overflow: int = Field(default=6, ge=0, description="further ones to one database under load")
    pool_timeout_seconds: float = Field(default=5, gt=0)
    connect_timeout_seconds: int = Field(default=3, ge=1)
    relay_threads: int = Field(default=8, ge=1, le=32, description="hospitals that one relay visits at the same time")
    relay_looks_seconds: float = Field(
        default=5, ge=0.5, description="how often a relay looks into every hospital, whether it rang or not"
    )
    replica_lag_seconds: float = Field(
        default=30, ge=0, description="how far behind its primary a read replica may be to be read from"
    )
    registry_seconds: float = Field(default=5, ge=0)
    retired_login_seconds: float = Field(
        default=3600, ge=0, description="how long a database role that was replaced stays valid"
    )
    move_by_dump_below_mb: int = Field(
        default=2000, ge=0, description="databases smaller than this are moved by dump, larger ones by replication"
    )
    retired_days: int = Field(default=7, ge=1, description="how long a database that was exchanged is kept")

    live_port: int | None = Field(
        default=None, ge=1, le=65535, description="another port of the same host on which pages find event streams"
    )
    stream_limit: int = Field(default=1000, ge=1, description="event streams that a process holds")
    stream_check_seconds: float = Field(
        default=30, gt=0, description="how often it is asked again whether who holds a stream may have it"
    )
    streams_per_person: int = Field(default=8, ge=1, description="of these, how many one person may have")

    metrics_token: str | None = Field(
        default=None, min_length=16, description="bearer token for /metrics; without it, only from this machine"
    )

    delete_grace_days: int = Field(default=30, ge=0, description="between asking for a deletion and doing it")
    deleted_backup_days: int = Field(
        default=90, ge=0, description="how long the last backup of a deleted hospital is kept"
    )
    exit_kit_days: int = Field(default=7, ge=1, description="how long an exit kit can be downloaded")
    vien_signing_key: str | None = Field(
        default=None, description="signs certificates (Ed25519), base64; derived from the blind index key when absent"
    )
    support_contact: str | None = Field(
        default=None, description="whom people of a suspended or archived hospital reach: a telephone number or e-mail"
    )
    mail_url: str | None = Field(default=None, description="smtp://user:password@host:port; console when absent")
    mail_from: str = "Vien <no-reply@vien.example>"

    sms_gateway: GatewaySettings | None = Field(
        default=None,
        description="the request to the SMS gateway that hospitals use who have none of their own, as JSON",
    )
    sms_gateway_credential: str | None = Field(default=None, description="what {credential} stands for in that request")
    sms_hook_secret: str | None = Field(
        default=None,
        min_length=16,
        description="from it the secret is made by which each hospital's reports are signed",
    )
    vapid_key: str | None = Field(
        default=None, description="signs web push (P-256), base64; derived from the blind index key when absent"
    )
    vapid_subject: str = Field(default="mailto:no-reply@vien.example", description="whom push services may write to")
    private_gateways: bool = Field(
        default=False, description="let messages go to gateways in private networks; for development only"
    )

    job_attempts: int = Field(default=3, ge=1, description="times a job is begun before it becomes a dead letter")
    job_lease_seconds: float = Field(
        default=20, ge=1, le=60, description="how long a job belongs to a worker that is not heard of"
    )
    jobs_at_once: int = Field(
        default=2, ge=1, description="jobs of one hospital that run at the same time, if that leaves a worker free"
    )
    job_weights: dict[str, float] = Field(
        default={}, description="how often a hospital is next in queues, by its plan, as JSON"
    )

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_format: Literal["json", "text"] = "json"

    @field_validator("database_url", "database_admin_url", "database_listen_url")
    @classmethod
    def _postgres(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith(("postgresql://", "postgres://", "postgresql+psycopg://")):
            raise ValueError("must begin with postgresql://")
        return value and spread_hosts(value.replace("postgres://", "postgresql://", 1))

    @field_validator("redis_url")
    @classmethod
    def _redis(cls, value: str) -> str:
        if not value.startswith(("redis://", "rediss://", "unix://")):
            raise ValueError("must begin with redis://, rediss:// or unix://")
        return value

    @field_validator("vien_keys", "backup_keys")
    @classmethod
    def _keys(cls, value: str | None) -> str | None:
        if value is not None:
            Keyring.parse(value)
        return value

    @field_validator("backup_url", "files_url")
    @classmethod
    def _store(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith(("file:///", "s3://")):
            raise ValueError("must begin with file:/// or s3://")
        return value

    @property
    def backup_address(self) -> str:
        """Where backups are: what was set, or a folder below VAR_DIR."""
        return self.backup_url or (self.var_dir.resolve() / "backups").as_uri()

    @property
    def files_address(self) -> str:
        """Where hospitals' files are: what was set, or a folder below VAR_DIR."""
        return self.files_url or (self.var_dir.resolve() / "files").as_uri()

    @field_validator("vien_blind_index_key", "vien_signing_key", "vapid_key")
    @classmethod
    def _blind_index_key(cls, value: str | None) -> str | None:
        if value is not None:
            decode_key(value, "the key")
        return value

    @field_validator("base_url")
    @classmethod
    def _web_address(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("must be an address such as https://vien.example")
        return value

    @field_validator("hospital_host_suffix")
    @classmethod
    def _suffix(cls, value: str | None) -> str | None:
        if value is not None and not HOST.fullmatch(value):
            raise ValueError("must be a domain such as hospitals.example, without a leading dot")
        return value

    @field_validator("default_hospital")
    @classmethod
    def _code(cls, value: str | None) -> str | None:
        if value is not None and not HOSPITAL_CODE.fullmatch(value):
            raise ValueError("must be a hospital's code")
        return value

    @field_validator("secure_cookies")
    @classmethod
    def _careful_in_production(cls, value: bool, info: ValidationInfo) -> bool:
        if info.data.get("environment") == "production" and not value:
            raise ValueError("may be off outside production only")
        return value

    @field_validator("private_gateways")
    @classmethod
    def _public_in_production(cls, value: bool, info: ValidationInfo) -> bool:
        if info.data.get("environment") == "production" and value:
            raise ValueError("may be on outside production only")
        return value


def load_settings() -> Settings:
    """Read the settings from the environment; raises BadSettings with every fault at once."""
    try:
        return Settings()  # type: ignore[call-arg]
    except ValidationError as error:
        raise BadSettings(_explain(error)) from None


def _explain(error: ValidationError) -> str:
    lines = ["The settings are not complete. Please correct these environment variables:"]
    for fault in error.errors():
        name = "_".join(str(part) for part in fault["loc"]).upper() or "settings"
        lines.append(f"  {name}: {fault['msg'].removeprefix('Value error, ')}")
    return "\n".join(lines)
