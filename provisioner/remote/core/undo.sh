# shellcheck shell=sh
# A pending configuration is undone: the old files by a rename, then the services.

# undo_path PATH was|absent: what is there already stays.
undo_path() {
    rm -rf "$1.mailprov-new" "$1.mailprov-final"
    name_old "$1"
    if [ "$2" = absent ]; then
        take_away "$1"
    elif [ -e "$old" ] || [ -L "$old" ]; then
        # Two names of one file, where the new one never came: mv(1) would refuse.
        if [ "$(stat -c %i "$1" 2>/dev/null)" = "$(stat -c %i "$old")" ]; then
            rm -f "$old"
        else
            # A folder, which only a table's place has, gives way to nothing.
            [ ! -d "$1" ] || [ -L "$1" ] || drop_folder "$1" || return 1
            mv -fT "$old" "$1"
        fi
    fi && sync_folder "$1" || return 1
    # Nobody's complaint keeps the host from returning.
    tell_reader "$1" || :
}

# Files that others name come first, then main.cf, which Postfix rereads whenever one of
# its processes starts, and last what was not there before goes.
undo_files() {
    awk -F '\t' -v main="$about_main" '
        { print ($2 == "absent" ? 3 : $1 == main ? 2 : 1) "\t" $0 }' "$pending/paths" |
        sort -s -n -k 1,1 | while IFS="$tab" read -r _ path before; do
        undo_path "$path" "$before" || exit 1
    done
}

# Until the old main.cf is in force, the new one takes mail for its domains; the old one,
# which bounces at once, would return it. Where domains go with the new one, Postfix is
# stopped before the queue is looked at; undo_units starts it.
stop_taking_mail() {
    [ "$1" != boot ] && [ -e "$pending/domains.before" ] && [ -e "$pending/domains.after" ] || return 0
    [ -n "$(comm -23 "$pending/domains.after" "$pending/domains.before")" ] || return 0
    # Both are named: of postfix.service alone systemctl would not wait for what runs.
    # shellcheck disable=SC2046
    set -- $(awk -F '\t' '$1 == "postfix.service" { print $1, $2 }' "$pending/units")
    [ $# -eq 0 ] || systemctl stop "$@"
    return 0
}

# The services that were told just now have read users' files too.
forget_unfinished() {
    [ -s "$state/unfinished" ] || return 0
    cut -f 1 "$pending/units" | grep -vxF -f - "$state/unfinished" >"$state/unfinished.new"
    case $? in
        0) mv -f "$state/unfinished.new" "$state/unfinished" ;;
        1) rm -f "$state/unfinished" "$state/unfinished.new" ;;
    esac
    return 0
}

undo_pending() {
    read_about
    main=$about_main
    stop_taking_mail "$1"
    hold_mail "$pending/domains.after" "$pending/domains.before"
    undo_accounts "$pending/accounts"
    undo_files && undo_resources && undo_units "$1" || return 1
    # It may have been softened for the sake of another daemon, and be no unit of this.
    if [ -n "$main" ] && [ "$1" != boot ]; then postfix reload >/dev/null 2>&1; fi
    forget_unfinished
    release_mail "$main" &&
        note_history "$about_serial" configuration "$about_generation" \
            "$about_owner" "$2${down:+; did not come up:$down}"
}
