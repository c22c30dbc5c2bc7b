# shellcheck shell=sh
# What Postfix's own programs object to, and which Postfix it is.

# shellcheck disable=SC2034
# Read by its name (tool_of).
postfix_tool=postconf

checks_of_postfix() {
    run_check "postfix check" check_postfix
    run_check "postconf -n" tell_settings -nx
    run_check "postconf -M" tell_settings -Px
    run_check "postmap -q" check_maps
    run_check "postconf -x" check_values
}

# version_of_postfix: in $version. What vendors port back to older versions is asked for along with it.
version_of_postfix() {
    parameters=$(postconf -d mail_version smtpd_forbid_bare_newline smtpd_forbid_unauth_pipelining \
        cleanup_replace_stray_cr_lf 2>/dev/null | limited 8192)
    version=${parameters#*mail_version = }
    version=${version%%"$newline"*}
}

# note_live_postfix: what the running Postfix has, before the staged tree is looked at.
note_live_postfix() {
    live_postfix=$(postfix_places)
    postfix_runs "${live_postfix%%"$newline"*}" || live_postfix=
}

# is_as_started: Postfix runs, and what `postfix check` looks at (its folders, their owners, its programs) is
# named as it was when it started, when postfix(1) looked at that itself. A value that no
# process of Postfix's could read is found by any of them. Only a staged tree has something to
# compare with ($live_postfix).
is_as_started() {
    [ -n "$live_postfix" ] && [ "$live_postfix" = "$(postfix_places)" ] &&
        [ -z "$(postmap -q ok static:ok 2>&1 >/dev/null)" ]
}

live_postfix=
postfix_places() {
    # Without a main.cf postconf(1) waits a second before it says so.
    [ -e /etc/postfix/main.cf ] || return 0
    postconf -hx queue_directory config_directory command_directory daemon_directory data_directory \
        meta_directory shlib_directory mail_owner setgid_group multi_instance_directories \
        alternate_config_directories import_environment sendmail_path mailq_path newaliases_path 2>&1
}

# What Postfix copies of the system's certificates into its chroot at each start, postfix(1) compares
# one by one, for half of its time. That they differ since the last update is nobody's fault.
check_postfix() {
    ! is_as_started || return 0
    [ -z "$staged_tree" ] || see_chroot || return 1
    copies=$(postconf -h queue_directory 2>/dev/null)/etc/ssl/certs
    if [ -d "$copies" ]; then
        # shellcheck disable=SC2016
        # The quoted text is for the inner shell.
        unshare -m --propagation private sh -c 'mount -t tmpfs tmpfs "$1" && exec postfix check' mailprov "$copies"
    else
        postfix check
    fi
}

# tell_settings OPTION: those of main.cf or master.cf, expanded, for the checks behind this one too.
# postconf(1) objects to the same as with -n and -M.
tell_settings() { postconf "$1" >>"$check_folder/settings"; }

# Every map that main.cf or master.cf names by its path is opened as the daemons will.
check_maps() {
    maps=$(grep -oE '[a-z]+:/[^ ,]*' "$check_folder/settings" | sort -u | while IFS= read -r map; do
        case $map in
            # It is made from the directory in the transaction that is checked here.
            lmdb:"$users_table"/* | cdb:"$users_table"/*) [ ! -e "${map#*:}.${map%%:*}" ] || printf '%s\n' "$map" ;;
            texthash:* | hash:* | btree:* | lmdb:* | cdb:* | regexp:* | pcre:* | cidr:*) printf '%s\n' "$map" ;;
        esac
    done)
    [ -n "$maps" ] || return 0
    set -f
    # The search ends at the first that has the name or cannot be opened; then each is asked by itself.
    # shellcheck disable=SC2086
    # They have no white space.
    complaints=$(postmap -q mailprov-check $maps 2>&1 >/dev/null)
    if [ $? -ne 1 ] || [ -n "$complaints" ]; then
        for map in $maps; do postmap -q mailprov-check "$map" >/dev/null; done
    fi
    set +f
    return 0
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
