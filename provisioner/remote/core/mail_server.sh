# shellcheck shell=sh
# A mail server that somebody set up before mailprov came: what of it would end. Told only where
# nothing of mailprov's is in force. What of this a package brings by itself, its reader knows.

observe_mail_server() {
    case $generation_in_force in '' | 0) ;; *) return 0 ;; esac
    [ ! -d "$pending" ] || return 0
    # The state may be lost, and the files tell whose they are.
    ! head -n 1 /etc/postfix/main.cf | grep -q '^# Managed by mailprov' || return 0
    section mail-server
    folders=
    # Without a main.cf nothing is set up, and postconf(1) takes a second to say so each time.
    if have postconf && [ -e /etc/postfix/main.cf ]; then tell_postfix; fi
    ! have doveconf || tell_dovecot
    tell_mailboxes
} 2>/dev/null

# is_set_up UNIT...: one runs, or will when the host boots.
is_set_up() { systemctl -q is-active "$@" || systemctl -q is-enabled "$1"; }

# is_as_packaged PACKAGE FOLDER: each file below it is the package's, and as that brought it.
is_as_packaged() {
    have rpm && rpm -q "$1" >/dev/null && ! rpm -V "$1" | grep -q '^..5.* c ' &&
        ! find "$2" -type f -exec rpm -qf {} + | grep -q 'not owned'
}

tell_postfix() {
    if is_set_up postfix.service 'postfix@-.service'; then printf 'works\tpostfix\n'; fi
    { cat /proc/sys/kernel/hostname /etc/mailname; postconf -hx myhostname mydomain; } | sed "s/^/name$tab/"
    # A value goes on in the next line, behind white space.
    postconf -n | sed -n 's/^\([a-z0-9_]*\) = \{0,1\}/parameter\t\1\t/p'
    postconf -M | awk '{ print "service\t" $1 "/" $2 }'
    postconf -P | sed -n 's,^\([^ /]*/[^ /]*\)/\([^ =/]*\) = \{0,1\}\(.*\),override\t\1\t\2\t\3,p'
    # The packages' own lead to root, or to who reads root's.
    printf 'aliases\t%s\n' "$(sed -n '/^[^#[:space:]]/p' /etc/aliases | grep -cEv ':[[:space:]]*(root|postmaster|news|ftp|webmaster|/dev/null)?[[:space:]]*$')"
    queue=$(postconf -hx queue_directory)
    printf 'queue\t%s\n' "$(cd "$queue" && find maildrop incoming active deferred hold -type f | wc -l)"
    folders=$(postconf -hx virtual_mailbox_base)
}

tell_dovecot() {
    if is_set_up dovecot.service; then printf 'works\tdovecot\n'; fi
    settings=$(doveconf -n)
    printf '%s\n' "$settings" | sed "s/^/setting$tab/"
    # What the package brought: by its own copy, or by what rpm(8) knows of its files.
    pristine=/usr/share/dovecot/dovecot.conf
    if [ -r "$pristine" ]; then
        doveconf -n -c "$pristine" | sed "s/^/shipped$tab/"
    elif is_as_packaged dovecot /etc/dovecot; then
        printf '%s\n' "$settings" | sed "s/^/shipped$tab/"
    fi
    printf '%s\n' "$settings" | sed -n -e 's,^ *args = .*[ =]\(/[^ %]*\)$,\1,p' -e 's,^ *args = \(/[^ %]*\)$,\1,p' \
        -e 's,^ *passwd_file_path = \(/[^ %]*\)$,\1,p' | sort -u | while IFS= read -r file; do
        # Of other kinds than a list of users there are the ways into a database.
        case $file in *.ext | *.conf) continue ;; esac
        [ ! -f "$file" ] || printf 'users\t%s\t%s\n' "$file" "$(grep -c '^[^#:][^:]*:' "$file")"
    done
    folders="$folders
$(printf '%s\n' "$settings" | sed -n 's,^ *\(mail_location\|mail_home\|mail_path\|args\|home\) = .*[:= ]\(/[^%:~ ]*\)/%.*,\2,p;s,^ *\(mail_home\|mail_path\) = \(/[^%~ ]*\)/%.*,\2,p')"
}

# tell_mailboxes: rows of kind, folder, owner's uid, mailboxes and KiB. Those below the folder
# where mailprov itself keeps mail are no other server's.
tell_mailboxes() {
    for box in /var/mail/* /var/spool/mail/*; do
        [ "${box%/*}" != /var/spool/mail ] || [ ! -L /var/spool/mail ] || continue
        [ ! -f "$box" ] || [ ! -s "$box" ] ||
            stat -c "mailboxes${tab}spool${tab}${box%/*}${tab}%u${tab}1${tab}%s" "$box"
    done | awk -F '\t' -v OFS='\t' '{ print $1, $2, $3, $4, $5, int(($6 + 1023) / 1024) }'
    getent passwd | awk -F : '$3 >= 1000 && $3 < 65534 { print $3 "\t" $6 }' | while IFS="$tab" read -r uid home; do
        for box in Maildir mail mdbox sdbox; do
            [ -n "$(find "$home/$box" -type f -size +0 | head -n 1)" ] || continue
            printf 'mailboxes\thome\t%s\t%s\t1\t%s\n' "$box" "$uid" "$(size_of "$home/$box")"
        done
    done
    printf '%s\n' "$folders" /var/vmail /home/vmail /var/mail/vhosts /var/mail/virtual | sort -u | while IFS= read -r folder; do
        case $folder in /srv/vmail | /srv/vmail/* | /home | /var/mail | /var/spool/mail | '' | /) continue ;; esac
        [ -d "$folder" ] || continue
        count=$(timeout 5 find "$folder" -maxdepth 6 -type d \( -name cur -o -name dbox-Mails \) -prune | sed 's,/\.[^/]*/cur$,/cur,' | sort -u | wc -l)
        [ "$count" -eq 0 ] || printf 'mailboxes\tvirtual\t%s\t1000\t%s\t%s\n' "$folder" "$count" "$(size_of "$folder")"
    done
}

# size_of FOLDER: in KiB; `-` where that would take too long to find out.
size_of() {
    size=$(timeout 5 du -sk "$1") || size=-
    printf '%s\n' "${size%%"$tab"*}"
}
