"""What the observing program is asked for, by whom."""

from __future__ import annotations

from dataclasses import replace

from support.generations import GENERATION

from provisioner.facts.host import Introduction
from provisioner.plan.manifest import CERTIFICATE, QUEUE_SHOWN, Look, checkers_of, observation_rows

NOBODY = Introduction(os_release={})


def rows(kind: str, look: Look = Look.COMPARED) -> list[list[str]]:
    generation = replace(GENERATION, mail_root="/srv/vmail")
    lines = observation_rows(generation, NOBODY, look).decode().splitlines()
    return [row.split("\t")[1:] for row in lines if row.split("\t")[0] == kind]


def test_a_plan_asks_for_nothing_of_the_status() -> None:
    assert rows("status") == []
    assert rows("status", Look.SERVICE) == []


def test_the_status_asks_for_no_check_and_no_secret() -> None:
    for kind in ("check", "secret", "sockets"):
        assert rows(kind, Look.STATUS) == []


def test_the_status_asks_for_what_the_hosts_roles_bring() -> None:
    assert rows("status", Look.STATUS) == [
        ["clock"],
        ["units"],
        ["disk", "/srv/vmail"],
        ["queue", str(QUEUE_SHOWN)],
    ]


def test_questions_to_the_services_need_no_checker() -> None:
    assert rows("check", Look.SERVICE) == []
    assert rows("check", Look.CHECKERS | Look.SERVICE) != []


def test_a_proof_by_the_services_asks_for_nothing_to_compare() -> None:
    lines = observation_rows(GENERATION, NOBODY, Look.SERVICE).decode().splitlines()
    kinds = {line.partition("\t")[0] for line in lines}
    assert {"unit", "runs", "certificate", "sockets", "secret"} <= kinds
    assert not kinds & {"package", "file", "account", "group", "recipe", "port"}


def test_the_certificate_is_checked_where_the_host_has_one() -> None:
    assert checkers_of(GENERATION)[-1] == CERTIFICATE
    assert CERTIFICATE not in checkers_of(replace(GENERATION, certificate_path=None))
