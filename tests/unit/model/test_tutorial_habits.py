"""What a site file cannot say is noted where what it says makes it likely."""

from __future__ import annotations

from typing import Any

from support.readings import reading_of

from provisioner.model.problems import SiteProblem
from provisioner.model.resolve import resolve_site
from provisioner.model.tutorial_habits import note_habits

OPEN: dict[str, Any] = {
    "networks": {"trusted": ["0.0.0.0/0"], "resolver": ["0.0.0.0/0"]},
    "imap": {"cleartext_login": "true"},
    "allow_insecure": {"open-relay": "lab", "open-resolver": "lab", "cleartext-login": "lab"},
}
PLAIN: dict[str, Any] = {
    "tls": "none",
    **{name: {"cleartext_login": "true"} for name in ("submission", "imap", "pop3")},
}


def notes(**sections: Any) -> tuple[SiteProblem, ...]:  # noqa: ANN401 sections are as YAML gives them
    reading = reading_of(**sections)
    return note_habits(reading, resolve_site(reading))


def test_three_allowances_in_use_bring_the_notes() -> None:
    got = notes(**OPEN)
    assert [one.path for one in got] == [("allow_insecure",)] * 3
    for note, word in zip(got, ("SELinux", "firewall", "587"), strict=True):
        assert word in note.summary
        assert note.got == "open-relay, open-resolver, cleartext-login"
        assert note.want
        assert note.fix


def test_two_in_use_bring_none_whatever_else_is_allowed() -> None:
    sections = {name: value for name, value in OPEN.items() if name != "imap"}
    assert notes(**sections) == ()
    weak = {"weak-hash": "lab", "open-relay": "lab", "open-resolver": "lab"}
    assert notes(**(sections | {"allow_insecure": weak})) == ()


def test_the_ports_are_those_of_the_site() -> None:
    hosts = {
        "ns": {"address": "10.0.0.2", "roles": "dns"},
        "mail": {"address": "10.0.0.3", "roles": ["mx", "submission", "store"]},
    }
    _, firewall, submission = notes(**(OPEN | {"hosts": hosts, "pop3": {"ports": []}}))
    want = "ns: 53 (TCP and UDP); mail: 25, 143, 465, 587, 993, 4190"
    assert firewall.want.endswith(f" {want}")
    assert submission.want.startswith("users send on 587 and 465, which this site opens")


def test_without_tls_no_port_that_begins_with_it_is_named() -> None:
    reasons = dict.fromkeys(("open-relay", "open-resolver", "cleartext-login", "no-tls"), "lab")
    _, firewall, submission = notes(**(OPEN | PLAIN | {"allow_insecure": reasons}))
    assert firewall.want.endswith("mail: 25, 53 (TCP and UDP), 110, 143, 587, 4190")
    assert submission.want.startswith("users send on 587, which")


def test_a_site_with_one_submission_port_names_that_one() -> None:
    (*_, submission) = notes(**(OPEN | {"submission": {"ports": "465"}}))
    assert submission.want.startswith("users send on 465, which")
    assert submission.fix == "set mail clients to port 465, with login"
