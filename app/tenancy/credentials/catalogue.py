"""What the servers' catalogues say about who may do what: every role against every database, in one query a server."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import psycopg

from app.tenancy.credentials.findings import Finding
from app.tenancy.credentials.places import CENTRE, Server

PUBLIC = """
SELECT d.datname FROM pg_database d, aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a
WHERE d.datallowconn AND a.grantee = 0 AND a.privilege_type IN ('CONNECT', 'CREATE', 'TEMPORARY')
GROUP BY d.datname
"""
# Whoever administers a server may do everything anyway: superusers, and who owns or may become the owner of a database.
PAIRS = """
SELECT r.rolname, d.datname FROM pg_roles r CROSS JOIN pg_database d
WHERE r.rolcanlogin AND NOT r.rolsuper AND d.datallowconn AND r.rolname <> current_user
    AND NOT d.datname = ANY (%(public)s) AND (r.rolname = ANY (%(roles)s)
        OR (d.datname = ANY (%(databases)s) AND NOT pg_has_role(r.oid, d.datdba, 'MEMBER')))
    AND has_database_privilege(r.oid, d.oid, 'CONNECT')
"""
CREATORS = """
SELECT r.rolname, d.datname FROM pg_roles r CROSS JOIN pg_database d
WHERE r.rolname = ANY (%(roles)s) AND NOT r.rolsuper AND d.datallowconn AND NOT d.datname = ANY (%(public)s)
    AND has_database_privilege(r.oid, d.oid, 'CREATE, TEMP')
"""
MEMBERS = """
SELECT r.rolname, g.rolname FROM pg_roles r JOIN pg_roles g ON g.oid <> r.oid AND pg_has_role(r.oid, g.oid, 'MEMBER')
WHERE r.rolname = ANY (%(roles)s) AND NOT r.rolsuper AND NOT g.rolname = ANY (%(groups)s)
"""
ATTRIBUTES = """
SELECT rolname, rolsuper, rolcreatedb, rolcreaterole, rolreplication, rolbypassrls, rolconnlimit
FROM pg_roles WHERE rolname = ANY (%(roles)s) OR rolname = ANY (%(groups)s)
"""
RIGHTS = ("SUPERUSER", "CREATEDB", "CREATEROLE", "REPLICATION", "BYPASSRLS")
EVERYBODY = "PUBLIC"
GROUPS = ("vien_app", "vien_patient", "vien_central_app")
MADE_BY_MIGRATIONS = (
    "vien_make_log_partitions",
    "vien_claim_database",
    "vien_seal_log",
    "vien_continue_logs",
    "vien_retire_log_month",
    "vien_erase_patient",
    "vien_purge_expired",
    "vien_refuse_for_erased",
    "vien_refuse_held_slot",
    "vien_refuse_taken_slot",
    "vien_erase_reminding",
    "vien_join_patient",
    "vien_part_patient",
    "vien_refuse_for_deceased",
    "vien_erase_relations",
    "vien_erase_joined",
    "vien_refuse_for_closed",
    "vien_erase_patients_lab",
    "vien_purge_visits_lab",
    "vien_refresh_report",
    "vien_erase_problems",
    "vien_purge_problems",
    "vien_erase_documents",
)
INSIDE = """
SELECT 'schema', n.nspname, g.name FROM pg_namespace n CROSS JOIN unnest(%(grantees)s::text[]) g(name)
    WHERE n.nspname NOT LIKE 'pg\\_%%' AND n.nspname <> 'information_schema'
        AND has_schema_privilege(g.name, n.oid, 'CREATE')
UNION ALL
SELECT 'default_privileges', d.defaclobjtype::text, coalesce(nullif(a.grantee, 0)::regrole::text, 'PUBLIC')
    FROM pg_default_acl d, aclexplode(d.defaclacl) a
    WHERE a.grantee = 0 OR a.grantee::regrole::text LIKE 'vh\\_%%'
UNION ALL
SELECT 'table', c.oid::regclass::text, coalesce(nullif(a.grantee, 0)::regrole::text, 'PUBLIC')
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace, aclexplode(c.relacl) a
    WHERE n.nspname NOT LIKE 'pg\\_%%' AND n.nspname <> 'information_schema'
        AND (a.grantee = 0 OR a.grantee::regrole::text LIKE 'vh\\_%%')
UNION ALL
SELECT 'definer', p.oid::regprocedure::text, '' FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
    WHERE p.prosecdef AND n.nspname NOT LIKE 'pg\\_%%' AND n.nspname <> 'information_schema'
        AND NOT p.proname = ANY (%(definers)s)
UNION ALL
SELECT 'extension', extname, '' FROM pg_extension WHERE extname IN ('dblink', 'postgres_fdw', 'file_fdw', 'adminpack')
"""


def check_server(server: Server) -> list[Finding]:
    """Hold every pair of role and database, every membership and every right against what should be."""
    values = {"roles": list(server.logins), "databases": list(server.databases), "groups": list(GROUPS)}
    with server.cluster.connect() as connection:
        values["public"] = [row[0] for row in connection.execute(PUBLIC).fetchall()]
        pairs = connection.execute(PAIRS, values).fetchall()
        creators = connection.execute(CREATORS, values).fetchall()
        members = connection.execute(MEMBERS, values).fetchall()
        attributes = connection.execute(ATTRIBUTES, values).fetchall()
    return [
        *(Finding("connect", server.name, EVERYBODY, server.label(database)) for database in values["public"]),
        *(
            Finding("connect", server.name, _whose(server, role), server.label(database))
            for role, database in pairs
            if (role, database) not in server.allowed
        ),
        *(Finding("create", server.name, _whose(server, role), server.label(name)) for role, name in creators),
        *(Finding("member", server.name, _whose(server, role), _whose(server, group)) for role, group in members),
        *_judge_roles(server, attributes),
    ]


def check_inside(server: Server, database: str) -> list[Finding]:
    """Look for what is open inside one database: schemas, default privileges, tables, functions, extensions."""
    whose = server.label(database)
    central = whose == CENTRE
    grantees = ["public", "vien_central_app" if central else "vien_app"]
    try:
        with server.cluster.connect(database) as connection:
            rows = connection.execute(INSIDE, {"grantees": grantees, "definers": list(MADE_BY_MIGRATIONS)}).fetchall()
    except psycopg.Error as error:
        return [Finding("unreached", server.name, whose, type(error).__name__)]
    return [_inside(server, whose, *row) for row in rows]


def _inside(server: Server, whose: str, kind: str, what: str, grantee: str) -> Finding:
    if kind == "schema":
        return Finding(kind, server.name, grantee, f"{whose}: {what}")
    return Finding(kind, server.name, whose, f"{what} ({_whose(server, grantee)})" if grantee else what)


def _judge_roles(server: Server, rows: Iterable[tuple[Any, ...]]) -> list[Finding]:
    found, seen = [], set()
    for role, *rights, limit in rows:
        seen.add(role)
        whose = _whose(server, role)
        found += [
            Finding("attribute", server.name, whose, name) for name, has in zip(RIGHTS, rights, strict=True) if has
        ]
        if limit < 0 and role.startswith("vh_"):
            found.append(Finding("no_limit", server.name, whose, ""))
    missing = set(server.logins) - seen
    return found + [Finding("no_role", server.name, _whose(server, role), "") for role in sorted(missing)]


def _whose(server: Server, role: str) -> str:
    """Name a role: the hospital's code where it is a hospital's."""
    login = server.logins.get(role)
    return login.code if login else role
