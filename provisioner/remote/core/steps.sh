# shellcheck shell=sh
# The steps of a transaction, `do_STEP`; each takes the fields of its row.

do_group() {
    getent group "$1" >/dev/null && return 0
    if [ "$2" = system ]; then groupadd --system "$1"; else groupadd "$1"; fi
}

do_account() {
    if getent passwd "$1" >/dev/null; then
        getent passwd "$1" >>"$stage/accounts" || return 1
        usermod --gid "$2" --shell "$4" ${6:+--comment "$6"} "$1"
    elif [ "$5" = system ]; then
        useradd --system --gid "$2" --home-dir "$3" --shell "$4" --no-create-home "$1"
    else
        useradd --gid "$2" --home-dir "$3" --shell "$4" ${6:+--comment "$6"} \
            --create-home -K UMASK=077 -K HOME_MODE=0700 "$1" && note_made "$1"
    fi
}

# do_password NAME N open|locked: the name and the hash come in a file: they are nobody's argument.
do_password() {
    chpasswd -e <"$stage/files/$2" || return 1
    if [ "$3" = locked ]; then lock_account "$1"; else revive_account "$1"; fi && lose "$1"
}

do_lock() { lock_account "$1" && lose "$1"; }

# lose NAME: the sessions of whoever lost his access are ended once the plane's steps are through.
lose() { printf '%s\n' "$1" >>"$lost"; }

# Its owner comes last: until then nobody else can put a link there for us to label or open.
do_directory() {
    (umask 022 && mkdir -p "$1") && label_folder "$1" "${5:-}" && chmod "$4" "$1" && chown "$2:$3" "$1"
}

# label_folder PATH TYPE: what SELinux calls a folder and all that comes into it. The rule
# stays as long as the mail does, which nobody takes away.
label_folder() {
    [ -n "$2" ] && selinux_on || return 0
    if have semanage; then
        label_rule "$1(/.*)?" "$2" && restorecon -R "$1"
    else
        chcon -R -t "$2" "$1"
    fi
}

do_recipe() { run_recipe make "$@"; }

# do_resource KIND NAME LINE (resources.sh)
do_resource() {
    run_resource put "$1" "$2" "$3" || return 1
    now=$(tell_resource "$1" "$2")
    [ "$now" = "$3" ] || { echo "$1 $2 is $now, and was to be $3"; return 1; }
}

# do_restore_resource KIND NAME: as it was found, as far as that can be: what it needs may have gone.
do_restore_resource() {
    line=$(line_as_found "$1" "$2")
    [ -z "$line" ] || run_resource put "$1" "$2" "$line"
}

# Everything new is on the disk beside its place before the first name changes.
do_prepare() {
    prepared='' settling=''
    staged stage
    while IFS="$tab" read -r path index owner group mode; do
        new=$path.mailprov-new
        [ -d "${path%/*}" ] || (umask 022 && mkdir -p "${path%/*}")
        if [ -e "$new" ] || [ -L "$new" ]; then rm -f "$new"; fi
        printf '%s\n' "$new" >>"$stage/prepared" || return 1
        install -o "$owner" -g "$group" -m "$mode" "$stage/files/$index" "$new" && label_as "$path" "$new" || return 1
        prepared="$prepared $new"
        ! is_settled_file "$path" || settling="$settling $new"
    done <"$rows"
    # Managed paths have no white space.
    # shellcheck disable=SC2086
    { [ -z "$settling" ] || settled $settling; } && { [ -z "$prepared" ] || sync $prepared; }
}

do_activate() {
    keep_as_found "$1" && mv -fT "$1.mailprov-new" "$1" && sync "${1%/*}" && tell_reader "$1"
}

# do_admit PATH: another list of logins. Whoever is gone from it, or has another hash, may
# not go on in a session that the old one opened.
do_admit() {
    if [ -f "$1" ]; then
        note_lost "$1" "$1.mailprov-new" >>"$lost" || section kept "users who lost their access" >&3
    fi
    do_activate "$1"
}

# do_table PATH DIGEST N TYPE: what changes of its shards is in files/N; TYPE is that of Postfix's
# tables of it.
do_table() {
    mkdir -p "$stage/files/$3" || return 1
    if is_table "$1"; then
        change_table "$1" "$stage/files/$3" "$2" "$4"
    else
        keep_as_found "$1" && create_table "$1" "$stage/files/$3" "$2" "$4" || return 1
        [ -d "$pending" ] || rm -rf "$1.mailprov-old"
    fi
}

# do_soften MAIN_CF: until the configuration is confirmed, Postfix keeps in its queue what
# it cannot deliver: the fault may be ours. The file that comes later is softened too; its
# final form waits beside it.
do_soften() {
    if [ -e "$1.mailprov-new" ]; then
        cp -p "$1.mailprov-new" "$1.mailprov-final" && soften "$1.mailprov-new" &&
            sync "$1.mailprov-final" "$1.mailprov-new" || return 1
        ! changes_nothing_else "$1" || return 0
    else
        ln -f "$1" "$1.mailprov-final" && sync "$1.mailprov-final" || return 1
    fi
    [ -e "$1" ] || return 0
    cp -p "$1" "$1.mailprov-soft" && soften "$1.mailprov-soft" && sync "$1.mailprov-soft" &&
        mv -fT "$1.mailprov-soft" "$1" && sync "${1%/*}" || return 1
    # It is down, or not ours yet: what is there now reads main.cf when it starts.
    postfix reload >/dev/null 2>&1 || true
}

soften() {
    printf '\n# Until this configuration is confirmed, mail that cannot be delivered waits.\n%s\n' \
        'soft_bounce = yes' >>"$1" && settled "$1"
}

# changes_nothing_else MAIN_CF: it is the first thing that changes here, and the last: there is no time
# in which the one before could meet what is new.
changes_nothing_else() {
    staged act-configuration
    while IFS="$tab" read -r step subject _; do
        case "$step $subject" in
            "prepare " | begin\ * | "soften $1" | "activate $1" | "reload postfix.service") ;;
            *) return 1 ;;
        esac
    done <"$rows"
}

# A table is what the configuration before has its users in: it stays beside until this one
# is confirmed.
do_remove() {
    if is_table "$1"; then
        rm -rf "$1.mailprov-old" && mv -T "$1" "$1.mailprov-old" && sync_folder "$1" || return 1
    fi
    # Its reader may be past reading: that keeps no host from going back.
    restore_found "$1" && { tell_reader "$1" || :; }
}

# do_access PATH OWNER GROUP MODE: content that is the host's own affair. In a folder of the
# owner's a link may lie there by now, to something that is not the owner's to change.
do_access() {
    chown -h "$2:$3" "$1" || return 1
    if [ "$2" = root ]; then
        chmod "$4" "$1"
    else
        setpriv --reuid "$(id -u "$2")" --regid "$(id -g "$2")" --clear-groups chmod "$4" "$1"
    fi
}

# A service that the site no longer has here.
do_retire() { systemctl disable --now "$1" 2>&1; }

# A service as it was found: the packages that mailprov installs bring theirs stopped.
do_restore() {
    awk -F '\t' -v unit="$1" '$1 == unit' "$zero/units" >"$stage/unit" || return 1
    IFS="$tab" read -r unit running enabled active <"$stage/unit" || return 0
    # The unit that ran it may have gone with an upgrade of the system.
    [ "$(systemctl show -p FragmentPath --value "$running")" ] || running=$unit
    if [ "$enabled" = enabled ]; then systemctl enable "$unit" 2>&1 || return 1; fi
    [ "$active" != active ] || change_unit restart "$unit" "$running"
}

do_enable() { systemctl enable "$1" 2>&1; }

# Since the host was observed, boot or somebody may have started it with the old files.
do_start() { change_unit restart "$@"; }
do_reload() { change_unit reload "$@"; }
do_restart() { change_unit restart "$@"; }

# A resolver is given to the host only once it answers.
do_await_resolver() {
    waited=0
    until unbound-control status >/dev/null 2>&1; do
        waited=$((waited + 1))
        # Some units do not wait for their daemon: that it ends is seen only here.
        if [ "$waited" -gt 50 ] || systemctl -q is-failed unbound.service; then
            { unbound-control status; tell_last_lines unbound.service; } >&2
            return 1
        fi
        sleep 0.2
    done
}
