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
# him, and who goes until it does not: no mail that was accepted is bounced. (Where Postfix's tables
# are replaced, a session that is open knows the old one until its client leaves.)

# By key each row costs a write to the disk; making all anew costs a look at every row, and
# the daemons have to open what is new.
most_by_key=2000

no_content=e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855

# change_table TABLE CHANGED DIGEST TYPE: shards that lie in the folder CHANGED replace those of
# the table, an empty one takes its own away; DIGEST is the table's after that, TYPE that of
# Postfix's tables.
change_table() {
    maps=$4
    heal_table "$1"
    finish_earlier "$1" && write_journal "$@" && finish_table "$1"
}

write_journal() {
    next=$1/journal.new
    rm -rf "$next" && mkdir "$next" "$next/shards" || return 1
    digests_in "$2" >"$next/changed" && cut -c 67- "$next/changed" >"$next/names" &&
        (cd "$1/shards" && those_there) <"$next/names" >"$next/there" &&
        rows_in "$1/shards" "$next/there" "$next/before" && rows_in "$2" "$next/names" "$next/after" &&
        compare_rows "$next" &&
        awk -v none="$no_content" 'index($0, none) == 1 { print $2 }' "$next/changed" >"$next/dropped" &&
        awk -v none="$no_content" 'index($0, none) != 1' "$next/changed" >"$next/filled" || return 1
    shard_digests "$1" | awk '!there { changed[$2]; next } !($2 in changed)' "$next/changed" there=1 - |
        cat - "$next/filled" | sort -k 2 >"$next/digests"
    is_digest "$3" <"$next/digests" || return 1
    how=by-key
    [ ! -d "$1/journal" ] || carry_over "$next" "$1/journal" || return 1
    if [ -d "$1/journal" ] || ! is_sealed "$1" || ! maps_of "$1" | grep -qx "$maps" || [ "$(cat "$next/come" "$next/gone" | wc -l)" -gt "$most_by_key" ]; then how=anew; fi
    echo "$how" >"$next/how" && cut -c 67- "$next/filled" >"$next/names" &&
        (cd "$2" && xargs -r mv -f -t "$next/shards") <"$next/names" &&
        (cd "$next" && rm -f changed filled names there before after left) &&
        sync -f "$next" && retire_journal "$1" && mv -T "$next" "$1/journal" && sync "$1"
}

# compare_rows JOURNAL: who comes, who goes and who loses a password, of the rows before and after.
compare_rows() {
    comm -13 "$1/before" "$1/after" >"$1/come" && comm -23 "$1/before" "$1/after" >"$1/left" &&
        awk -F '\t' '!left { come[$1 FS $2]; next } !(($1 FS $2) in come)' "$1/come" left=1 "$1/left" >"$1/gone" &&
        awk -F '\t' '$1 == "users" { print $2 }' "$1/left" >"$1/lost"
}

is_digest() {
    [ "$(digest_of_input)" = "$1" ] && return 0
    echo "the shards that came, with those that were there, do not make the table that is wanted"
    return 1
}

# finish_earlier TABLE: carry out the change that another apply had under way, if there is one.
# Where a shard was edited since, the tables are not made from that: the journal stays, for the
# next one to take over.
finish_earlier() {
    [ -d "$1/journal" ] || return 0
    move_shards "$1" && digests_in "$1/shards" >"$1/journal/there" || return 1
    if cmp -s "$1/journal/there" "$1/journal/digests"; then finish_table "$1"; fi
}

# carry_over JOURNAL EARLIER: what the earlier change would have told, and was to keep.
carry_over() {
    cat "$2/lost" >>"$1/lost" &&
        awk -F '\t' '!there { after[$1 FS $2]; next } !(($1 FS $2) in after)' "$1/after" there=1 "$2/gone" >>"$1/gone"
}

move_shards() {
    with_shards "$1/journal/shards" mv -f -t "$1/shards" && (cd "$1/shards" && xargs -r rm -f) <"$1/journal/dropped"
}

# finish_table TABLE: carry out the change under way from its beginning.
finish_table() {
    way=$1/journal
    move_shards "$1" || return 1
    how=$(cat "$way/how")
    # A database or a map that is lost or damaged takes no rows by key.
    if [ "$how" = by-key ] && ! { admit_by_key "$1" && change_maps "$1"; }; then
        make_anew "$1" && how=anew || return 1
    fi
    [ "$how" = by-key ] || change_anew "$1" || return 1
    forget_mailboxes "$1" && drop_foreign_maps "$1" || return 1
    cp "$way/digests" "$1/digests.new" && put_in_place "$1/digests" && sync -f "$1" && seal_table "$1" || return 1
    end_sessions_now "$way/lost" && cat "$way/lost" >>"$lost" || return 1
    retire_journal "$1"
}

# Those of another type were the release's before. While main.cf still names them they stay: the
# configuration that comes with the new ones may return.
drop_foreign_maps() {
    for type in lmdb cdb; do
        [ "$type" = "$maps" ] || [ "$type" = "$(maps_in_use "$1")" ] || rm -f "$1"/*."$type"
    done
}

retire_journal() {
    [ -d "$1/journal" ] || return 0
    rm -rf "$1/journal.old" && mv -T "$1/journal" "$1/journal.old" && sync "$1" && rm -rf "$1/journal.old"
}

make_anew() { echo anew >"$1/journal/how.new" && put_in_place "$1/journal/how"; }

# change_anew TABLE: who has the old database open, which may be for as long as a session, is
# to know who came and not to know who went either. It may be past reading. Mailboxes that go
# stay in it: nobody asks for them any more.
change_anew() {
    admit_by_key "$1" >/dev/null 2>&1
    derive "$1" "$1/journal/digests" "$1/journal/gone" && place_database "$1" && place_maps "$1"
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
PRAGMA cache_size=-65536;
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

change_maps() {
    # One that is lost is missed even where no row of it changes.
    for name in $postfix_tables; do [ -e "$1/$name.$maps" ] || return 1; done
    if [ "$maps" = lmdb ]; then change_maps_by_key "$1"; else replace_maps "$1"; fi
}

# replace_maps TABLE: those of which rows came or went.
replace_maps() {
    names=
    for name in $postfix_tables; do
        grep -q "^$name$tab" "$1/journal/come" "$1/journal/gone"
        case $? in 0) names="$names $name" ;; 1) ;; *) return 1 ;; esac
    done
    [ -n "$names" ] || return 0
    # Mailboxes are no table of Postfix's: none have to stay.
    # shellcheck disable=SC2086
    gather_tables "$1" "$1/journal/digests" /dev/null && fill_maps $names && guard_maps "$1" &&
        sync -f "$build" && place_maps "$1"
}

# postmap(1) passes over what it does not understand: what came and what went is asked for
# again. It fails to delete what is not there, which is so after a change that broke off.
change_maps_by_key() {
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
        if still=$(postmap -q - "$map" 2>&1 <"$1/journal/rows") || [ $? -ne 1 ] || [ -n "$still" ]; then
            echo "$map did not let go of what went"
            return 1
        fi
    done
}

# Who reads a table that is replaced keeps the old one open. What a change of it had begun is
# not the new one's to take back.
place_database() {
    rm -f "$1/users.sqlite-journal" && mv -f "$1/build/users.sqlite" "$1/" && sync "$1" || return 1
    is_read "$1" && systemctl -q is-active dovecot.service || return 0
    systemctl reload dovecot.service && await_mailbox "$(rows mailboxes <"$1/journal/come" | head -n 1 | cut -f 1)"
}

place_maps() {
    mv -f "$1/build"/*."$maps" "$1/" && sync "$1" && rm -rf "$1/build" || return 1
    is_read "$1" && systemctl -q is-active postfix.service || return 0
    systemctl reload postfix.service
}

is_read() { [ -n "$(maps_in_use "$1")" ]; }

make_way() {
    if [ -d "$1" ] && [ ! -L "$1" ]; then
        rm -rf "$1.mailprov-old" && mv -T "$1" "$1.mailprov-old"
    else
        rm -f "$1"
    fi
}

# await_mailbox NAME: a reload is asked for, and done in a moment.
await_mailbox() {
    waited=0
    until [ -z "$1" ] || doveadm user "$1" >/dev/null 2>&1 </dev/null; do
        waited=$((waited + 1))
        [ "$waited" -le 50 ] || { echo "Dovecot does not know $1"; return 1; }
        sleep 0.2
    done
}

# create_table TABLE CHANGED DIGEST TYPE: it is not there yet, or no table. A folder in its place
# is kept beside it until this is confirmed.
create_table() {
    maps=$4
    new=$1.mailprov-new
    rm -rf "$new" && mkdir "$new" "$new/shards" "$new/journal" && chmod 755 "$new" || return 1
    : >"$new/journal/come" && : >"$new/journal/gone" && digests_in "$2" >"$new/digests" || return 1
    is_digest "$3" <"$new/digests" || return 1
    with_shards "$2" mv -t "$new/shards" &&
        derive "$new" "$new/digests" "$new/journal/gone" && place_database "$new" && place_maps "$new" &&
        rm -rf "$new/journal" && seal_table "$new" && sync -f "$new" &&
        make_way "$1" && mv -T "$new" "$1" && sync_folder "$1" || return 1
    # One that was there before may still be open somewhere.
    ! is_read "$1" || for unit in dovecot.service postfix.service; do
        ! systemctl -q is-active "$unit" || systemctl reload "$unit" || return 1
    done
}
