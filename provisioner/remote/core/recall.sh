# shellcheck shell=sh
# Tell of earlier generations; no lock, nothing written. The first flight has the history
# and what is kept. Then standard input may name one generation, and the second flight
# brings it: its record and its files. What they are worth is judged by who asked.

section head
cat "$state/head" 2>/dev/null
section history
tail -n 1000 "$state/history" 2>/dev/null
section generations
for folder in "$state/generations"/*; do
    case ${folder##*/} in
        0) [ ! -d "$folder" ] || echo 0 ;;
        *) [ ! -e "$folder/record" ] || [ ! -e "$folder/manifest" ] || printf '%s\n' "${folder##*/}" ;;
    esac
done
section snapshots
snapshots
section ready
read -r wanted || wanted=
case $wanted in
    *[!0-9a-f]* | '') ;;
    *)
        folder=$state/generations/$wanted
        section record
        base64 "$folder/record" 2>/dev/null
        find "$folder/tree" -type f 2>/dev/null | while IFS= read -r kept; do
            section file "${kept#"$folder/tree"}"
            base64 "$kept"
        done
        ;;
esac
section end
