# shellcheck shell=sh
# What is remembered before a configuration goes live, so that the host can return, and
# of a directory once it is in force.

# What the generation wants at each path, for a later comparison with what is there.
# A generation is named by its content: what is stored once stays right.
store_tree() {
    [ ! -d "$1/tree" ] || return 0
    mkdir -p "$1" "$stage/store" && sync -f "$stage/store" && mv -T "$stage/store" "$1/tree"
}

# What the controller needs to bring the generation back: all of it but contents.
store_record() {
    staged_row record
    [ -n "$row" ] || return 0
    [ -d "$1" ] || mkdir -p "$1" || return 1
    cp "$stage/files/$row" "$1/record.new" && put_in_place "$1/record"
}

# Users' files are in force; what is owed a reload that comes with the configuration stays so.
do_record_directory() {
    services_of configuration | grep -xF -f - "$state/unfinished" >"$stage/owed"
    [ $? -le 1 ] && staged_rows directory >"$stage/directory" &&
        record_directory "$stage/directory" "$(head_generation)" "$applied_by" "in force" "$stage/owed"
}

# services_of PLANE: those that the plane's steps have read their files anew.
services_of() { staged_rows "act-$1" | awk -F '\t' '$1 ~ /^(start|reload|restart)$/ { print $2 }'; }

# What may lie beside its place from now on.
note_litter() {
    {
        for kind in stage table undo; do
            staged "$kind" || return 1
            while IFS="$tab" read -r path _; do printf '%s\n' "$path" || return 1; done <"$rows"
        done
        staged recipe
        while IFS="$tab" read -r _ path _; do printf '%s\n' "$path" || return 1; done <"$rows"
    } >"$state/litter.new" && put_in_place "$state/litter"
}

# Which services are owed a reload if this breaks off: a file that is in place says
# nothing of whether its daemon has read it. And what is about to be left: should it break
# off, its own files are not taken for somebody else's. What an earlier one was about to
# leave may still be there.
note_unfinished() {
    staged_rows directory >"$stage/directory" && note_activating <"$stage/directory" || return 1
    # shellcheck disable=SC2046
    # Unit names have no white space.
    note_owed $(services_of directory) $(staged_rows owed)
}

# The program that returns when nobody else does, and the unit that calls it at boot.
# The link is what `systemctl enable` makes; the running systemd need not know it.
install_recovery() {
    unit=/etc/systemd/system/mailprov-recover.service
    wants=${unit%/*}/multi-user.target.wants
    unit_text="[Unit]
Description=mailprov: settle a configuration that was pending when the host went down
ConditionPathIsDirectory=|$pending
ConditionPathExists=|$users_table/users.sqlite-journal
After=local-fs.target firewalld.service ufw.service nftables.service
Before=unbound.service dovecot.service postfix.service postfix@-.service

[Service]
Type=oneshot
ExecStart=/bin/sh $state/recover boot

[Install]
WantedBy=multi-user.target"
    # Of an earlier one, whose names may not have come to the disk.
    # shellcheck disable=SC2154
    # program_recover is set by program.py.
    if [ "$(cat "$state/recover" "$wants/${unit##*/}" 2>/dev/null)" != "$program_recover$newline$unit_text" ]; then
        printf '%s\n' "$program_recover" >"$state/recover.new" && printf '%s\n' "$unit_text" >"$unit.new" || return 1
        chmod 644 "$unit.new" && sync "$state/recover.new" "$unit.new" &&
            mv -f "$state/recover.new" "$state/recover" && mv -f "$unit.new" "$unit" &&
            (umask 022 && mkdir -p "$wants") && ln -sf "$unit" "$wants/" || return 1
    fi
    sync "${unit%/*}" "$wants" "$state"
}

# keep_old PATH: it stays beside the new one; says whether there is one. Its name has yet to come to the disk.
keep_old() {
    name_old "$1"
    if [ -e "$old" ] || [ -L "$old" ]; then rm -rf "$old"; fi
    if [ -L "$1" ]; then
        cp -P "$1" "$old" || return 1
    elif [ -d "$1" ]; then
        : # it is moved there by what takes its place
    elif [ -e "$1" ]; then
        ln "$1" "$old" || return 1
    else
        printf '%s\tabsent\n' "$1"
        return 0
    fi
    printf '%s\twas\n' "$1"
}

# keep_undone: all that comes back, and a row of each on standard output.
keep_undone() {
    staged undo
    set --
    while IFS= read -r path; do set -- "$@" "$path"; done <"$rows"
    keep_as_found "$@" || return 1
    for path; do keep_old "$path" || return 1; done
}

# sync_begun: what is pending, and the names of the old files.
sync_begun() {
    set -- "$pending.new"/* "$pending.new"
    staged undo
    while IFS= read -r path; do
        case " $* " in *" ${path%/*} "*) ;; *) [ ! -d "${path%/*}" ] || set -- "$@" "${path%/*}" ;; esac
    done <"$rows"
    sync "$@"
}

# Which names Postfix takes mail for now, and which it will.
keep_domains() {
    staged_row main
    main=$row
    [ -n "$main" ] || return 0
    mail_domains "$main" >"$pending.new/domains.before" || return 1
    coming=$main
    if staged_rows remove | grep -qxF "$main"; then
        coming=$zero/tree$main
    elif [ -e "$main.mailprov-new" ]; then
        coming=$main.mailprov-new
    fi
    mail_domains "$coming" >"$pending.new/domains.after"
}

# What the configuration in force does not have is the operator's: a first apply may have
# returned, or the host have gone back, and the file been edited since. What is there now
# is what was found.
find_host_again() {
    read_head
    generation=$generation_in_force
    left_paths=$(left_by_us) || return 1
    staged undo
    set --
    while IFS= read -r path; do
        case $newline$left_paths$newline in *"$newline$path$newline"*) continue ;; esac
        made_here "$path" || set -- "$@" "$path"
    done <"$rows"
    find_again "$@"
}

# left_by_us: those of the paths that a transaction of ours left there.
left_by_us() {
    staged undo
    set --
    [ ! -e "$state/directory/left" ] || set -- "$state/directory/left"
    case $generation in '' | 0) ;; *) set -- "$@" "$state/generations/$generation/manifest" ;; esac
    [ $# -eq 0 ] || awk -F '\t' 'undone { wanted[$1]; next } $1 == "file" && $2 in wanted { print $2 }' undone=1 "$rows" undone= "$@"
}

# A key that this host made for mailprov stands in no manifest.
made_here() {
    first_line=
    [ ! -f "$1" ] || IFS= read -r first_line <"$1" || :
    case $first_line in '# Managed by mailprov: made on this host'*) ;; *) return 1 ;; esac
}

# From here on the host returns by itself, whatever happens.
do_begin() {
    install_recovery && find_host_again || return 1
    [ "$1" = 0 ] || { store_tree "$state/generations/$1" && store_record "$state/generations/$1"; } || return 1
    [ ! -e "$pending.new" ] || rm -rf "$pending.new"
    mkdir "$pending.new" && staged_rows managed >"$pending.new/manifest" || return 1
    # The kernel makes it: nobody has had it before.
    { read -r uuid </proc/sys/kernel/random/uuid && staged_row main; } || return 1
    # Its last field: 48 random bits.
    token=${uuid##*-}
    {
        printf 'serial\t%s\ngeneration\t%s\nowner\t%s\n' "$((${serial_in_force:-0} + 1))" "$1" "$applied_by" &&
            printf 'token\t%s\n' "$token" && { [ -z "$row" ] || printf 'main\t%s\n' "$row"; }
    } >"$pending.new/about" || return 1
    staged adopt
    [ "$rows" = /dev/null ] || staged_rows directory >"$pending.new/directory" || return 1
    staged_rows lock-later >"$pending.new/locks" && staged_rows remove-later >"$pending.new/removals" || return 1
    [ ! -e "$stage/accounts" ] || cp "$stage/accounts" "$pending.new/accounts" || return 1
    keep_undone >"$pending.new/paths" && keep_units >"$pending.new/units" || return 1
    keep_resources && keep_domains || return 1
    sync_begun && mv -T "$pending.new" "$pending" && sync "$state" &&
        arm_return "$((within + 240))" && hold_mail "$pending/domains.before" "$pending/domains.after"
}

# keep_units: how the services that change are now, a row of each on standard output.
keep_units() {
    changed=' '
    staged act-configuration
    while IFS="$tab" read -r verb unit running _; do
        case $verb in start | reload | restart | enable | retire | restore) ;; *) continue ;; esac
        case $changed in *" $unit "*) continue ;; esac
        changed="$changed$unit "
        [ "$unit" != dovecot.service ] || note_cursor || return 1
        find_unit_again "$unit" "${running:-$unit}" && keep_unit_as_found "$unit" "${running:-$unit}" || return 1
        as_it_is=$(unit_as_it_is "$unit" "${running:-$unit}") && printf '%s\t%s\n' "$as_it_is" "$verb" || return 1
    done <"$rows"
}

# keep_resources: how those that change are now (resources.sh). Where nothing of mailprov's is in force,
# that is how they were found.
keep_resources() {
    staged resource
    [ "$rows" != /dev/null ] || return 0
    [ -d "$zero" ] || mkdir -p "$zero" || return 1
    while IFS="$tab" read -r kind name; do
        line=$(tell_resource "$kind" "$name")
        found=$(line_as_found "$kind" "$name")
        case $generation_in_force in '' | 0) found= ;; esac
        [ -n "$found" ] || note_line_found "$kind" "$name" "$line" || return 1
        printf '%s\t%s\t%s\n' "$kind" "$name" "$line" || return 1
    done <"$rows" >"$pending.new/resources"
}

# note_cursor: where Dovecot's log is now (refused_reload), by the journal's own order: a clock may be set back.
note_cursor() { journalctl -q -n 0 --show-cursor 2>/dev/null | sed -n 's/^-- cursor: //p' >"$pending.new/cursor"; }
