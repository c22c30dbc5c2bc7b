# shellcheck shell=sh
# The rows of a table in shards (tables.sh), and of what the daemons read in their place.

# sorted: nothing of what does not fit into memory lies where others could see it.
sorted() { sort -T "$state"; }

# Rows that could not be read or sorted must not look like a table that has none.
all_rows() { { with_shards "$1/shards" cat || echo unreadable; } | { sorted || echo unsorted; }; }

# derived_rows TABLE TYPE
derived_rows() {
    for name in users mailboxes; do
        sql "$1/users.sqlite" "SELECT '$name', name, value FROM $name" 2>/dev/null
    done
    case $2 in
        lmdb) for name in $postfix_tables; do postmap -s "lmdb:$1/$name" 2>/dev/null | sed "s/^/$name$tab/"; done ;;
        cdb) rows_of_likeness "$1" ;;
    esac
}

# Postfix cannot list what a cdb file has. One that is made of the same rows is the same file.
rows_of_likeness() {
    # Of one who was cut off; others may be looking just now.
    find "$state" -maxdepth 1 -name 'likeness.*' -mmin +60 -exec rm -rf {} +
    likeness=$(mktemp -d "$state/likeness.XXXXXX") || return 1
    all_rows "$1" | awk -F '\t' '$1 != "users"' >"$likeness/rows"
    for name in $postfix_tables; do
        awk -F '\t' -v name="$name" '$1 == name { print $2 "\t" $3 }' "$likeness/rows" >"$likeness/$name" &&
            postmap "cdb:$likeness/$name" && cmp -s "$likeness/$name.cdb" "$1/$name.cdb" && sed "s/^/$name$tab/" "$likeness/$name"
    done 2>/dev/null
    rm -rf "$likeness"
}

# are_derived_right TABLE TYPE: what the daemons read is what the shards say, for their eyes only.
are_derived_right() {
    [ "$(derived_rows "$@" | sorted | digest_of_input)" = "$(all_rows "$1" | digest_of_input)" ] &&
        [ -z "$(cd "$1" && {
            find shards \( -type d ! -perm 700 \) -o \( -type f ! -perm 600 \) -o ! -user root
            find ./*.sqlite ! \( -perm 640 -user root -group dovecot \)
            find ./*."$2" ! \( -perm 640 -user root -group postfix \)
        } 2>&1)" ]
}

# rows_in FOLDER NAMES FILE: the rows of the shards named, in order. No pipeline: that of a
# program which failed would be an empty list.
rows_in() {
    (cd "$1" && xargs -r cat) <"$2" >"$3.unsorted" && sort -T "${3%/*}" "$3.unsorted" >"$3" && rm -f "$3.unsorted"
}

# gather_rows TABLE DIGESTS FOLDER: all rows of the shards that the list has, in order, as
# FOLDER/rows. Each part is looked at: a table that lacks rows has users who are refused for good.
gather_rows() {
    [ ! -s "$2" ] || (cd "$1/shards" && sha256sum -c --status "$2") || { echo "the shards are not those that are listed"; return 1; }
    cut -c 67- "$2" >"$3/names" && rows_in "$1/shards" "$3/names" "$3/rows" &&
        (cd "$1/shards" && xargs -r awk 'END { print NR }') <"$3/names" >"$3/counts" || return 1
    [ "$(awk '{ rows += $1 } END { print rows + 0 }' "$3/counts")" = "$(awk 'END { print NR }' "$3/rows")" ] ||
        { echo "not all rows of the shards were gathered"; return 1; }
}
