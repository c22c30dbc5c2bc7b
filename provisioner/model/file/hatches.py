"""`postfix`, `dovecot`, `unbound`: the escape hatches into the daemons' own syntax.

Values go to the daemon as they stand, so `$` expands. What is refused is what would
reach beyond the one parameter: control characters, and keys that are no names.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from provisioner.model.file.written import OneOrMany, Written
from provisioner.model.scalars import SafeText, formed

PostfixKey = Annotated[
    str,
    formed(
        r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}", "a Postfix parameter", "a name like message_size_limit"
    ),
]
PostfixService = Annotated[
    str,
    formed(
        r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}(/(inet|unix|fifo|unix-dgram|pass))?",
        "a service of master.cf",
        "a name like smtp or smtp/inet",
    ),
]
DovecotKey = Annotated[
    str,
    formed(
        r"[a-z][a-z0-9_]{0,127}|service/[a-z][a-z0-9-]{0,63}/[a-z][a-z0-9_]{0,63}",
        "a Dovecot setting",
        "a name like mail_max_lock_timeout or service/imap-login/service_count",
    ),
]
UnboundKey = Annotated[
    str, formed(r"[a-z][a-z0-9-]{0,127}", "an Unbound option", "a name like cache-max-ttl")
]


class WrittenPostfix(Written):
    """Parameters in Postfix's own words."""

    main: dict[PostfixKey, SafeText] = Field({}, description="Parameters of main.cf.")
    master: dict[PostfixService, dict[PostfixKey, SafeText]] = Field(
        {}, description="Parameters (-o) of services of master.cf."
    )


WrittenDovecot = dict[Literal["2.3", "2.4"], dict[DovecotKey, SafeText]]


class WrittenUnbound(Written):
    """Options in Unbound's own words."""

    server: dict[UnboundKey, OneOrMany[SafeText]] = Field(
        {}, description="Options of the server clause; an empty text or list removes a default."
    )
