"""The hospital's own access rules and account policy; the columns are those of the centre."""

from __future__ import annotations

from app.core.db import Edited, HospitalModel, Identified, Versioned
from app.tenancy.models.gateway import (
    GatewayRuleColumns,
    IpAccessRuleColumns,
    SecurityConfigColumns,
    address_constraints,
    config_constraints,
    rule_constraints,
)


class HospitalGatewayRule(Identified, Edited, Versioned, GatewayRuleColumns, HospitalModel):
    """What the hospital says of one of its portals, or of both."""

    __tablename__ = "gateway_rules"
    __table_args__ = rule_constraints()


class HospitalIpAccessRule(Identified, Edited, Versioned, IpAccessRuleColumns, HospitalModel):
    """An address or network that the hospital lets in or refuses."""

    __tablename__ = "ip_access_rules"
    __table_args__ = address_constraints()


class HospitalSecurityConfig(Identified, Edited, Versioned, SecurityConfigColumns, HospitalModel):
    """The hospital's account policy: what it asks for beyond the platform's."""

    __tablename__ = "security_configs"
    __table_args__ = config_constraints()
