# shellcheck shell=sh
# Carry out one transaction: `mailprov OWNER SECONDS`. Standard input is a tar archive:
# `steps`, a tabbed list of what to do in order, and `files/N`, the new content of what it
# names. The order is: lock, unpack, check the staged tree as if it were live; then the
# directory plane, which is in force at once; then the configuration, which is pending
# until it is confirmed (settle.sh) and returns by itself where that does not happen
# within SECONDS.
#
# What is live is changed only after the checks, and what has begun goes on when the
# connection is lost: nobody hears it then, and nobody will confirm it.
#
# Exit status: 0 done, 65 the daemons refuse the staged tree (nothing live was touched),
# 70 a step failed (named in the answer), 71 likewise, and the old configuration is back,
# 75 another transaction holds the lock or waits to be confirmed, or what the plan replaces
# is no longer what was observed, 76 the state (state.sh).

unpack() {
    [ ! -e "$stage" ] || rm -rf "$stage"
    mkdir -p "$stage/tree" && tar -x -f - -C "$stage" && [ -s "$stage/steps" ] && split_steps
}

# act PLANE: carry out the plane's steps in order.
act() {
    # On a full disk it would be empty, and nothing to do be taken for done.
    staged "act-$1" && [ -s "$rows" ] || return 1
    while IFS="$tab" read -r step first second third fourth fifth sixth <&4; do
        doing="$step $first"
        section step "$step $first"
        # What a step has to tell beside its own output goes to 3.
        if ! "do_$step" "$first" "$second" "$third" "$fourth" "$fifth" "$sixth" \
            3>&1 >"$output" 2>&1 4<&-; then
            section failed "$step $first"
            sed 's/^/|/' "$output"
            return 1
        fi
    done 4<"$rows"
}

# carry_out PLANE: and whoever loses his access by it is logged out, also where a later step fails.
carry_out() {
    : >"$lost"
    act "$1"
    carried_out=$?
    end_sessions_of "$lost"
    return "$carried_out"
}

# An edit that was made after the host was observed is nobody's to overwrite.
refuse_if_edited() {
    staged seen
    edited='' digests=''
    while IFS="$tab" read -r path seen; do
        case $seen in
            link | other | -) ;;
            # A plain file: all of these are read at once.
            *) if [ -f "$path" ] && [ ! -L "$path" ]; then digests="$digests$seen  $path$newline" && continue; fi ;;
        esac
        [ "$(seen_now "$path")" = "$seen" ] || edited=$edited$path$newline
    done <"$rows"
    if [ -n "$digests" ] && ! printf %s "$digests" | sha256sum -c --status 2>/dev/null; then
        named=$(printf %s "$digests" | sha256sum -c --quiet 2>/dev/null | sed 's/: FAILED.*//')
        [ -n "$named" ] || exit 70
        edited=$edited$named
    fi
    edited=${edited%"$newline"}
    [ -n "$edited" ] || return 0
    section edited
    printf '%s\n' "$edited"
    exit 75
}

# What a link leads to is another's, and may change by itself: a resolver's stub. What is no path is a
# resource, `KIND NAME`.
seen_now() {
    case $1 in /*) ;; *) tell_resource "${1%% *}" "${1#* }"; return ;; esac
    if [ -L "$1" ]; then
        echo link
    elif [ -f "$1" ] || is_table "$1"; then
        digest_at "$1"
    elif [ -e "$1" ]; then
        echo other
    else
        echo -
    fi
}

# return_at_once REASON: the configuration before comes back; the steps of the directory stay.
return_at_once() {
    trap '' HUP INT TERM
    [ -d "$pending" ] || { undo_accounts "$stage/accounts"; return 0; }
    settle_pending now "returned: $1" || exit 70
    disarm_return
    tell_held
}

# Whoever ends this program leaves a host that is wholly old, and not half of each until
# the timer comes. A step may have turned the standard output elsewhere.
interrupted() {
    trap '' HUP INT TERM
    exec >&5 3>&5
    [ -n "$doing" ] || exit 130
    section failed "$doing"
    echo "|it was interrupted by a signal"
    case $doing in check*) exit 70 ;; esac
    end_sessions_now "$lost"
    [ -d "$pending" ] || { undo_accounts "$stage/accounts"; exit 70; }
    return_at_once "interrupted"
    exit 71
}

clean_up() {
    heal_table "$users_table"
    set --
    while IFS= read -r path; do [ ! -e "$path" ] || set -- "$@" "$path"; done <"$stage/prepared"
    rm -rf "$@" "$stage" "$state/holder" "$output"
} 2>/dev/null

trap '' PIPE
applied_by=$1
within=$2
stage=$state/stage
lost=$stage/lost
# Not on a disk: what a full one keeps from being done has to be told.
output=/run/mailprov-output
lock_host "$applied_by"
trap clean_up EXIT
trap 'exit 130' HUP INT TERM
unpack || exit 70
staged_row expect
refuse_if_changed "$row"
clean_litter
forget_policy
# From here on what is pending is this transaction's own.
doing=check
exec 5>&1 3>&1
trap interrupted HUP INT TERM
check_staged_tree
case $? in
    0) ;;
    65)
        section refused
        exit 65
        ;;
    *) exit 70 ;;
esac
# A copy of /etc is full of secrets: it goes as soon as it has served.
rm -rf "$stage/tree"
refuse_if_edited
write_format && note_litter || exit 70
staged act-directory
if [ "$rows" != /dev/null ]; then
    note_unfinished || exit 70
    carry_out directory || { undo_accounts "$stage/accounts"; exit 70; }
fi
staged act-configuration
if [ "$rows" != /dev/null ]; then
    if ! carry_out configuration || ! rearm_return "$within"; then
        return_at_once "a step failed"
        exit 71
    fi
    # Settled by whoever proves it, or by the timer.
    trap '' HUP INT TERM
    read_pending_id
    section pending "$pending_id"
fi
remember_versions
section finished
