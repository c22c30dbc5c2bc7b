"""`mailprov` whose remote programs can be held at any step, run as `python -m support.stopping`.

The programs are the real ones; their function that tells a section gets a gate behind it.
A host has gates while the folder /run/mailprov-stop is there:

    number  which gate holds its program, counted from 1; 0 for none
    seen    a line for each gate that was passed or reached, in order
    here    the program waits at its gate
    go      made by the test: the program may go on

So the list of steps is what the code itself goes through, and a new one is in it.
"""

from __future__ import annotations

from collections.abc import Mapping

from provisioner.cli.main import main
from provisioner.remote import program

SECTION = """section() { printf '@%s\\n' "$*"; }\n"""
# `observe` tells a section for each kind of fact and changes nothing: its start is enough.
GATED = frozenset({"packages", "transact", "settle"})
_GATE = """
gate() {
    [ -d /run/mailprov-stop ] || return 0
    printf '%s\\n' "$*" >>/run/mailprov-stop/seen
    [ "$(wc -l </run/mailprov-stop/seen)" -eq "$(cat /run/mailprov-stop/number)" ] || return 0
    : >/run/mailprov-stop/here
    until [ -e /run/mailprov-stop/go ]; do sleep 0.02; done
}
"""


def with_gates(verb: str, text: str) -> str:
    """Return a program with a gate at its start and, where it changes a host, at each section."""
    before, section, after = text.partition(SECTION)
    assert section, f"{verb} has another section()"
    told = f"""section() {{ printf '@%s\\n' "$*"; gate "{verb}: $*"; }}\n"""
    gated = told if verb in GATED else section
    return f"{before}{_GATE}{gated}gate '{verb}: begins'\n{after}"


_programs = program.remote_programs


def programs_with_gates() -> Mapping[str, str]:
    """Return the programs that the controller sends, with gates."""
    return {
        verb: text if verb == "recover" else with_gates(verb, text)
        for verb, text in _programs().items()
    }


if __name__ == "__main__":
    program.remote_programs = programs_with_gates
    main()
