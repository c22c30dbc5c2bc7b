# shellcheck shell=sh
# The directory's own history: $state/directory/SERIAL has users' files and the passwords
# of managed accounts as that transaction left them, for `rollback --directory` alone.

# seal < rows: the rows below their digest, by which state.sh tells damage.
seal() {
    sealed=$(cat) || return 1
    printf 'whole\t%s\n' "$(printf '%s\n' "$sealed" | sha256sum | head -n 1 | cut -d ' ' -f 1)" && printf '%s\n' "$sealed"
}

# Secrets that daemons use are changed with users' files and are in no history: their folder
# tells them apart (render/daemon_secrets.py). Of rows that begin with a path:
without_secrets() { sed "\\,^[^$tab]*/mailprov/secrets/,d"; }
secrets_alone() { sed "\\,^[^$tab]*/mailprov/secrets/,!d"; }

snapshots() {
    find "$state/directory" -mindepth 1 -maxdepth 1 -type d -name '[1-9]*' ! -name '*.new' -printf '%f\n' 2>/dev/null | sort -n
}

# keep_directory SERIAL: content that did not change is shared with the snapshot before.
# Without room there is no snapshot, and the change of users stands.
keep_directory() {
    copy_directory "$state/directory/$1" || rm -rf "$state/directory/$1.new"
    snapshots | head -n -5 | while IFS= read -r serial; do rm -rf "$state/directory/$serial"; done
    return 0
}

copy_directory() {
    last=$(snapshots | tail -n 1)
    rm -rf "$1.new"
    mkdir -p "$1.new/tree" || return 1
    rows file <"$state/directory/left" | without_secrets | while IFS="$tab" read -r path _ owner group mode secret; do
        [ -f "$path" ] || is_table "$path" || continue
        now=$(digest_at "$path")
        mkdir -p "$1.new/tree${path%/*}" || exit 1
        if is_table "$path"; then
            copy_table "$path" "$1.new/tree$path" "$state/directory/${last:-none}/tree$path" || exit 1
        elif [ -n "$last" ] && grep -qF "file$tab$path$tab$now$tab" "$state/directory/$last/manifest"; then
            ln "$state/directory/$last/tree$path" "$1.new/tree$path" || exit 1
        else
            cp "$path" "$1.new/tree$path" || exit 1
        fi
        printf 'file\t%s\t%s\t%s\t%s\t%s\t%s\n' "$path" "$now" "$owner" "$group" "$mode" "$secret"
    done >"$1.new/manifest" || return 1
    rows account <"$state/directory/left" >"$1.new/accounts" || return 1
    getent shadow | awk -F : 'NR == FNR { ours[$1]; next } $1 in ours { print $1 ":" $2 }' "$1.new/accounts" - >"$1.new/shadow" || return 1
    (cd "$1.new" && sha256sum manifest accounts shadow >whole) || return 1
    sync -f "$1.new" && rm -rf "$1" && mv -T "$1.new" "$1"
}

# record_directory LEFT GENERATION OWNER OUTCOME [OWED]: from now on these are the host's
# users, whatever becomes of the configuration. OWED lists services that have yet to read them.
record_directory() {
    serial=$(($(head_serial) + 1))
    mkdir -p "$state/directory" && cat "$1" >"$state/directory/left.new" &&
        put_in_place "$state/directory/left" && keep_unfinished "${5-}" && rm -f "$state/activating" && keep_directory "$serial" &&
        note_history "$serial" directory "$2" "$3" "$4" &&
        set_head "$serial" "$2"
}

# note_activating < ROWS: these are about to be left here, so they are nobody's edits should this
# break off. What one that broke off was about to leave may still be there.
note_activating() {
    { cat "$state/activating" 2>/dev/null; cat; } | sed "/^whole$tab/d" | sort -u |
        seal >"$state/activating.new" && put_in_place "$state/activating"
}

# note_owed UNIT...: a file that is in place says nothing of whether its daemon has read it.
note_owed() {
    { cat "$state/unfinished" 2>/dev/null; [ $# -eq 0 ] || printf '%s\n' "$@"; } | sort -u >"$state/unfinished.new" &&
        put_in_place "$state/unfinished"
}

keep_unfinished() {
    [ -s "$1" ] || { rm -f "$state/unfinished"; return; }
    cat "$1" >"$state/unfinished.new" && put_in_place "$state/unfinished"
}
