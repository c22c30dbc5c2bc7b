# shellcheck shell=sh
# What a host has around mailprov's files: its addresses, and what nobody can replace there.

# observe_addresses: what services can be bound to. That is what the kernel calls local: with IPv4
# also an address whose link is down; with IPv6 one that an interface has, which goes with its link.
# `nonlocal VERSION`: others can be, too; so hosts are set up whose addresses come later.
observe_addresses() {
    set --
    for table in /proc/net/fib_trie /proc/net/if_inet6; do [ ! -r "$table" ] || set -- "$@" "$table"; done
    [ "${1:-}" = /proc/net/fib_trie ] || return 0
    section addresses
    awk '
        FILENAME ~ /if_inet6$/ { print "6\t" $1; next }
        $1 == "|--" { leaf = $2; next }
        $2 == "host" && $3 == "LOCAL" && !told[leaf $1]++ { print "4\t" leaf $1 }' "$@"
    for version in 4 6; do
        switch=
        read -r switch <"/proc/sys/net/ipv$version/ip_nonlocal_bind" || :
        [ "$switch" != 1 ] || printf 'nonlocal\t%s\n' "$version"
    done 2>/dev/null
}

# observe_fixed: which of the files that differ cannot give way to others, and why: rows of file,
# `immutable`, `mount` or `read-only`, and what has to be changed first. The accounts' files are
# looked at along with them.
observe_fixed() {
    [ -n "$differing" ] || lacks_packages || return 0
    section fixed
    mounts=$newline$(cut -d ' ' -f 5 /proc/self/mountinfo)$newline
    printf '%s\n' "$differing" /etc/passwd /etc/shadow /etc/group /etc/gshadow | while IFS="$tab" read -r path _; do
        [ -z "$path" ] || tell_fixed "$path"
    done
}

# tell_fixed PATH: root may write everything but what is immutable (chattr(1)) or mounted
# read-only. What a link leads to stays as it is.
tell_fixed() {
    case $mounts in *"$newline$1$newline"*)
        printf '%s\tmount\t%s\n' "$1" "$1"
        return
        ;;
    esac
    held=$1
    if [ -L "$held" ] || [ ! -e "$held" ] || [ -w "$held" ]; then
        held=${held%/*}
        until [ -e "$held" ] || [ -z "$held" ]; do held=${held%/*}; done
        [ ! -w "${held:-/}" ] || return 0
    fi
    place=$(findmnt -n -o TARGET,OPTIONS --target "${held:-/}" | awk '("," $2 ",") ~ /,ro,/ { print $1 }')
    if [ -n "$place" ]; then
        printf '%s\tread-only\t%s\n' "$1" "$place"
    else
        printf '%s\timmutable\t%s\n' "$1" "${held:-/}"
    fi
}
