# shellcheck shell=sh
# The staged tree, $stage/tree, as the checkers see it: in a mount namespace that nobody else is in.

# enter_staged_tree NAME...: from here on /etc is what it will be. NAME: whose checkers will read
# it; a room may note before what is live.
enter_staged_tree() {
    staged_tree=$stage/tree
    for name; do
        ! command -v "note_live_$name" >/dev/null || "note_live_$name"
    done
    while IFS= read -r name; do
        if [ "$name" = / ]; then cover_all; else mount --bind "$staged_tree$name" "$name"; fi || return 1
    done <"$stage/over"
}

cover_all() {
    while IFS= read -r through; do
        mount --bind "$through" "$staged_tree$through" || return 1
    done <"$stage/through"
    mount --rbind "$staged_tree/etc" /etc
}
