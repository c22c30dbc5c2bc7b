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
# Where users are a table (tables.sh), as render/directory_table.py has it.
users_table=/var/lib/mailprov-directory
# Literally a tabulator: to have printf(1) make it starts a process.
tab='	'
newline='
'

section() { printf '@%s\n' "$*"; }

# limited BYTES: no more of a tool's output than any such tool says; whoever keeps it, or reads it
# to its end, is spared what one says that never ends. A tool that says so much of each name that it
# is given needs none.
limited() { head -c "${1:-1048576}"; }

have() { command -v "$1" >/dev/null 2>&1; }

# settled FILE...: whatever opens a main.cf or a text map of Postfix's that has just changed waits
# up to two seconds, because somebody may still be writing it; here nobody is.
settled() { touch -d '1 minute ago' "$@"; }

# settle_new PATH FILE: FILE, which will be PATH, is settled if it is Postfix's. No list of
# Dovecot's ever is: Dovecot knows a new one by its time.
settle_new() { ! is_settled_file "$1" || settled "$2"; }
is_settled_file() { case $1 in /etc/postfix/*) ;; *) return 1 ;; esac; }

# sync_folder PATH: the names in the folder of PATH are on the disk.
sync_folder() { [ ! -d "${1%/*}" ] || sync "${1%/*}"; }

# put_in_place FILE: FILE.new becomes FILE, which is the old one or the new one whenever the
# power fails, and the new one from here on.
put_in_place() { sync "$1.new" && mv -f "$1.new" "$1" && sync_folder "$1"; }

ufw_is_on() { have ufw && grep -qs '^ENABLED=yes' /etc/ufw/ufw.conf; }

# selinux_on: whether there are labels to be right.
selinux_on() { have selinuxenabled && selinuxenabled; }

# label_rule PATTERN TYPE: the host's policy has this type for such paths from now on: a
# relabelling would undo a bare label.
label_rule() { semanage fcontext -a -t "$2" "$1" 2>/dev/null || semanage fcontext -m -t "$2" "$1"; }

# label_as PATH FILE: where SELinux is on, FILE has the label that the policy has for PATH
# before it takes that place. By itself it has its folder's, which for some is another.
label_as() {
    selinux_on || return 0
    label=$(matchpathcon -n "$1") || return 1
    [ "$label" = "<<none>>" ] || chcon "$label" "$2"
}

# carriers: the accounts, by name, that this connection or its sudo(8) hangs on: who is locked out takes
# mailprov along. Who became root by su(1) is known to the kernel (pam_loginuid(8)).
carriers() {
    [ -z "${SUDO_USER:-}" ] || printf '%s\n' "$SUDO_USER"
    { read -r login </proc/self/loginuid; } 2>/dev/null || return 0
    case $login in 0 | 4294967295) ;; *) getent passwd "$login" | cut -d : -f 1 ;; esac
}

# rows NAME < manifest: the fields after NAME of every row that begins with it.
rows() { awk -F '\t' -v OFS='\t' -v kind="$1" '$1 == kind { sub(/^[^\t]*\t/, ""); print }'; }
