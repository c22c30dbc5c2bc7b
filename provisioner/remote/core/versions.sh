# shellcheck shell=sh
# Which versions of the daemons are here, and which of their parameters that not every version
# has. To ask the programs takes as long as most of what a plan looks at, so a transaction
# leaves their answers in $state/versions, below what tells the programs' files from any others:
# nobody can set a change time.

program_files() {
    set --
    for daemon in $program_daemons; do
        tool_of "$daemon"
        for folder in /usr/local/sbin /usr/local/bin /usr/sbin /usr/bin; do set -- "$@" "$folder/$tool"; done
    done
    stat -L -c '%n %i %s %z' "$@" 2>/dev/null
}

# recall_versions: the answers of these very programs, if they are known.
recall_versions() {
    programs=$(program_files)
    [ -n "$programs" ] && [ -f "$state/versions" ] || return 1
    remembered=
    while IFS= read -r row; do remembered=$remembered$row$newline; done <"$state/versions"
    case $remembered in "$programs$newline@"*) printf %s "${remembered#"$programs$newline"}" ;; *) return 1 ;; esac
} 2>/dev/null

# Without them only the next plan takes longer.
remember_versions() {
    recall_versions >/dev/null || {
        { printf '%s\n' "$programs" && ask_versions; } >"$state/versions.new" && put_in_place "$state/versions"
    } || rm -f "$state/versions.new"
} 2>/dev/null

ask_versions() {
    section daemons
    parameters=
    for daemon in $program_daemons; do
        tool_of "$daemon"
        have "$tool" || continue
        "version_of_$daemon"
        printf '%s\t%s\n' "$daemon" "$version"
    done
    section parameters
    printf '%s\n' "$parameters" | sed -n '/^mail_version /!s/ =.*//p'
}
