"""A setting of the site's own stands where it has the last word over mailprov's."""

from __future__ import annotations

import re
from types import SimpleNamespace

import pytest

from provisioner.daemons.dovecot.options import DovecotConf, render_dovecot_site
from provisioner.daemons.dovecot.quoting import TEMPLATES
from provisioner.render.environment import template_folder

_TEMPLATE = """\
# head
{{ setting("ssl", "yes") }}
{{ setting("login_trusted_networks", "") }}
{% call setting("protocols") %}{% for a in view.some %} {{ a | comment }}{% endfor %}{% endcall %}

{% for one in view.some %}
{% call block("protocol", one | dovecot_value) %}
  # why
  {{ setting("mail_plugins", "$mail_plugins " + one | dovecot_value) }}
  {% call block("passdb") %}
    {{ setting("use_worker", "no") }}
    {% call setting("args") %}a={{ one | dovecot_value }}{% endcall %}
  {% endcall %}
{% endcall %}
{% endfor %}
{% call block("service", "auth") %}
  {% call block("unix_listener", "service") %}
    {{ setting("mode", 0) }}
  {% endcall %}
{% endcall %}
"""


def _conf() -> tuple[str, DovecotConf]:
    conf = DovecotConf()
    made = TEMPLATES.environment.from_string(_TEMPLATE)
    view = SimpleNamespace(some=("imap", "lmtp"))
    return conf.rendered(made.render(view=view, **conf.words())).text.decode(), conf


def test_blocks_and_settings_stand_as_deep_as_they_are() -> None:
    assert _conf()[0].splitlines() == [
        "# head",
        "ssl = yes",
        "login_trusted_networks =",
        "protocols = imap lmtp",
        "",
        "protocol imap {",
        "  # why",
        "  mail_plugins = $mail_plugins imap",
        "  passdb {",
        "    use_worker = no",
        "    args = a=imap",
        "  }",
        "}",
        "protocol lmtp {",
        "  # why",
        "  mail_plugins = $mail_plugins lmtp",
        "  passdb {",
        "    use_worker = no",
        "    args = a=lmtp",
        "  }",
        "}",
        "service auth {",
        "  unix_listener service {",
        "    mode = 0",
        "  }",
        "}",
    ]


def test_the_record_names_a_setting_with_its_blocks() -> None:
    assert _conf()[1].settings == {
        "ssl": ("yes",),
        "login_trusted_networks": ("",),
        "protocols": ("imap lmtp",),
        "protocol imap/mail_plugins": ("$mail_plugins imap",),
        "protocol imap/passdb/use_worker": ("no",),
        "protocol imap/passdb/args": ("a=imap",),
        "protocol lmtp/mail_plugins": ("$mail_plugins lmtp",),
        "protocol lmtp/passdb/use_worker": ("no",),
        "protocol lmtp/passdb/args": ("a=lmtp",),
        "service auth/unix_listener service/mode": ("0",),
    }


def test_the_sites_settings_go_where_the_record_says() -> None:
    options = {
        "mail_plugins": "quota",
        "use_worker": "yes",
        "ssl": "no",
        "service/auth/client_limit": "1",
        "service/imap/client_limit": "2",
    }
    first, last = (
        part.decode().splitlines()[3:] for part in render_dovecot_site(options, _conf()[1])
    )
    assert first == ["mail_plugins = quota", "use_worker = yes"]
    assert last == [
        "ssl = no",
        "service/imap/client_limit = 2",
        "protocol imap {",
        "  use_worker = yes",
        "}",
        "protocol lmtp {",
        "  use_worker = yes",
        "}",
        "service auth {",
        "  client_limit = 1",
        "}",
    ]


@pytest.mark.parametrize("folder", ["2.3/conf.d", "2.4/conf.d", "both/conf.d", "2.3", "2.4"])
def test_a_template_sets_nothing_without_a_word(folder: str) -> None:
    files = template_folder().joinpath("dovecot", *folder.split("/")).iterdir()
    texts = [file.read_text(encoding="utf-8") for file in files if file.is_file()]
    assert texts
    for text in texts:
        assert not re.findall(r"^ *[\w/]+ *=.*|^ *\w.*\{$", text, re.MULTILINE)
