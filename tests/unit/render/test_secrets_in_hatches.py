"""A secret in a daemon's own words: its own file, and in the daemon's the way to it."""

from __future__ import annotations

import pytest
from unit.render.sites import ONE_HOST, site_of

from provisioner.diagnostics import MailprovError
from provisioner.model.daemon_secrets import named_secrets
from provisioner.model.secrets import DaemonSecret, DaemonSecrets, SiteSecrets
from provisioner.plan.compile import compile_generation
from provisioner.plan.secrets_diff import without_secrets
from provisioner.platforms.records import platform_named
from provisioner.render.artifact import Artifact, Plane
from provisioner.render.nature import Nature
from provisioner.rooms.host_tree import render_host


def rendered(more: str, text: str, platform: str = "debian-12") -> dict[str, Artifact]:
    site = site_of(ONE_HOST, more)
    known = {place: DaemonSecret(text, "f00d") for place, _ in named_secrets(site)}
    secrets = SiteSecrets(daemons=DaemonSecrets(known))
    artifacts = render_host(site, site.host("mail"), Nature(platform_named(platform)), secrets)
    return {artifact.path: artifact for artifact in artifacts}


def access(artifact: Artifact) -> tuple[str, str, int, bool, Plane]:
    one = artifact
    return one.owner, one.group, one.mode, one.secret, one.plane


def test_a_lookup_table_is_named_in_its_place() -> None:
    files = rendered(
        "postfix:\n"
        "  main: {smtp_sasl_password_maps: {secret: {env: S}}, relayhost: '[a.example]:587'}\n"
        "  master: {smtp/unix: {smtp_generic_maps: {secret: {env: S}}}}\n",
        "[a.example]:587 me:hunter2\n# and\n[b.example] you:x",
    )
    folder = "/etc/postfix/mailprov/secrets"
    path = f"{folder}/main-smtp_sasl_password_maps"
    assert (
        f"smtp_sasl_password_maps = texthash:{path}\n"
        in files["/etc/postfix/main.cf"].content.decode()
    )
    assert files[path].content.decode().splitlines()[1:] == [
        "# f00d",
        "[a.example]:587 me:hunter2",
        "# and",
        "[b.example] you:x",
    ]
    other = f"{folder}/master-smtp-unix-smtp_generic_maps"
    assert (
        f"-o smtp_generic_maps=texthash:{other}\n"
        in files["/etc/postfix/master.cf"].content.decode()
    )
    assert access(files[path]) == ("root", "root", 0o600, True, Plane.SECRETS)


def test_dovecot_includes_a_file_that_others_may_go_without() -> None:
    files = rendered('dovecot: {"2.3": {imapc_password: {secret: {env: S}}}}\n', 'a #b "c"')
    path = "/etc/dovecot/mailprov/secrets/imapc_password.conf"
    assert files[path].content.decode().splitlines()[-1] == 'imapc_password = "a #b \\"c\\""'
    site = files["/etc/dovecot/conf.d/99-site.conf"].content.decode()
    assert site.endswith(f"!include_try {path}\n")
    assert access(files[path]) == ("root", "root", 0o600, True, Plane.SECRETS)


def test_unbound_reads_its_file_after_it_has_given_up_root() -> None:
    files = rendered("unbound: {server: {cookie-secret: {secret: {env: S}}}}\n", "00ff")
    path = "/etc/unbound/mailprov/secrets/cookie-secret.conf"
    assert files[path].content.decode().splitlines()[2:] == ["server:", '    cookie-secret: "00ff"']
    site = files["/etc/unbound/unbound.conf.d/mailprov-site.conf"].content.decode()
    assert f'include: "{path}"\n' in site
    assert "cookie-secret:" not in site
    assert access(files[path]) == ("root", "unbound", 0o640, True, Plane.SECRETS)
    assert files[path].restart


@pytest.mark.parametrize("secret", ["hunter2$x", "hunter2%x", "<hunter2"])
def test_what_dovecot_cannot_be_told_is_refused_unshown(secret: str) -> None:
    with pytest.raises(MailprovError) as refusal:
        rendered('dovecot: {"2.3": {imapc_password: {secret: {env: S}}}}\n', secret)
    assert "hunter2" not in str(refusal.value)


def test_the_packages_for_a_login_elsewhere_come_with_the_table() -> None:
    """Without them Postfix says that no mechanism is available, and no key adds a package."""
    more = "postfix: {main: {smtp_sasl_password_maps: {secret: {env: S}}}}\n"
    for text, want in ((more, True), ("", False)):
        site = site_of(ONE_HOST, text)
        for platform, package in (("debian-12", "libsasl2-modules"), ("el-9", "cyrus-sasl-plain")):
            generation = compile_generation(
                site, site.host("mail"), Nature(platform_named(platform)), SiteSecrets(), {}
            )
            assert (package in generation.packages) is want


def test_a_checker_that_quotes_a_secret_is_not_repeated() -> None:
    site = site_of(ONE_HOST, "relay: {host: a.example, user: me, password: {env: S}}\n")
    known = {place: DaemonSecret("hunter2", "f00d") for place, _ in named_secrets(site)}
    secrets = SiteSecrets(daemons=DaemonSecrets(known))
    generation = compile_generation(
        site, site.host("mail"), Nature(platform_named("debian-12")), secrets, {}
    )
    assert list(without_secrets(generation, ["|bad row: a me:hunter2", "|other"])) == [
        "|bad row: a me:(secret)",
        "|other",
    ]
