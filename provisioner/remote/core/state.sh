# shellcheck shell=sh
# Before anything is done with the state on the host, it is looked at: a newer mailprov
# may have written it, and damage is never guessed at. What is wrong is told on standard
# error, `@state damaged PATH WHAT` or `@state newer NUMBER VERSION` (tabbed); exit status 76.
#
# $state/format says how the state is laid out, a number, and below it the oldest mailprov
# that reads that. Without the file it is 1.

unfit() {
    printf '@state\t%s\t%s\t%s\n' "$1" "$2" "$3" >&2
    exit 76
}

# is_whole FILE: rows as they were left.
is_whole() {
    [ -s "$1" ] || return 1
    IFS= read -r head_row <"$1"
    case $head_row in "whole$tab"*) ;; *) are_rows "$1"; return ;; esac
    # What read takes of a file, the next to read on does not get.
    digest=$({ IFS= read -r _; exec sha256sum; } <"$1")
    [ "${digest%% *}" = "${head_row#"whole$tab"}" ]
}

# are_rows FILE: all that can be said of one from before there were digests.
are_rows() {
    awk -F '\t' '
        $1 == "file" && NF == 7 { next }
        ($1 == "unit" || $1 == "account") && NF == 2 { next }
        { exit 1 }' "$1"
}

check_folder() {
    [ -d "$state" ] || unfit damaged "$state" "it is no folder"
    # The recovering program is in there, and runs as root. Who we are the transport has asked.
    strange=$(find "$state/" -maxdepth 1 \( ! -user "${u:-$(id -u)}" -o ! -type l -perm /022 \) -print -quit)
    [ -z "$strange" ] || unfit damaged "${strange%/}" "$(stat -c '%U:%G, mode %a' "$strange"): somebody else could write there"
    for name in head history lock format recover; do
        if [ -e "$state/$name" ] || [ -L "$state/$name" ]; then
            [ -f "$state/$name" ] || unfit damaged "$state/$name" "it is no file"
        fi
    done
}

# shellcheck disable=SC2154
# program_format is set by program.py.
check_format() {
    number='' version=''
    [ -e "$state/format" ] || return 0
    { IFS= read -r number; IFS= read -r version; } <"$state/format"
    case $number in '' | 0* | *[!0-9]*) unfit damaged "$state/format" "it names no number" ;; esac
    [ "$number" -le "$program_format" ] 2>/dev/null || unfit newer "$number" "$version"
}

check_head() {
    if [ ! -e "$state/head" ]; then
        ! grep -q "${tab}confirmed$" "$state/history" 2>/dev/null ||
            unfit damaged "$state/head" "it is missing, and the history has confirmed transactions"
        return 0
    fi
    is_head "$state/head" || unfit damaged "$state/head" "it is not the number of a transaction and a generation"
}

# is_head FILE: one whole line, `SERIAL GENERATION` (tabbed), the latter empty, 0 or 16 digits.
is_head() {
    { IFS= read -r head_row && ! IFS= read -r more && [ -z "$more" ]; } <"$1" || return 1
    case $head_row in *"$tab"*"$tab"*) return 1 ;; *"$tab"*) ;; *) return 1 ;; esac
    case ${head_row%%"$tab"*} in '' | *[!0-9]*) return 1 ;; esac
    case ${head_row#*"$tab"} in
        '' | 0) ;;
        *[!0-9a-f]*) return 1 ;;
        ????????????????) ;;
        *) return 1 ;;
    esac
}

# What the transactions before left, by which edits are told from our own files.
check_left() {
    read_head
    folder=$state/generations/$generation_in_force
    if [ -n "$generation_in_force" ]; then
        is_whole "$folder/manifest" || unfit damaged "$folder/manifest" "$(missing_or "$folder/manifest")"
        [ -f "$state/generations/0/paths" ] || unfit damaged "$state/generations/0/paths" "it is missing"
    fi
    if [ -e "$state/directory/left" ] || grep -q "${tab}directory${tab}" "$state/history" 2>/dev/null; then
        is_whole "$state/directory/left" || unfit damaged "$state/directory/left" "$(missing_or "$state/directory/left")"
    fi
    if [ -s "$state/activating" ] && ! is_whole "$state/activating" && [ -s "$state/activating" ]; then
        unfit damaged "$state/activating" "its rows are not those that were written"
    fi
}

missing_or() { if [ -e "$1" ]; then echo "its rows are not those that were written"; else echo "it is missing"; fi; }

check_state() {
    [ -e "$state" ] || [ -L "$state" ] || return 0
    check_folder
    check_format
    check_head
    check_left
    # It may have been settled while it was read.
    if [ -d "$pending" ] && ! is_pending_whole && [ -d "$pending" ]; then
        unfit damaged "$pending" "what a configuration that is not confirmed replaced cannot be read"
    fi
}

# Called by who holds the lock, once nothing is refused any more and before anything of the
# state is changed: from then on an older mailprov keeps away. What the state has of an older
# format stays as it is, and is read as such.
# shellcheck disable=SC2154
# program_reader is set by program.py.
write_format() {
    # Somebody newer may have been here since it was looked at without the lock.
    check_format
    [ "$number" != "$program_format" ] || return 0
    printf '%s\n%s\n' "$program_format" "$program_reader" >"$state/format.new" && put_in_place "$state/format"
}

check_state
