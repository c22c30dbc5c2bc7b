# shellcheck shell=sh
# Take away what is mailprov's own: `mailprov OWNER`. The configuration is generation 0
# already. Standard input brings rows `made PATH`, what the host made for itself. Users'
# files go, or are put back as found; then the prober and the recovering program; the
# state goes last and at once, so that whoever is interrupted runs it again. Mailboxes,
# people's accounts and packages are nobody's to take.
#
# Exit status: 0 done, 67 a configuration is in force, 70 a step failed, 75 locked.

remove_prober() {
    if getent passwd mailprov-probe >/dev/null; then userdel mailprov-probe >/dev/null 2>&1 || return 1; fi
    ! getent group mailprov-probe >/dev/null || groupdel mailprov-probe || return 1
    rm -rf /var/lib/mailprov-probe
}

remove_recovery() {
    disarm_return
    rm -f /etc/systemd/system/mailprov-recover.service \
        /etc/systemd/system/multi-user.target.wants/mailprov-recover.service &&
        systemctl daemon-reload
}

# The folders that mailprov made are empty by now, unless somebody else uses them.
remove_folders() {
    while IFS= read -r folder; do
        case $folder in */mailprov | */mailprov/secrets | /etc/mailprov/* | */nftables.service.d | */dovecot.service.d) [ ! -d "$folder" ] || rmdir "$folder" ;; esac
    done 2>/dev/null
    rmdir /etc/mailprov 2>/dev/null
    return 0
}

# What load.sh kept.
forget_programs() { rm -rf /run/mailprov; }

trap '' PIPE HUP INT TERM
rm -rf "$state.gone"
if [ ! -d "$state" ]; then
    forget_programs
    section nothing
    section finished
    exit 0
fi
made=$(cat | rows made)
lock_host "$1"
refuse_if_changed "$(head_serial)"
case $(head_generation) in 0 | '') ;; *) exit 67 ;; esac
{
    rows file <"$state/directory/left" 2>/dev/null | cut -f 1
    printf '%s\n' "$made"
    cat "$zero/paths" 2>/dev/null
} | grep '^/' | sort -u >"$state/going"
while IFS= read -r path; do
    case $path in "$state"/*) continue ;; esac
    # The configuration's own are back already, and may have been changed since.
    if printf '%s\n' "$made" | grep -qxF "$path" ||
        grep -qF "file$tab$path$tab" "$state/directory/left" 2>/dev/null; then
        restore_found "$path" || exit 70
    fi
done <"$state/going"
sed 's,/[^/]*$,,' "$state/going" | sort -ru >"$state/folders"
remove_folders <"$state/folders"
remove_prober && remove_recovery || exit 70
tell_held
mv -T "$state" "$state.gone" && sync "${state%/*}" && rm -rf "$state.gone" || exit 70
forget_programs
section finished
