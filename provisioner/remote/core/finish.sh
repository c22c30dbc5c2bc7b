# shellcheck shell=sh
# A pending configuration that was confirmed is finished: what was only for the time of
# waiting goes, and what had to wait for the confirmation is done. It may be interrupted
# anywhere, and is done again.

# Users' files of another kind came, and would have gone, with the configuration.
adopt_directory() {
    [ -e "$pending/directory" ] || return 0
    if [ "$(stat -c %i "$pending/directory")" != "$(stat -c %i "$state/directory/left" 2>/dev/null)" ]; then
        # A link needs no room; left is never written in place.
        ln -f "$pending/directory" "$state/directory/left.new" &&
            mv -f "$state/directory/left.new" "$state/directory/left" && sync "$state/directory" || return 1
    fi
    keep_directory "$about_serial"
    note_history "$about_serial" directory "$about_generation" "$about_owner" "in force"
}

# Accounts of the host that the old configuration had its users log in with. Nobody else
# would lock them one day: the host no longer counts them as its users.
lock_accounts() {
    [ -s "$pending/locks" ] || return 0
    while IFS= read -r name; do
        getent passwd "$name" >/dev/null || continue
        lock_account "$name" || return 1
    done <"$pending/locks"
    end_sessions_of "$pending/locks"
}

# Secrets that only the configuration before had its daemons read.
drop_secrets() {
    [ -s "$pending/removals" ] || return 0
    while IFS= read -r path; do rm -f "$path" && sync_folder "$path" || return 1; done <"$pending/removals"
    sed "/^whole$tab/d" "$state/directory/left" |
        awk -F '\t' 'NR == FNR { gone[$1]; next } !($2 in gone)' "$pending/removals" - |
        seal >"$state/directory/left.new" && put_in_place "$state/directory/left"
}

finish_pending() {
    read_about
    main=$about_main
    # What came while the old configuration was still in force.
    hold_mail "$pending/domains.before" "$pending/domains.after"
    if [ -n "$main" ] && [ -e "$main.mailprov-final" ]; then
        mv -fT "$main.mailprov-final" "$main" && sync_folder "$main" || return 1
    fi
    if [ -n "$main" ] && [ "$1" != boot ]; then postfix reload >/dev/null 2>&1; fi
    adopt_directory && lock_accounts && drop_secrets || return 1
    set -- "$1"
    for path in "$state/unfinished" "$state/activating"; do [ ! -e "$path" ] || set -- "$@" "$path"; done
    while IFS="$tab" read -r path _; do
        name_old "$path"
        if [ -e "$old" ] || [ -L "$old" ]; then set -- "$@" "$old"; fi
    done <"$pending/paths"
    shift
    [ $# -eq 0 ] || rm -rf "$@"
    release_mail "$main"
    note_history "$about_serial" configuration "$about_generation" "$about_owner" confirmed
}
