"""The escape hatch into main.cf and master.cf.

A parameter that mailprov sets is replaced where it stands, because a second setting of
the same name makes Postfix warn; others are added at the end. Values are Postfix's own
language: `$` expands.

A service of master.cf is named `587/inet` as postconf(1) -M names it, or by its first
column alone; ports may have their usual names (`submission/inet`, `smtp/inet`). Under
it `private`, `unprivileged`, `chroot`, `wakeup`, `process_limit` and `command` are the
columns of master(5); every other word is a parameter for `-o`. A new service has a type and
a command (model/rules/hatches.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from provisioner.daemons.postfix.services import COLUMNS, canonical_service
from provisioner.daemons.postfix.slips import absent_parameters
from provisioner.model.site import PostfixExtra

_NOTE = "# From site.yaml (postfix.{part}):\n"


def without_absent(extra: PostfixExtra) -> PostfixExtra:
    """Return the site's own options without the parameters that no Postfix has."""
    absent = absent_parameters(extra.main, extra.master)
    return PostfixExtra(
        main={name: value for name, value in extra.main.items() if name not in absent},
        master={
            service: {name: value for name, value in options.items() if name not in absent}
            for service, options in extra.master.items()
        },
    )


def with_main_options(text: str, options: Mapping[str, str]) -> str:
    """Return main.cf with the site's own parameters."""
    blocks: list[str] = []
    waiting = dict(options)
    for block in _blocks(text):
        name = block.partition("=")[0].strip()
        if name in waiting and not block.startswith("#"):
            blocks.append(_main_lines({name: waiting.pop(name)}))
        else:
            blocks.append(block)
    if waiting:
        blocks += ["\n", _main_lines(waiting)]
    return "".join(blocks)


def with_master_options(text: str, services: Mapping[str, Mapping[str, str]]) -> str:
    """Return master.cf with the site's own services and changes to services.

    What changes a service that this host does not have, changes nothing.
    """
    blocks = list(_blocks(text))
    for name, options in services.items():
        known = canonical_service(name)
        places = [place for place, block in enumerate(blocks) if _is_service(block, known)]
        for place in places:
            blocks[place] = _changed(blocks[place], options)
        if not places and "command" in options and "/" in name:
            blocks += ["\n", _new_service(name, options)]
    return "".join(blocks)


def _main_lines(options: Mapping[str, str]) -> str:
    rows = [f"{name} = {value}".rstrip() + "\n" for name, value in options.items()]
    return _NOTE.format(part="main") + "".join(rows)


def _blocks(text: str) -> Iterator[str]:
    """Yield comment lines and logical lines: a line that begins with a blank goes on."""
    block = ""
    for line in text.splitlines(keepends=True):
        if block and not line[0].isspace():
            yield block
            block = ""
        if line.startswith("#") or not line.strip():
            if block:
                yield block
                block = ""
            yield line
        else:
            block += line
    if block:
        yield block


def _is_service(block: str, name: str) -> bool:
    fields = block.split(maxsplit=2)
    if block.startswith("#") or len(fields) < 3:  # noqa: PLR2004 name, type, rest
        return False
    return name == canonical_service(f"{fields[0]}/{fields[1]}")


def _changed(block: str, options: Mapping[str, str]) -> str:
    head, *rest = block.splitlines(keepends=True)
    fields = head.split(maxsplit=7)
    for place, column in enumerate(COLUMNS, start=2):
        if column in options:
            fields[place] = options[column]
    parameters = {name: value for name, value in options.items() if name not in COLUMNS}
    kept = [line for line in rest if _parameter(line) not in parameters]
    lines = ["  ".join(fields).rstrip() + "\n", *kept]
    lines += [_option_line(name, value) for name, value in parameters.items()]
    return _NOTE.format(part="master") + "".join(lines)


def _parameter(line: str) -> str:
    return line.strip().removeprefix("-o").partition("=")[0].strip(" {")


def _option_line(name: str, value: str) -> str:
    # Braces keep the blanks of a value together (master(5), Postfix 3.0).
    return f"    -o {{ {name} = {value} }}\n" if " " in value else f"    -o {name}={value}\n"


def _new_service(name: str, options: Mapping[str, str]) -> str:
    service, _, kind = name.rpartition("/")
    columns = [options.get(column, "-") for column in COLUMNS]
    head = "  ".join((service, kind, *columns)) + "\n"
    rows = [
        _option_line(option, value) for option, value in options.items() if option not in COLUMNS
    ]
    return _NOTE.format(part="master") + head + "".join(rows)
