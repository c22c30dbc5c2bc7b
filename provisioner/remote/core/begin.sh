# shellcheck shell=sh
# What is remembered before a configuration goes live, so that the host can return, and
# of a directory once it is in force.

# What the generation wants at each path, for a later comparison with what is there.
# A generation is named by its content: what is stored once stays right.
store_tree() {
    [ ! -d "$1/tree" ] || return 0
    rm -rf "$1/tree.new"
    mkdir -p "$1/tree.new" || return 1
    staged_rows store | while IFS="$tab" read -r path index; do
        mkdir -p "$1/tree.new${path%/*}" && cp "$stage/files/$index" "$1/tree.new$path" || exit 1
    done || return 1
    sync -f "$1" && mv -T "$1/tree.new" "$1/tree"
}

# What the controller needs to bring the generation back: all of it but contents.
store_record() {
    index=$(staged_rows record)
    [ -n "$index" ] || return 0
    mkdir -p "$1" && cp "$stage/files/$index" "$1/record.new" && put_in_place "$1/record"
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
    { staged_rows stage | cut -f 1; staged_rows table; staged_rows undo; staged_rows recipe | cut -f 2; } >"$state/litter.new" &&
        put_in_place "$state/litter"
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
    # shellcheck disable=SC2154
    # Set by program.py.
    printf '%s\n' "$program_recover" >"$state/recover.new" && cat >"$unit.new" <<UNIT || return 1
[Unit]
Description=mailprov: settle a configuration that was pending when the host went down
ConditionPathIsDirectory=|$pending
ConditionPathExists=|$users_table/users.sqlite-journal
After=local-fs.target firewalld.service ufw.service nftables.service
Before=unbound.service dovecot.service postfix.service postfix@-.service

[Service]
Type=oneshot
ExecStart=/bin/sh $state/recover boot

[Install]
WantedBy=multi-user.target
UNIT
    chmod 644 "$unit.new" && sync "$state/recover.new" "$unit.new" &&
        mv -f "$state/recover.new" "$state/recover" && mv -f "$unit.new" "$unit" &&
        (umask 022 && mkdir -p "${unit%/*}/multi-user.target.wants") &&
        ln -sf "$unit" "${unit%/*}/multi-user.target.wants/" &&
        sync "${unit%/*}" "${unit%/*}/multi-user.target.wants" "$state"
}

# keep_old PATH: it stays beside the new one; says whether there is one.
keep_old() {
    name_old "$1"
    rm -rf "$old"
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
    sync_folder "$1" && printf '%s\twas\n' "$1"
}

# Which names Postfix takes mail for now, and which it will.
keep_domains() {
    main=$(staged_rows main)
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
    generation=$(head_generation)
    staged_rows undo | while IFS= read -r path; do
        if left_by_us "$path" "$generation" || made_here "$path"; then continue; fi
        find_again "$path" || exit 1
    done
}

left_by_us() {
    grep -qF "file$tab$1$tab" "$state/directory/left" 2>/dev/null ||
        { [ -n "$2" ] && [ "$2" != 0 ] && grep -qF "file$tab$1$tab" "$state/generations/$2/manifest"; }
}

# A key that this host made for mailprov stands in no manifest.
made_here() { head -n 1 "$1" 2>/dev/null | grep -q '^# Managed by mailprov: made on this host'; }

# From here on the host returns by itself, whatever happens.
do_begin() {
    install_recovery && find_host_again || return 1
    [ "$1" = 0 ] || { store_tree "$state/generations/$1" && store_record "$state/generations/$1"; } || return 1
    rm -rf "$pending.new"
    mkdir "$pending.new" && staged_rows managed >"$pending.new/manifest" || return 1
    {
        printf 'serial\t%s\ngeneration\t%s\nowner\t%s\n' "$(($(head_serial) + 1))" "$1" "$applied_by" &&
            printf 'token\t%s\n' "$(od -An -N8 -tx1 /dev/urandom | tr -d ' \n')" &&
            staged_rows main | sed "s/^/main$tab/"
    } >"$pending.new/about" || return 1
    # By the journal's own order: a clock may be set back.
    journalctl -q -n 0 --show-cursor 2>/dev/null | sed -n 's/^-- cursor: //p' >"$pending.new/cursor"
    if grep -qx adopt "$stage/steps"; then staged_rows directory >"$pending.new/directory" || return 1; fi
    staged_rows lock-later >"$pending.new/locks" && staged_rows remove-later >"$pending.new/removals" || return 1
    [ ! -e "$stage/accounts" ] || cp "$stage/accounts" "$pending.new/accounts" || return 1
    staged_rows undo | while IFS= read -r path; do
        keep_as_found "$path" && keep_old "$path" || exit 1
    done >"$pending.new/paths" || return 1
    staged_rows act-configuration | awk -F '\t' '$1 ~ /^(start|reload|restart|enable|retire|restore)$/ && !seen[$2]++' |
        while IFS="$tab" read -r verb unit running; do
            find_unit_again "$unit" "${running:-$unit}" && keep_unit_as_found "$unit" "${running:-$unit}" || exit 1
            as_it_is=$(unit_as_it_is "$unit" "${running:-$unit}") && printf '%s\t%s\n' "$as_it_is" "$verb" || exit 1
        done >"$pending.new/units" || return 1
    keep_domains || return 1
    sync "$pending.new"/* "$pending.new" && mv -T "$pending.new" "$pending" && sync "$state" &&
        arm_return "$((within + 240))" && hold_mail "$pending/domains.before" "$pending/domains.after"
}
