"""The escape hatch into main.cf and master.cf replaces what mailprov itself sets."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pytest
from unit.render.sites import ONE_HOST, artifacts_of, site_of

from provisioner.daemons.postfix.options import (
    MainCf,
    MasterCf,
    without_absent,
)
from provisioner.daemons.postfix.quoting import TEMPLATES
from provisioner.daemons.postfix.services import MX_SERVICE, WORKINGS, canonical_service
from provisioner.model.site import PostfixExtra
from provisioner.render.environment import template_folder
from provisioner.render.settings import Recorder, Rendered

_MAIN = """\
# head

mynetworks =
    127.0.0.0/8
    [::1]/128
# why
biff = no
"""
_MASTER = """\
25         inet  n       -       y       -       -       smtpd
587        inet  n       -       y       -       -       smtpd
    -o syslog_name=postfix/submission
    -o smtpd_helo_restrictions=
# comment
smtp       unix  -       -       y       -       -       smtp
"""
# The templates that print these.
_MAIN_TEMPLATE = """\
# head

{% call setting("mynetworks") %}
    127.0.0.0/8
    [::1]/128
{% endcall %}
# why
{{ setting("biff", "no") }}
"""
_MASTER_TEMPLATE = """\
{% call service() %}25         inet  n       -       y       -       -       smtpd{% endcall %}
{% call service() %}
587        inet  n       -       y       -       -       smtpd
    {{ option("syslog_name", "postfix/submission") }}
    {{ option("smtpd_helo_restrictions", "") }}
{% endcall %}
# comment
{% call service() %}smtp       unix  -       -       y       -       -       smtp{% endcall %}
"""
_TEMPLATES = {_MAIN: _MAIN_TEMPLATE, _MASTER: _MASTER_TEMPLATE}


def rendered(template: str, recorder: Recorder) -> Rendered:
    made = TEMPLATES.environment.from_string(template)
    return recorder.rendered(made.render(recorder.words()))


def with_main_options(text: str, options: Mapping[str, str]) -> str:
    return rendered(_TEMPLATES[text], MainCf(options)).text.decode()


def with_master_options(text: str, services: Mapping[str, Mapping[str, str]]) -> str:
    return rendered(_TEMPLATES[text], MasterCf(services)).text.decode()


def test_without_options_nothing_changes() -> None:
    assert with_main_options(_MAIN, {}) == _MAIN
    assert with_master_options(_MASTER, {}) == _MASTER


def test_a_parameter_is_replaced_where_it_stands_with_all_its_lines() -> None:
    got = with_main_options(_MAIN, {"mynetworks": "$mydomain 10.0.0.0/8"})
    assert got == (
        "# head\n\n# From site.yaml (postfix.main):\nmynetworks = $mydomain 10.0.0.0/8\n"
        "# why\nbiff = no\n"
    )


def test_a_further_parameter_comes_last() -> None:
    got = with_main_options(_MAIN, {"queue_run_delay": "100s"})
    assert got == f"{_MAIN}\n# From site.yaml (postfix.main):\nqueue_run_delay = 100s\n"


def test_an_empty_value_is_an_empty_parameter() -> None:
    assert "\nbiff =\n" in with_main_options(_MAIN, {"biff": ""})


@pytest.mark.parametrize("name", ["587/inet", "587", "submission/inet", "submission"])
def test_an_option_of_a_service_is_replaced_or_added(name: str) -> None:
    options = {"smtpd_helo_restrictions": "permit", "smtpd_recipient_limit": "50"}
    got = with_master_options(_MASTER, {name: options})
    assert "    -o smtpd_helo_restrictions=permit\n    -o smtpd_recipient_limit=50\n" in got
    assert "smtpd_helo_restrictions=\n" not in got
    assert "    -o syslog_name=postfix/submission\n" in got


def test_a_value_with_blanks_is_kept_together() -> None:
    got = with_master_options(_MASTER, {"smtp/unix": {"smtp_helo_name": "a b"}})
    assert "    -o { smtp_helo_name = a b }\n" in got


def test_the_same_name_with_another_type_is_another_service() -> None:
    got = with_master_options(_MASTER, {"smtp/inet": {"x": "1"}, "smtp/unix": {"y": "2"}})
    lines = got.splitlines()
    assert lines[lines.index("25  inet  n  -  y  -  -  smtpd") + 1] == "    -o x=1"
    assert lines[lines.index("smtp  unix  -  -  y  -  -  smtp") + 1] == "    -o y=2"


def test_columns_can_be_set() -> None:
    got = with_master_options(
        _MASTER, {"25/inet": {"process_limit": "10", "command": "postscreen"}}
    )
    assert "25  inet  n  -  y  -  10  postscreen\n" in got


def test_a_new_service_stands_at_the_end() -> None:
    got = with_master_options(_MASTER, {"10025/inet": {"command": "smtpd", "content_filter": ""}})
    assert got.endswith("10025  inet  -  -  -  -  -  smtpd\n    -o content_filter=\n")


def test_whatever_stands_for_the_site_says_where_it_is_from() -> None:
    main = with_main_options(_MAIN, {"queue_run_delay": "100s", "a_b": "1"})
    rows = "queue_run_delay = 100s\na_b = 1\n"
    assert main == f"{_MAIN}\n# From site.yaml (postfix.main):\n{rows}"
    master = with_master_options(_MASTER, {"10025/inet": {"command": "smtpd"}})
    row = "10025  inet  -  -  -  -  -  smtpd\n"
    assert master == f"{_MASTER}\n# From site.yaml (postfix.master):\n{row}"


def test_a_change_of_a_service_that_a_host_does_not_have_changes_nothing() -> None:
    assert with_master_options(_MASTER, {"submissions": {"smtpd_recipient_limit": "5"}}) == _MASTER


def test_every_service_of_mailprovs_is_known_to_the_model() -> None:
    text = artifacts_of(site_of(ONE_HOST), "mail")["/etc/postfix/master.cf"].content.decode()
    rows = (line.split() for line in text.splitlines() if line[:1].isalnum())
    names = {canonical_service(f"{row[0]}/{row[1]}") for row in rows}
    assert names == {*WORKINGS, MX_SERVICE, "587", "465"}


def test_what_no_postfix_has_is_not_handed_on() -> None:
    name = "smtpd_sasl_security_restrictions"
    extra = PostfixExtra(
        main={name: "noanonymous", "biff": "yes"},
        master={"587/inet": {name: "noanonymous", "smtpd_recipient_limit": "50"}},
    )
    assert without_absent(extra) == PostfixExtra(
        main={"biff": "yes"}, master={"587/inet": {"smtpd_recipient_limit": "50"}}
    )


def test_the_record_of_main_cf_has_what_postfix_will_read() -> None:
    template = _MAIN_TEMPLATE + "{% call setting('x') %}\n    # why\n    y\n{% endcall %}\n"
    record = rendered(template, MainCf({"biff": "yes", "queue_run_delay": "100s"})).settings
    assert record == {
        "mynetworks": ("127.0.0.0/8 [::1]/128",),
        "biff": ("yes",),
        "x": ("y",),
        "queue_run_delay": ("100s",),
    }


def test_the_record_of_master_cf_has_columns_and_parameters() -> None:
    own = {"submission": {"process_limit": "7", "x": "1"}, "9/inet": {"command": "smtpd -v"}}
    record = rendered(_MASTER_TEMPLATE, MasterCf(own)).settings
    service = {name.partition("/")[2]: value for name, value in record.items() if "587/" in name}
    assert service == {
        "private": ("n",),
        "unprivileged": ("-",),
        "chroot": ("y",),
        "wakeup": ("-",),
        "process_limit": ("7",),
        "command": ("smtpd",),
        "syslog_name": ("postfix/submission",),
        "smtpd_helo_restrictions": ("",),
        "x": ("1",),
    }
    assert record["9/command"] == ("smtpd -v",)
    assert record["smtp/chroot"] == ("y",)


@pytest.mark.parametrize("name", ["smtp/unix", "smtp"])
def test_a_service_that_is_named_without_an_option_is_still_the_sites(name: str) -> None:
    got = with_master_options(_MASTER, {name: {}})
    assert "# From site.yaml (postfix.master):\nsmtp  unix  -  -  y  -  -  smtp\n" in got


@pytest.mark.parametrize(
    ("name", "raw"), [("main", r"\w+ *="), ("master", r" *-o|\w+ +(inet|unix)")]
)
def test_a_template_sets_nothing_without_a_word(name: str, raw: str) -> None:
    text = template_folder().joinpath("postfix", f"{name}.cf.j2").read_text(encoding="utf-8")
    # The row of a service stands right behind its word.
    rows = text.replace("{% call service() %}\n", "{% call service() %}")
    assert not [line for line in rows.splitlines() if re.match(raw, line)]
