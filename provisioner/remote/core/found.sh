# shellcheck shell=sh
# Generation 0: how the host was before mailprov, file by file and unit by unit, noted the
# first time that one is touched.

zero=$state/generations/0

# No field is empty, or `read` would take the next one for it.
unit_as_it_is() {
    enabled=$(systemctl is-enabled "$1" 2>/dev/null)
    active=$(systemctl is-active "$2" 2>/dev/null)
    printf '%s\t%s\t%s\t%s\n' "$1" "$2" "${enabled:-unknown}" "${active:-unknown}"
}

# keep_unit_as_found UNIT RUNNING: called before the packages come, which would enable it.
keep_unit_as_found() {
    [ -d "$zero" ] || mkdir -p "$zero" || return 1
    knows_unit "$1" && return 0
    unit_as_it_is "$1" "$2" >>"$zero/units" && sync "$zero/units"
}

knows_unit() {
    while IFS="$tab" read -r known _; do [ "$known" != "$1" ] || return 0; done <"$zero/units"
    return 1
} 2>/dev/null

# line_as_found KIND NAME: how a resource was (resources.sh), nothing where that is not known.
line_as_found() {
    awk -F '\t' -v kind="$1" -v name="$2" '$1 == kind && $2 == name { print $3 }' "$zero/resources" 2>/dev/null
}

# note_line_found KIND NAME LINE
note_line_found() {
    {
        awk -F '\t' -v kind="$1" -v name="$2" '$1 != kind || $2 != name' "$zero/resources" 2>/dev/null
        printf '%s\t%s\t%s\n' "$1" "$2" "$3"
    } >"$zero/resources.new" && put_in_place "$zero/resources"
}

# The first time a path is written, what was found there becomes part of generation 0.
keep_as_found() {
    case $kept_as_found in *"$newline$1$newline"*) return 0 ;; esac
    [ -d "$zero/tree" ] || mkdir -p "$zero/tree" || return 1
    if grep -qxF "$1" "$zero/paths" 2>/dev/null; then
        kept_as_found=$kept_as_found$1$newline
        return 0
    fi
    if [ -e "$1" ] || [ -L "$1" ]; then
        # What was found earlier goes only once this is there.
        rm -rf "$zero/found"
        mkdir -p "$zero/tree${1%/*}" && cp -a "$1" "$zero/found" || return 1
        [ -L "$1" ] || sync "$zero/found" || return 1
        rm -rf "$zero/tree$1" && mv -T "$zero/found" "$zero/tree$1" || return 1
    else
        rm -rf "$zero/tree$1"
    fi
    printf '%s\n' "$1" >>"$zero/paths" && sync "$zero/paths" && kept_as_found=$kept_as_found$1$newline
}

# Those that this program has looked for already.
kept_as_found=$newline

# find_again PATH: a file that mailprov does not manage now is its operator's, and so is
# what became of it meanwhile.
find_again() {
    kept_as_found=$newline
    grep -qxF "$1" "$zero/paths" 2>/dev/null || return 0
    grep -vxF "$1" "$zero/paths" >"$zero/paths.new"
    # None may be left; a list that could not be written is no list.
    [ $? -le 1 ] && put_in_place "$zero/paths"
}

# find_unit_again UNIT RUNNING: where nothing of mailprov's is in force, a service that runs is
# its operator's, who may have set it up after a first apply returned.
find_unit_again() {
    case $(head_generation) in '' | 0) ;; *) return 0 ;; esac
    [ -s "$zero/units" ] && systemctl -q is-active "$2" >/dev/null || return 0
    awk -F '\t' -v unit="$1" '$1 != unit' "$zero/units" >"$zero/units.new" && put_in_place "$zero/units"
}

# What was there before mailprov comes back.
restore_found() {
    rm -rf "$1.mailprov-new"
    if [ -e "$zero/tree$1" ] || [ -L "$zero/tree$1" ]; then
        (umask 022 && mkdir -p "${1%/*}")
        ! is_table "$1" || take_away "$1" || return 1
        cp -a "$zero/tree$1" "$1.mailprov-new" || return 1
        [ -L "$1.mailprov-new" ] || sync "$1.mailprov-new" || return 1
        mv -fT "$1.mailprov-new" "$1"
    else
        take_away "$1"
    fi && sync_folder "$1"
}
