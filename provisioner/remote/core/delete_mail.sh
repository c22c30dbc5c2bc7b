# shellcheck shell=sh
# Delete the mail of a user that the host no longer has. Arguments:
#
#     OWNER virtual ADDRESS HOME ACCOUNT FOLDER     HOME goes, which is ACCOUNT's; FOLDER has
#                                                   the lists of users
#     OWNER system NAME HOME GROUP MAILBOX          MAILBOX below HOME and the filters go;
#                                                   account and home stay
#
# The names have no white space and no dots that lead upwards: the model refuses them. It
# deletes what it was asked to and nothing that a link or a mount leads to: where anything
# is not as expected it refuses.
#
# Exit status: 0 done, 65 refused (nothing was deleted, or what was named as deleted), 70
# a deletion failed, 75 another transaction holds the lock, or waits to be confirmed, which a long
# deletion must not keep it from.

refuse() {
    section refused
    printf '|%s\n' "$1"
    exit 65
}

# enter FOLDER: stand in it, so that whoever swaps a part of its path moves nothing.
enter() {
    if [ ! -e "$1" ]; then
        section absent "$1"
        return 1
    fi
    cd -P "$1" || refuse "$1 cannot be entered"
    [ "$(pwd -P)" = "$1" ] || refuse "$1 is or lies below a symbolic link"
}

# expect_folder NAME OWNER: refuse unless NAME, here, is a folder of OWNER's on this file system.
expect_folder() {
    place=$(pwd -P)/$1
    [ ! -L "./$1" ] || refuse "$place is a symbolic link"
    [ -d "./$1" ] || refuse "$place is no folder"
    [ "$(stat -c %U "./$1")" = "$2" ] || refuse "$place belongs to $(stat -c %U "./$1"), not to $2"
    mounted=$(awk -v place="$place" '$5 == place || index($5, place "/") == 1 { print $5 }' /proc/self/mountinfo)
    [ -z "$mounted" ] || refuse "something is mounted at $mounted"
}

# delete_here NAME: delete it with all that is below it; links go, what they lead to stays.
delete_here() {
    place=$(pwd -P)/$1
    if ! complaint=$(rm -rf --one-file-system -- "./$1" 2>&1) || [ -e "./$1" ]; then
        section failed "$place"
        printf '%s\n' "$complaint" | sed 's/^/|/'
        exit 70
    fi
    sync .
    section deleted "$place"
}

# refuse_user ADDRESS FOLDER: whom Dovecot lets log in, or has a mailbox for, is a user. Of many users
# (tables.sh) the one shard is read that has the name if any has.
refuse_user() {
    if is_table "$users_table"; then
        [ ! -d "$users_table/journal" ] || refuse "a change of the host's users broke off: apply first"
        shard=$users_table/shards/$(printf %s "$1" | md5sum | cut -c 1-3)
        [ -e "$shard" ] || return 0
        awk -F '\t' -v name="$1" '($1 == "users" || $1 == "mailboxes") && $2 == name { found = 1 } END { exit !found }' "$shard"
        case $? in
            0) refuse "$1 is still a user of this host ($shard)" ;;
            1) return 0 ;;
            *) refuse "$shard cannot be read" ;;
        esac
    fi
    for list in "$2/users" "$2/mailboxes"; do
        [ -f "$list" ] || refuse "$list is missing: this is no store of virtual users"
        ! listed "$1" "$list" || refuse "$1 is still a user of this host ($list)"
    done
}

listed() { awk -F : -v name="$1" '$1 == name { found = 1 } END { exit !found }' "$2"; }

delete_virtual() {
    refuse_user "$1" "$4"
    enter "${2%/*}" || return 0
    if [ -e "./${2##*/}" ] || [ -L "./${2##*/}" ]; then
        expect_folder "${2##*/}" "$3"
        delete_here "${2##*/}"
    else
        section absent "$2"
    fi
}

delete_system() {
    entry=$(getent passwd "$1") || refuse "there is no account $1"
    [ "$(printf '%s' "$entry" | cut -d : -f 6)" = "$2" ] || refuse "the home of $1 is not $2"
    [ "$(printf '%s' "$entry" | cut -d : -f 4)" = "$(getent group "$3" | cut -d : -f 3)" ] ||
        refuse "the primary group of $1 is not $3"
    case $(getent shadow "$1" | cut -d : -f 2) in
        '!'*) ;;
        *) refuse "the account $1 is not locked" ;;
    esac
    [ -f "$state/directory/left" ] || refuse "mailprov never changed this host"
    ! rows account <"$state/directory/left" | grep -qxF "$1" ||
        refuse "$1 is still a user of this host"
    enter "$2" || return 0
    [ "$(stat -c %U .)" = "$1" ] || refuse "$2 belongs to $(stat -c %U .), not to $1"
    if [ -e "./sieve" ] || [ -L "./sieve" ]; then expect_folder sieve "$1"; fi
    inner=${4%/*}
    [ "$inner" = "$4" ] || enter "$2/$inner" || inner=
    name=${4##*/}
    if [ -n "$inner" ] && { [ -e "./$name" ] || [ -L "./$name" ]; }; then
        expect_folder "$name" "$1"
        delete_here "$name"
    else
        section absent "$2/$4"
    fi
    enter "$2"
    for name in sieve .dovecot.sieve .dovecot.svbin .dovecot.sieve.log; do
        if [ -e "./$name" ] || [ -L "./$name" ]; then delete_here "$name"; fi
    done
}

trap '' PIPE
lock_host "$1"
trap 'rm -f "$state/holder"' EXIT
refuse_if_pending
trap 'exit 130' HUP INT TERM
case $4/ in
    */../* | */./* | *//*) refuse "$4 is no plain path" ;;
    /srv/vmail/*/* | /home/*) ;;
    *) refuse "$4 is no home of a mail user" ;;
esac
case $2 in
    virtual) delete_virtual "$3" "$4" "$5" "$6" ;;
    system) delete_system "$3" "$4" "$5" "$6" ;;
esac
section finished
