# shellcheck shell=sh
# What the daemons look keys up in is made from the shards of a table (tables.sh), in TABLE/build,
# and guarded before it takes its place. No pipeline hides a program that failed: rows and digests
# are compared.
#
# maps: the type of Postfix's tables.

# derive TABLE DIGESTS GONE: make the daemons' tables from the shards that are listed in DIGESTS,
# in TABLE/build. Mailboxes in GONE stay until Postfix takes no mail for them.
derive() {
    # shellcheck disable=SC2086
    gather_tables "$@" && fill_database && fill_maps $postfix_tables &&
        chown root:dovecot "$build/users.sqlite" && chmod 640 "$build/users.sqlite" && guard_maps "$1" && sync -f "$build"
}

# gather_tables TABLE DIGESTS GONE: what each of the tables will say, as TABLE/build/NAME.
gather_tables() {
    build=$1/build
    rm -rf "$build" && mkdir "$build" && gather_rows "$1" "$2" "$build" || return 1
    for name in users mailboxes $postfix_tables; do : >"$build/$name" || return 1; done
    awk -F '\t' '$1 == "mailboxes"' "$3" >"$build/staying" &&
        awk -F '\t' -v folder="$build" '{ print $2 "\t" $3 >(folder "/" $1) }' "$build/rows" "$build/staying" || return 1
    [ "$(cat "$build/rows" "$build/staying" | wc -l)" = "$(for name in users mailboxes $postfix_tables; do cat "$build/$name"; done | wc -l)" ] ||
        { echo "rows of the shards were lost"; return 1; }
}

fill_database() {
    sql "$build/users.sqlite" >/dev/null <<SQL || return 1
PRAGMA journal_mode=OFF;
PRAGMA synchronous=OFF;
PRAGMA cache_size=-65536;
CREATE TABLE users (name TEXT PRIMARY KEY NOT NULL, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE mailboxes (name TEXT PRIMARY KEY NOT NULL, value TEXT NOT NULL) WITHOUT ROWID;
.mode ascii
.separator "\t" "\n"
.import $build/users users
.import $build/mailboxes mailboxes
SQL
    # Without room on the disk, rows may be missing.
    [ "$(sql "$build/users.sqlite" 'SELECT count(*) FROM users UNION ALL SELECT count(*) FROM mailboxes')" = \
        "$(for name in users mailboxes; do wc -l <"$build/$name"; done)" ] || { echo "users.sqlite lacks rows"; return 1; }
}

# fill_maps NAME...
fill_maps() {
    for name in "$@"; do
        postmap "$maps:$build/$name" || return 1
        [ "$(filled_rows "$name" | digest_of_input)" = "$(digest_of_input <"$build/$name")" ] ||
            { echo "$name.$maps lacks rows"; return 1; }
    done
}

# filled_rows NAME: what the table just made has of the rows it was made of.
filled_rows() {
    case $maps in
        lmdb) postmap -s "lmdb:$build/$1" | sort -T "$build" ;;
        cdb) cut -f 1 "$build/$1" | postmap -q - "cdb:$build/$1" ;;
    esac
}

guard_maps() { chown root:postfix "$build"/*."$maps" && chmod 640 "$build"/*."$maps" && label_maps "$1"; }

# label_maps TABLE: Postfix's processes may map what has the type of its configuration, wherever
# it lies; Dovecot's may read what has that of /var/lib (the policy of EL 9). The rule stays
# when the table goes.
label_maps() {
    selinux_on || return 0
    place=${1%.mailprov-new}
    case $(matchpathcon -n "$place/recipients.$maps") in
        *:postfix_etc_t | *:postfix_etc_t:*) ;;
        *) ! have semanage || label_rule "$place/.*\.$maps" postfix_etc_t || return 1 ;;
    esac
    chcon -t postfix_etc_t "$1/build"/*."$maps"
}
