# shellcheck shell=sh
# Common ground of the remote program. It runs as root under any POSIX sh with
# coreutils, util-linux, sed, awk, tar and systemd; nothing of it stays on the host.
#
# Answers are text in sections: a line "@name argument", then lines of the named
# tool's own output. Free text is prefixed with "|" so that it cannot look like a section.
set -u
LC_ALL=C
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export LC_ALL PATH
umask 077
state=/var/lib/mailprov
tab=$(printf '\t')

section() { printf '@%s\n' "$*"; }

have() { command -v "$1" >/dev/null 2>&1; }

# settled FILE: Postfix waits two seconds for a main.cf that has just changed, because
# somebody may still be writing it; here nobody is.
settled() { touch -d '1 minute ago' "$1"; }

# rows NAME < manifest: the fields after NAME of every row that begins with it.
rows() { awk -F '\t' -v OFS='\t' -v kind="$1" '$1 == kind { sub(/^[^\t]*\t/, ""); print }'; }
