# shellcheck shell=sh
# The staged tree, $stage/tree, as the checkers see it: in a mount namespace that nobody else is in.

# enter_staged_tree: from here on /etc is what it will be.
enter_staged_tree() {
    staged_tree=$stage/tree
    ! have postconf || live_postfix=$(postfix_places)
    postfix_runs "${live_postfix%%"$newline"*}" || live_postfix=
    while IFS= read -r name; do
        if [ "$name" = / ]; then cover_all; else mount --bind "$staged_tree$name" "$name"; fi || return 1
    done <"$stage/over"
}

cover_all() {
    while IFS= read -r through; do
        mount --bind "$through" "$staged_tree$through" || return 1
    done <"$stage/through"
    mount --rbind "$staged_tree/etc" /etc
}

# postfix_runs QUEUE: its master(8) is up.
postfix_runs() {
    read -r master <"$1/pid/master.pid" && read -r name <"/proc/$master/comm" && [ "$name" = master ]
} 2>/dev/null

# see_chroot: what Postfix copies into its chroot when it starts, as the next start would copy it. Its
# certificates are left out: postfix(1) would compare them file by file.
see_chroot() {
    [ -d /var/spool/postfix/etc ] || return 0
    set --
    for name in /var/spool/postfix/etc/*; do
        [ -f "$name" ] || continue
        new=/etc/${name##*/}
        [ -f "$new" ] || new=$name
        set -- "$@" "$new"
    done
    (umask 022 && mkdir "$staged_tree/chroot-etc") || return 1
    [ $# -eq 0 ] || cp -pL -- "$@" "$staged_tree/chroot-etc/" || return 1
    mount --bind "$staged_tree/chroot-etc" /var/spool/postfix/etc
}
