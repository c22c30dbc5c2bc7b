# shellcheck shell=sh
# A directory too large for text files: a table in shards, and what the daemons look keys up
# in. Its folder has
#
#   shards/SHARD    the rows whose key's MD5 begins with SHARD, `TABLE KEY VALUE` (tabbed)
#   digests         sha256sum(1) of the shards; the digest of this list is the table's
#   users.sqlite    Dovecot's: who may log in, and where mail lies
#   NAME.TYPE       Postfix's: `lmdb`, in which single keys are changed, or `cdb`, made anew for each
#                   change
#   seal            digest of a listing of all these: nobody touched them since they were left
#   journal/        a change that is under way (table_change.sh)
#
# Where the seal is whole, nothing of the table has to be read to know it. Where it is not,
# all of it is.

postfix_tables='recipients aliases senders'

# maps_in_use TABLE: the type that Postfix looks up in there, nothing where it does not.
maps_in_use() { postconf -h virtual_mailbox_maps 2>/dev/null | grep -o "[a-z]*:$1/" | head -n 1 | cut -d : -f 1; }

# maps_of TABLE: the type of each of Postfix's tables in there; but for a moment it is the same.
maps_of() { for table in "$1"/*.lmdb "$1"/*.cdb; do [ ! -e "$table" ] || echo "${table##*.}"; done; }

# maps_to_make TABLE: the type that is in use, or where nothing says which, one that is there.
maps_to_make() { maps_in_use "$1" | grep . || maps_of "$1" | head -n 1; }

is_table() { [ -d "$1/shards" ]; }

# take_away PATH: a file, or a table, which is there as a whole or not at all.
take_away() {
    if is_table "$1"; then
        drop_folder "$1"
    else
        rm -f "$1"
    fi
}

drop_folder() { mv -T "$1" "$1.mailprov-new" && rm -rf "$1.mailprov-new"; }

digest_of_input() {
    digest=$(sha256sum) && printf '%s\n' "${digest%% *}"
}

# The change time says more than any other date: nobody can set it. That of the folder of
# shards changes with each name in there.
list_table() {
    (cd "$1" && find shards digests ./*.sqlite* ./*.lmdb ./*.cdb \( -type f -o -path shards \) -printf '%p %s %i %m %U %G %C@\n' 2>/dev/null | sort)
}

# A listing that failed is empty, and is nobody's seal.
seal_of() { listing=$(list_table "$1") && [ -n "$listing" ] && printf '%s\n' "$listing" | digest_of_input; }

seal_table() { seal_of "$1" >"$1/seal.new" && put_in_place "$1/seal"; }

is_sealed() { [ -s "$1/seal" ] && sealing=$(seal_of "$1") && [ "$sealing" = "$(cat "$1/seal")" ]; }

# with_shards FOLDER COMMAND...: the command with the shards in the folder, by name, as its last
# arguments, if there are any. What fails here is told: a table must not seem to lack shards.
with_shards() (
    cd "$1" && shards=$(find . -type f -name '[0-9a-f][0-9a-f][0-9a-f]' -printf '%P\n') &&
        shards=$(printf '%s\n' "$shards" | sort) || exit 1
    shift
    # shellcheck disable=SC2086
    [ -z "$shards" ] || "$@" $shards
)

digests_in() { with_shards "$1" sha256sum; }

# shard_digests TABLE: of its shards, as they are, or will be once the change under way is
# through. What is in the folder may have been edited since that broke off.
shard_digests() {
    if [ -d "$1/journal" ]; then
        {
            digests_in "$1/shards" | awk '!there { dropped[$1]; next } !($2 in dropped)' "$1/journal/dropped" there=1 -
            digests_in "$1/journal/shards"
        } | awk '{ of[$2] = $0 } END { for (name in of) print of[name] }' | sort -k 2
    elif is_sealed "$1"; then
        cat "$1/digests"
    else
        digests_in "$1/shards"
    fi
}

# digest_at PATH: of a file's content, or of a table.
digest_at() {
    if is_table "$1"; then shard_digests "$1" | digest_of_input; else digest_of_input <"$1"; fi
}

# sql DATABASE [STATEMENT]: statements come on standard input else.
sql() { sqlite3 -batch -bail -init /dev/null -separator "$tab" "$@"; }

# copy_table TABLE COPY LAST: its shards, for the directory's history; what the copy LAST has
# is shared with it.
copy_table() {
    mkdir -p "$2" || return 1
    if is_table "$3"; then
        cp -al "$3/shards" "$2/shards" &&
            sort "$3/digests" "$1/digests" | uniq -u | cut -c 67- | sort -u >"$2/differ" &&
            (cd "$2/shards" && xargs -r rm -f) <"$2/differ" &&
            (cd "$1/shards" && those_there | xargs -r cp -t "$2/shards") <"$2/differ" &&
            rm -f "$2/differ"
    else
        cp -a "$1/shards" "$2/shards"
    fi && cp "$1/digests" "$2/digests"
}

# those_there < NAMES: the names of what is in the folder.
those_there() { while IFS= read -r name; do [ ! -e "$name" ] || printf '%s\n' "$name" || return 1; done; }

# A change of the database that was cut off is taken back by who may write there, and that
# is not Dovecot.
heal_table() {
    [ ! -e "$1/users.sqlite-journal" ] || sql "$1/users.sqlite" 'SELECT count(*) FROM users' >/dev/null
}
