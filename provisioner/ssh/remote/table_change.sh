# shellcheck shell=sh
# A change of a table in shards (tables.sh). All of it is written down first, in TABLE/journal:
#
#   shards/     the new shards          dropped     shards that go
#   come        rows that are new       gone        rows whose key goes
#   lost        users whose password is not what it was
#   how         `by-key`, or `anew` where the daemons' tables are made from the shards
#   digests     of the whole table after the change
#
# One rename decides it, and from there it goes on to its end however often it breaks off:
# each step bears being repeated. Who comes can be delivered to before Postfix takes mail for
# him, and who goes until it does not: no mail that was accepted is bounced.

# By key each row costs a write to the disk; making all anew costs a look at every row, and
# the daemons have to open what is new.
most_by_key=2000

no_content=e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855

# change_table TABLE CHANGED DIGEST: shards that lie in the folder CHANGED replace those of the
# table, an empty one takes its own away; DIGEST is the table's after that.
change_table() {
    heal_table "$1"
    finish_table "$1" && write_journal "$@" && finish_table "$1"
}

write_journal() {
    next=$1/journal.new
    rm -rf "$next" && mkdir "$next" "$next/shards" || return 1
    digests_in "$2" >"$next/changed" && cut -c 67- "$next/changed" >"$next/names" &&
        (cd "$1/shards" && those_there | xargs -r cat) <"$next/names" | sort >"$next/before" &&
        (cd "$2" && xargs -r cat) <"$next/names" | sort >"$next/after" &&
        comm -13 "$next/before" "$next/after" >"$next/come" &&
        comm -23 "$next/before" "$next/after" >"$next/left" &&
        awk -F '\t' '!left { come[$1 FS $2]; next } !(($1 FS $2) in come)' "$next/come" left=1 "$next/left" >"$next/gone" &&
        rows users <"$next/left" | cut -f 1 >"$next/lost" &&
        grep "^$no_content" "$next/changed" | cut -c 67- >"$next/dropped" || return 1
    shard_digests "$1" | awk '!there { changed[$2]; next } !($2 in changed)' "$next/changed" there=1 - |
        cat - "$next/changed" | grep -v "^$no_content" | sort -k 2 >"$next/digests"
    is_digest "$3" <"$next/digests" || return 1
    how=by-key
    if ! is_sealed "$1" || [ "$(cat "$next/come" "$next/gone" | wc -l)" -gt "$most_by_key" ]; then how=anew; fi
    echo "$how" >"$next/how" && (cd "$2" && grep -vxF -f "$next/dropped" | xargs -r mv -f -t "$next/shards") <"$next/names" &&
        (cd "$next" && rm -f changed names before after left) &&
        sync -f "$next" && mv -T "$next" "$1/journal" && sync "$1"
}

is_digest() {
    [ "$(digest_of_input)" = "$1" ] && return 0
    echo "the shards that came, with those that were there, do not make the table that is wanted"
    return 1
}

# finish_table TABLE: carry out the change under way, if there is one, from its beginning.
finish_table() {
    way=$1/journal
    [ -d "$way" ] || return 0
    (cd "$way/shards" && find_shards | xargs -r mv -f -t "$1/shards") &&
        (cd "$1/shards" && xargs -r rm -f) <"$way/dropped" || return 1
    case $(cat "$way/how") in
        by-key) admit_by_key "$1" && change_maps "$1" ;;
        *) derive "$1" "$way/gone" && place_database "$1" && place_maps "$1" ;;
    esac && forget_mailboxes "$1" || return 1
    cp "$way/digests" "$1/digests.new" && put_in_place "$1/digests" && sync -f "$1" && seal_table "$1" || return 1
    end_sessions_of "$way/lost"
    rm -rf "$1/journal.old" && mv -T "$way" "$1/journal.old" && sync "$1" && rm -rf "$1/journal.old"
}

# transaction TABLE STATEMENTS: with the journal's rows as tables `come` and `gone`. Names and
# values are read from files as they are, and are no part of a statement.
transaction() {
    sql "$1/users.sqlite" >/dev/null <<SQL
.timeout 20000
.mode ascii
.separator "\t" "\n"
PRAGMA synchronous=EXTRA;
PRAGMA temp_store=MEMORY;
CREATE TEMP TABLE come (kind, name, value);
CREATE TEMP TABLE gone (kind, name, value);
.import $1/journal/come come
.import $1/journal/gone gone
BEGIN IMMEDIATE;
$2
COMMIT;
SQL
}

admit_by_key() {
    transaction "$1" "
        REPLACE INTO mailboxes SELECT name, value FROM come WHERE kind = 'mailboxes';
        REPLACE INTO users SELECT name, value FROM come WHERE kind = 'users';
        DELETE FROM users WHERE name IN (SELECT name FROM gone WHERE kind = 'users');"
}

forget_mailboxes() {
    ! grep -q "^mailboxes$tab" "$1/journal/gone" ||
        transaction "$1" "DELETE FROM mailboxes WHERE name IN (SELECT name FROM gone WHERE kind = 'mailboxes');"
}

# postmap(1) passes over what it does not understand: what came is asked for again. It fails
# to delete what is not there, which is so after a change that broke off.
change_maps() {
    for name in $postfix_tables; do
        map=lmdb:$1/$name
        rows "$name" <"$1/journal/come" >"$1/journal/rows" || return 1
        if [ -s "$1/journal/rows" ]; then
            postmap -i -r "$map" <"$1/journal/rows" || return 1
            [ "$(cut -f 1 "$1/journal/rows" | postmap -q - "$map" | digest_of_input)" = "$(digest_of_input <"$1/journal/rows")" ] ||
                { echo "$map did not take what came"; return 1; }
        fi
        rows "$name" <"$1/journal/gone" | cut -f 1 >"$1/journal/rows" || return 1
        [ -s "$1/journal/rows" ] || continue
        complaint=$(postmap -d - "$map" 2>&1 <"$1/journal/rows")
        case $complaint in *fatal:* | *error:*) printf '%s\n' "$complaint"; return 1 ;; esac
    done
}

# derive TABLE GONE: make the daemons' tables from the shards, in TABLE/build. Mailboxes in
# GONE stay until Postfix takes no mail for them.
derive() {
    build=$1/build
    rm -rf "$build" && mkdir "$build" || return 1
    for name in users mailboxes $postfix_tables; do : >"$build/$name" || return 1; done
    { all_rows "$1"; grep "^mailboxes$tab" "$2"; } |
        awk -F '\t' -v folder="$build" '{ print $2 "\t" $3 >(folder "/" $1) }' || return 1
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
    for name in $postfix_tables; do
        postmap "lmdb:$build/$name" || return 1
        [ "$(postmap -s "lmdb:$build/$name" | sort | digest_of_input)" = "$(digest_of_input <"$build/$name")" ] ||
            { echo "$name.lmdb lacks rows"; return 1; }
    done
    chown root:dovecot "$build/users.sqlite" && chown root:postfix "$build"/*.lmdb &&
        chmod 640 "$build/users.sqlite" "$build"/*.lmdb && sync -f "$build"
}

# Who reads a table that is replaced keeps the old one open. What a change of it had begun is
# not the new one's to take back.
place_database() {
    rm -f "$1/users.sqlite-journal" && mv -f "$1/build/users.sqlite" "$1/" && sync "$1" || return 1
    is_read "$1" && systemctl -q is-active dovecot.service || return 0
    systemctl reload dovecot.service && await_mailbox "$(rows mailboxes <"$1/journal/come" | head -n 1 | cut -f 1)"
}

place_maps() {
    mv -f "$1/build"/*.lmdb "$1/" && sync "$1" && rm -rf "$1/build" || return 1
    is_read "$1" && systemctl -q is-active postfix.service || return 0
    systemctl reload postfix.service
}

is_read() { postconf -h virtual_mailbox_maps 2>/dev/null | grep -qF "lmdb:$1/"; }

# await_mailbox NAME: a reload is asked for, and done in a moment.
await_mailbox() {
    waited=0
    until [ -z "$1" ] || doveadm user "$1" >/dev/null 2>&1 </dev/null; do
        waited=$((waited + 1))
        [ "$waited" -le 50 ] || { echo "Dovecot does not know $1"; return 1; }
        sleep 0.2
    done
}

# create_table TABLE CHANGED DIGEST: it is not there yet, or no table.
create_table() {
    new=$1.mailprov-new
    rm -rf "$new" && mkdir "$new" "$new/shards" "$new/journal" && chmod 755 "$new" || return 1
    : >"$new/journal/come" && : >"$new/journal/gone" && digests_in "$2" >"$new/digests" || return 1
    is_digest "$3" <"$new/digests" || return 1
    (cd "$2" && find_shards | xargs -r mv -t "$new/shards") &&
        derive "$new" "$new/journal/gone" && place_database "$new" && place_maps "$new" &&
        rm -rf "$new/journal" && seal_table "$new" && sync -f "$new" &&
        mv -T "$new" "$1" && sync_folder "$1" || return 1
    # One that was there before may still be open somewhere.
    ! is_read "$1" || for unit in dovecot.service postfix.service; do
        ! systemctl -q is-active "$unit" || systemctl reload "$unit" || return 1
    done
}
