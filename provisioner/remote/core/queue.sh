# shellcheck shell=sh
# Mail in the queue for a domain that the configuration does not have would loop back or
# bounce. It is put on hold before such a configuration goes live, and released once one
# is in force that has the domain again. $state/held names it: message and domain a line;
# what somebody else put on hold is never released.

# mail_domains MAIN_CF: the names for which Postfix takes mail by that file. Under another name it is
# copied, because Postfix knows it by this one.
mail_domains() {
    [ -e "$1" ] && have postconf || return 0
    case $1 in */main.cf) tell_domains "${1%/*}" && return ;; esac
    [ ! -e "$state/reading" ] || rm -rf "$state/reading"
    mkdir "$state/reading" && cp -p "$1" "$state/reading/main.cf" && tell_domains "$state/reading" && rm -rf "$state/reading"
}

tell_domains() {
    postconf -c "$1" -xh mydestination virtual_mailbox_domains virtual_alias_domains relay_domains 2>/dev/null |
        awk '{
            count = split(tolower($0), names, /[, ]+/)
            for (i = 1; i <= count; i++) if (names[i] != "" && names[i] !~ /[:\/]/) print names[i]
        }' | sort -u
}

# queued_for FILE: the messages for domains that the file lists, those on hold left out.
queued_for() {
    postqueue -j 2>/dev/null | awk -v domains="$1" '
        BEGIN { while ((getline name < domains) > 0) wanted[name] = 1 }
        /"queue_name": "hold"/ { next }
        {
            gsub(/\\\\/, "")
            gsub(/\\"/, "")
            id = $0
            sub(/.*"queue_id": "/, "", id)
            sub(/".*/, "", id)
            split("", told)
            count = split($0, parts, "\"address\": \"")
            for (i = 2; i <= count; i++) {
                domain = parts[i]
                sub(/".*/, "", domain)
                sub(/.*@/, "", domain)
                domain = tolower(domain)
                if (domain in wanted && !told[domain]++) print id "\t" domain
            }
        }'
}

# queue_is_empty: nothing is on its way. postqueue would say so as well, and while Postfix is
# down leave a warning in the log that nobody could explain.
queue_is_empty() {
    queue=$(postconf -h queue_directory 2>/dev/null) && [ -d "$queue/deferred" ] &&
        [ -z "$(cd "$queue" && find maildrop incoming active deferred -type f -print -quit 2>/dev/null)" ]
}

# hold_mail BEFORE AFTER: files that list domains; mail for those that go is put on hold.
hold_mail() {
    [ -e "$1" ] && [ -e "$2" ] || return 0
    leaving=$(comm -23 "$1" "$2") || return 1
    [ -n "$leaving" ] || return 0
    printf '%s\n' "$leaving" >"$state/leaving" || return 1
    if have postqueue && ! queue_is_empty; then
        queued_for "$state/leaving" >"$state/held.new"
        if [ -s "$state/held.new" ]; then
            # What is noted and not on hold is only released once more.
            cat "$state/held.new" >>"$state/held" && sync "$state/held" || return 1
            cut -f 1 "$state/held.new" | sort -u | postsuper -h - 2>/dev/null
        fi
    fi
    rm -f "$state/leaving" "$state/held.new"
    return 0
}

# release_mail MAIN_CF: what was held goes on where that file has all its domains.
release_mail() {
    [ -s "$state/held" ] || return 0
    mail_domains "$1" >"$state/served"
    awk -F '\t' -v served="$state/served" '
        BEGIN { while ((getline name < served) > 0) has[name] = 1 }
        { ids[$1]; if (!($2 in has)) waits[$1] }
        END { for (id in ids) if (!(id in waits)) print id }' "$state/held" >"$state/released"
    if [ -s "$state/released" ]; then
        postsuper -H - <"$state/released" 2>/dev/null
        postqueue -f 2>/dev/null
    fi
    awk -F '\t' -v released="$state/released" '
        BEGIN { while ((getline id < released) > 0) gone[id] = 1 }
        !($1 in gone)' "$state/held" >"$state/held.new" && put_in_place "$state/held"
    rm -f "$state/released" "$state/served"
    [ -s "$state/held" ] || rm -f "$state/held"
    return 0
}

tell_held() {
    [ -s "$state/held" ] || return 0
    section held
    sort -u "$state/held"
}
