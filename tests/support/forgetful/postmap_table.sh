#!/bin/sh
# Stands for postmap(1) and an lmdb table, or a cdb table, in which no single key can be changed,
# and which cannot be listed. The table is a text file here, and what is written to it is old or
# new whenever the power fails, as it is there.
verb='make'
while :; do
    case $1 in
        -i) verb=add ;;
        -r) ;;
        -d) verb=delete && shift ;;
        -q) verb=ask && shift ;;
        -s) verb=show ;;
        *) break ;;
    esac
    shift
done
type=${1%%:*}
source=${1#*:}
table=$source.$type
case $type-$verb in cdb-add | cdb-delete | cdb-show) exit 1 ;; esac
replace() { chown --reference="$table" "$table.new" && chmod --reference="$table" "$table.new" && sync "$table.new" && mv -f "$table.new" "$table" && sync "${table%/*}"; }
# Of several lines of one key the first stays.
first() { awk -F '\t' '!seen[$1]++' | sort; }
case $verb in
    make) first <"$source" >"$table" ;;
    add) cat - "$table" | first >"$table.new" && replace ;;
    delete)
        awk -F '\t' '!there { gone[$1]; next } !($1 in gone)' - there=1 "$table" >"$table.new"
        cmp -s "$table" "$table.new" && exit 1
        replace
        ;;
    ask) awk -F '\t' '!there { asked[$1]; next } $1 in asked { print; found = 1 } END { exit !found }' - there=1 "$table" ;;
    show) cat "$table" ;;
esac
