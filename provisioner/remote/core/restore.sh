# shellcheck shell=sh
# Put an earlier directory back: `mailprov OWNER SERIAL EXPECT refuse|overwrite|keep`.
# Users, aliases and passwords become what transaction SERIAL left, removed users and old
# passwords included: somebody has asked for just that. In force at once; the configuration
# stays. Whoever loses access by it is logged out.
#
# Exit status: 0 done, 65 the snapshot is damaged, 66 there is none, 67 its files are of
# another kind than the configuration reads, 68 files were edited on the host, 70 a step
# failed, 69 this connection hangs on an account that would change, 75 another transaction holds the lock or was through meanwhile.

# left_rows NAME: of the directory that is in force.
left_rows() { rows "$1" <"$state/directory/left"; }

refuse_damaged() {
    if [ -e "$kept/whole" ] && ! (cd "$kept" && sha256sum -c --status whole 2>/dev/null); then
        section damaged "its lists"
        exit 65
    fi
    rows file <"$kept/manifest" | while IFS="$tab" read -r path digest _; do
        [ "$(digest_kept "$path")" = "$digest" ] && continue
        section damaged "$path"
        exit 65
    done || exit 65
}

digest_kept() {
    if is_table "$kept/tree$1"; then
        digests_in "$kept/tree$1/shards" | digest_of_input
    else
        digest_of_input <"$kept/tree$1"
    fi
}

# Which of these paths are no copy of another.
no_copies() { grep -v '/mailprov/passwords$'; }

refuse_other_kind() {
    rows file <"$kept/manifest" | cut -f 1 | no_copies | grep -v "^$state/" | sort >"$work/then"
    left_rows file | without_secrets | cut -f 1 | no_copies | grep -v "^$state/" | sort >"$work/now"
    [ "$(cat "$work/then")" = "$(cat "$work/now")" ] || exit 67
}

find_edited() {
    left_rows file | without_secrets | while IFS="$tab" read -r path digest _; do
        { [ -f "$path" ] || is_table "$path"; } && [ "$(digest_at "$path")" = "$digest" ] || printf '%s\n' "$path"
    done >"$work/edited"
    if [ -s "$work/edited" ] && [ "$1" = refuse ]; then
        section edited
        cat "$work/edited"
        exit 68
    fi
    # A copy is made anew from its list: nobody's edit of it is kept.
    if [ "$1" = keep ]; then no_copies <"$work/edited"; fi >"$work/left-alone"
    mv "$work/left-alone" "$work/edited"
}

restore_table() {
    rm -rf "$work/shards" && mkdir "$work/shards" || return 1
    { shard_digests "$1"; cat "$kept/tree$1/digests"; } | sort | uniq -u | cut -c 67- | sort -u >"$work/differ"
    (cd "$kept/tree$1/shards" && those_there | xargs -r cp -t "$work/shards") <"$work/differ" &&
        (cd "$work/shards" && xargs -r touch) <"$work/differ" &&
        change_table "$1" "$work/shards" "$2" "$(maps_to_make "$1")"
}

restore_files() {
    : >"$lost"
    if [ -n "$logins" ] && [ -f "$logins" ] && [ -f "$kept/tree$logins" ] && ! grep -qxF "$logins" "$work/edited"; then
        note_lost "$logins" "$kept/tree$logins" >"$lost" || return 1
    fi
    rows file <"$kept/manifest" | while IFS="$tab" read -r path digest owner group mode _; do
        if [ "$path" = "$copy" ] || grep -qxF "$path" "$work/edited"; then continue; fi
        [ "$(digest_at "$path" 2>/dev/null)" != "$digest" ] || continue
        section restored "$path"
        if is_table "$path"; then
            restore_table "$path" "$digest" || exit 1
            continue
        fi
        (umask 022 && mkdir -p "${path%/*}")
        place "$kept/tree$path" "$path" "$owner" "$group" "$mode" || exit 1
    done || return 1
    left_rows file | without_secrets | cut -f 1 | no_copies | while IFS= read -r path; do
        if grep -qF "file$tab$path$tab" "$kept/manifest" || grep -qxF "$path" "$work/edited"; then continue; fi
        section restored "$path"
        restore_found "$path" || exit 1
    done || return 1
    [ -z "$copy" ] || place "$work/copy" "$copy" root dovecot 0640
}

# place FILE PATH OWNER GROUP MODE: PATH has the content of FILE, and has it on the disk.
place() {
    install -o "$3" -g "$4" -m "$5" "$1" "$2.mailprov-new" &&
        label_as "$2" "$2.mailprov-new" && settle_new "$2" "$2.mailprov-new" &&
        sync "$2.mailprov-new" && mv -fT "$2.mailprov-new" "$2" && sync "${2%/*}"
}

# make_copy: what Dovecot 2.3 looks passwords up in says what the list of users will say. A
# snapshot from before there was such a file has none, and yet an old one must not stay.
make_copy() {
    # The passwd-file of virtual users, where they are virtual.
    logins=$(left_rows file | cut -f 1 | grep '^/etc/.*/mailprov/users$')
    copy=
    [ -n "$logins" ] && [ -f "${logins%/*}/passwords" ] || return 0
    copy=${logins%/*}/passwords
    users=$kept/tree$logins
    ! grep -qxF "$logins" "$work/edited" || users=$logins
    {
        head -n 2 "$copy"
        awk -F : '!/^#/ { print "shared/" $1; print $2 }' "$users"
    } >"$work/copy"
}

# Accounts that are gone stay gone; those that the directory then did not have are locked.
find_passwords() {
    getent shadow | cut -d : -f 1,2 >"$work/shadow"
    awk -F : -v kept="$kept/shadow" '
        BEGIN {
            while ((getline line < kept) > 0) {
                name = line
                sub(/:.*/, "", name)
                want[name] = line
            }
        }
        $1 in want && $0 != want[$1] { print want[$1] }' "$work/shadow" >"$work/passwords"
    left_rows account | while IFS= read -r name; do
        if grep -qxF "$name" "$kept/accounts" || grep -q "^$name:!" "$work/shadow"; then continue; fi
        printf '%s\n' "$name"
    done >"$work/locks"
}

# Who is shut out by this must not be who asks for it.
refuse_carriers() {
    carriers >"$work/carriers"
    carried=$(cut -d : -f 1 "$work/passwords" | cat - "$work/locks" | grep -xF -f "$work/carriers") || return 0
    section carrier
    printf '%s\n' "$carried" | sort -u
    exit 69
}

restore_passwords() {
    if [ -s "$work/passwords" ]; then
        chpasswd -e <"$work/passwords" || return 1
        cut -d : -f 1 "$work/passwords" >>"$lost"
        while IFS=: read -r name hash; do
            section password "$name"
            case $hash in '!'*) lock_account "$name" ;; *) revive_account "$name" ;; esac || return 1
        done <"$work/passwords"
    fi
    while IFS= read -r name; do
        section locked-account "$name"
        lock_account "$name" || return 1
        printf '%s\n' "$name" >>"$lost"
    done <"$work/locks"
}

# A file that somebody keeps is still compared with the state as mailprov left it.
left_then() {
    while IFS="$tab" read -r kind path rest; do
        if [ "$path" = "$copy" ]; then
            continue
        elif grep -qxF "$path" "$work/edited"; then
            printf 'file\t%s\n' "$(left_rows file | grep -F "$path$tab")"
        else
            printf '%s\t%s\t%s\n' "$kind" "$path" "$rest"
        fi
    done <"$kept/manifest"
    [ -z "$copy" ] ||
        printf 'file\t%s\t%s\troot\tdovecot\t0640\t1\n' "$copy" "$(digest_of_input <"$work/copy")"
    # What daemons use stays as it is now.
    left_rows file | secrets_alone | sed "s/^/file$tab/"
    sed "s/^/account$tab/" "$kept/accounts"
}

# What has begun is finished, whoever else wants this to end.
trap '' PIPE HUP INT TERM
exec 3>&1
applied_by=$1
kept=$state/directory/$2
lock_host "$applied_by"
# Passwords pass through here: not for /tmp.
work=$state/restoring
lost=$work/lost
rm -rf "$work" && mkdir "$work" || exit 70
trap 'rm -rf "$work" "$state/holder"' EXIT
refuse_if_changed "$3"
case $2 in *[!0-9]* | '') exit 66 ;; esac
[ -e "$kept/manifest" ] || exit 66
refuse_damaged
refuse_other_kind
find_edited "$4"
find_passwords || exit 70
refuse_carriers
make_copy || exit 70
left_then >"$work/rows" && seal <"$work/rows" >"$work/left" || exit 70
write_format || exit 70
# Should this break off: these files are ours, and Postfix is owed a reload.
note_activating <"$work/rows" && note_owed postfix.service || exit 70
restore_files && restore_passwords || exit 70
if systemctl -q is-active postfix.service; then systemctl reload postfix.service || exit 70; fi
end_sessions_of "$lost"
record_directory "$work/left" "$(head_generation)" "$applied_by" "in force, as of $2" || exit 70
section finished
