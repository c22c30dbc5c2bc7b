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

# keep_as_found PATH...: the first time that one is written, what was found there becomes part of
# generation 0. A path that is named there has its copy on the disk.
keep_as_found() {
    know_found
    [ -d "$zero/tree" ] || mkdir -p "$zero/tree" || return 1
    finding='' copied=''
    for place; do
        case $kept_as_found in *"$newline$place$newline"*) continue ;; esac
        copy_as_found "$place" || return 1
        finding=$finding$place$newline
    done
    [ -n "$finding" ] || return 0
    [ -z "$copied" ] || sync -f "$zero" || return 1
    printf %s "$finding" >>"$zero/paths" && sync "$zero/paths" && kept_as_found=$kept_as_found$finding
}

# know_found: in $kept_as_found each path of generation 0 has a line; where it is empty, nobody has looked.
know_found() { [ -n "$kept_as_found" ] || kept_as_found=$newline$(cat "$zero/paths" 2>/dev/null)$newline; }

# copy_as_found PATH: what was found earlier goes only once this is there.
copy_as_found() {
    if is_there "$1"; then
        [ -d "$zero/tree${1%/*}" ] || mkdir -p "$zero/tree${1%/*}" || return 1
        ! is_there "$zero/found" || rm -rf "$zero/found"
        cp -a "$1" "$zero/found" || return 1
        copied=1
    fi
    ! is_there "$zero/tree$1" || rm -rf "$zero/tree$1" || return 1
    ! is_there "$1" || mv -T "$zero/found" "$zero/tree$1"
}

# is_there PATH: be it a link to nothing.
is_there() { [ -e "$1" ] || [ -L "$1" ]; }

kept_as_found=

# find_again PATH...: a file that mailprov does not manage now is its operator's, and so is
# what became of it meanwhile.
find_again() {
    know_found
    finding=
    for place; do
        case $kept_as_found in *"$newline$place$newline"*) finding=$finding$place$newline ;; esac
    done
    [ -n "$finding" ] || return 0
    printf %s "$finding" | grep -vxF -f - "$zero/paths" >"$zero/paths.new"
    # None may be left; a list that could not be written is no list.
    [ $? -le 1 ] && put_in_place "$zero/paths" && kept_as_found=
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
