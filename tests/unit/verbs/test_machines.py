"""A machine that is two hosts is found out by its own word, and told once."""

from __future__ import annotations

import pytest
from support.observing import answer_of_this_host
from support.refs import ref

from provisioner.diagnostics import ExitCode, MailprovError
from provisioner.facts.observation import parse_introduction
from provisioner.verbs.machines import Machines
from provisioner.verbs.run import by_key


def refused(machines: Machines) -> MailprovError:
    with pytest.raises(MailprovError) as caught:
        machines.refuse_shared(str)
    return caught.value


def test_a_machine_of_two_sites_is_one_refusal_that_names_both_hosts() -> None:
    machines = Machines()
    machines.note(ref("mail", "one.example"), "boot 1")
    machines.note(ref("other", "one.example"), "boot 2")
    machines.note(ref("mail", "two.example"), "boot 1")
    error = refused(machines)
    assert error.exit_code is ExitCode.REFUSED
    (told,) = error.diagnostics
    assert "two sites" in told.summary
    assert told.where == "two.example/mail"
    assert told.got == "the same machine as one.example/mail"
    assert told.want
    assert told.fix


def test_a_machine_that_is_two_hosts_of_one_site_is_refused_by_their_keys() -> None:
    machines = Machines()
    machines.note(ref("ns"), "boot 1")
    machines.note(ref("mail"), "boot 1")
    with pytest.raises(MailprovError, match="ns: one machine belongs to the site twice"):
        machines.refuse_shared(by_key)


def test_hosts_that_cannot_tell_are_not_taken_for_one_another() -> None:
    machines = Machines()
    for key in ("ns", "mail"):
        machines.note(ref(key), "")
    machines.note(ref("mx"), "boot 1")
    machines.note(ref("mx"), "boot 1")
    machines.refuse_shared(str)


def test_a_real_system_tells_the_same_each_time() -> None:
    told = [parse_introduction(answer_of_this_host()).machine for _ in range(2)]
    assert told[0] == told[1] != ""
