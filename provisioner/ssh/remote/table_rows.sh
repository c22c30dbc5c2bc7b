# shellcheck shell=sh
# The rows of a table in shards (tables.sh), and of what the daemons read in their place.

all_rows() { (cd "$1/shards" && find_shards | xargs -r cat) | sort; }

derived_rows() {
    for name in users mailboxes; do
        sql "$1/users.sqlite" "SELECT '$name', name, value FROM $name" 2>/dev/null
    done
    for name in $postfix_tables; do
        postmap -s "lmdb:$1/$name" 2>/dev/null | sed "s/^/$name$tab/"
    done
}

# are_derived_right TABLE: what the daemons read is what the shards say, for their eyes only.
are_derived_right() {
    [ "$(derived_rows "$1" | sort | digest_of_input)" = "$(all_rows "$1" | digest_of_input)" ] &&
        [ -z "$(cd "$1" && {
            find shards \( -type d ! -perm 700 \) -o \( -type f ! -perm 600 \) -o ! -user root
            find ./*.sqlite ! \( -perm 640 -user root -group dovecot \)
            find ./*.lmdb ! \( -perm 640 -user root -group postfix \)
        } 2>&1)" ]
}
