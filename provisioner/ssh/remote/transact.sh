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
# 75 another transaction holds the lock or waits to be confirmed.

lock_host() {
    mkdir -p "$state" && chmod 700 "$state" || exit 70
    exec 9>>"$state/lock"
    if ! flock -n 9; then
        section locked
        cat "$state/holder" 2>/dev/null
        exit 75
    fi
    # The kernel frees the lock with its holder, however that ends; this only tells who.
    printf '%s since %s\n' "$1" "$(date -u +%Y-%m-%dT%H:%M:%SZ)" >"$state/holder"
}

unpack() {
    rm -rf "$stage"
    mkdir -p "$stage/tree" && tar -x -f - -C "$stage" && [ -s "$stage/steps" ]
}

# The plan was made from what was observed; somebody may have applied in between.
refuse_if_changed() {
    if [ -d "$pending" ]; then
        section locked
        echo "the configuration that $(pending_row owner) applied waits to be confirmed"
        exit 75
    fi
    if [ "$(staged_rows expect)" != "$(head_serial)" ]; then
        section locked
        echo "applied by somebody else since it was observed"
        exit 75
    fi
}

staged_rows() { rows "$1" <"$stage/steps"; }

# The check sees a copy of /etc with the new files laid over it, because includes and
# maps are named by absolute paths: a checker pointed at a staged file would read the
# live ones beside it (docs/decisions).
build_staged_tree() {
    cp -a /etc "$stage/tree/etc" || return 1
    for path in $(staged_rows stage | cut -f 1) $(staged_rows remove) $(staged_rows recipe | cut -f 2); do
        stays_inside "${path%/*}" || return 1
    done
    staged_rows stage | while IFS="$tab" read -r path index _ _ mode; do
        case $path in /etc/*) ;; *) continue ;; esac
        (umask 022 && mkdir -p "$stage/tree${path%/*}")
        # A link such as a resolver's stub is replaced, never written through.
        rm -f "$stage/tree$path"
        install -m "$mode" "$stage/files/$index" "$stage/tree$path" || exit 1
    done || return 1
    staged_rows remove | while IFS= read -r path; do rm -f "$stage/tree$path"; done
    staged_rows recipe | while IFS="$tab" read -r kind path subject; do
        case $kind in
            self-signed)
                make_certificate "$stage/made" "$subject" || exit 1
                (umask 022 && mkdir -p "$stage/tree${path%/*}")
                cp -p "$stage/made" "$stage/tree$path" || exit 1
                ;;
            # Outside /etc, and what the daemon's own unit would do at its first start:
            # the checker wants the file.
            trust-anchor) [ -s "$path" ] || $subject >/dev/null || exit 1 ;;
        esac
    done || return 1
    # What Postfix copies into its chroot when it starts, as the next start would copy it.
    if [ -d /var/spool/postfix/etc ]; then
        cp -a /var/spool/postfix/etc "$stage/tree/chroot-etc" || return 1
        for name in "$stage/tree/chroot-etc"/*; do
            [ -f "$name" ] && [ -f "$stage/tree/etc/${name##*/}" ] &&
                cp -pL "$stage/tree/etc/${name##*/}" "$name"
        done
    fi
    return 0
}

# A folder that is a link to elsewhere would lead the staging into the live tree.
stays_inside() {
    [ "$(realpath -m "$stage/tree$1")" = "$stage/tree$1" ] && return 0
    echo "$1 is or lies below a symbolic link; make it a folder of its own" >&2
    return 1
}

make_certificate() {
    name=$2
    # A common name holds 64 characters (RFC 5280 appendix A); clients read the other one.
    [ "${#name}" -le 64 ] || name=mailprov
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3650 \
        -subj "/CN=$name" -addext "subjectAltName=DNS:$2" -keyout "$1.key" -out "$1.crt" >"$stage/openssl" 2>&1 ||
        { cat "$stage/openssl" >&2; return 1; }
    {
        echo "# Managed by mailprov: made on this host, where the key stays."
        cat "$1.key" "$1.crt"
    } >"$1" && rm -f "$1.key" "$1.crt" && chmod 600 "$1"
}

check_staged_tree() {
    # shellcheck disable=SC2046
    set -- $(staged_rows check)
    [ $# -gt 0 ] || return 0
    section step check
    if ! build_staged_tree >"$stage/output" 2>&1; then
        section failed check
        sed 's/^/|/' "$stage/output"
        exit 70
    fi
    # shellcheck disable=SC2016,SC2154
    # The quoted text is for the inner shell; program_checks is set by program.py.
    unshare -m sh -c "$program_checks"'
        tree=$1
        shift
        mount --bind "$tree/etc" /etc || exit 70
        [ ! -d "$tree/chroot-etc" ] || mount --bind "$tree/chroot-etc" /var/spool/postfix/etc || exit 70
        check_daemons "$@"
        [ "$checks_failed" -eq 0 ] || exit 65
    ' mailprov "$stage/tree" "$@"
}

# --- steps; each takes the fields of its row ---------------------------------

do_group() {
    getent group "$1" >/dev/null && return 0
    if [ "$2" = system ]; then groupadd --system "$1"; else groupadd "$1"; fi
}

do_account() {
    if getent passwd "$1" >/dev/null; then
        usermod --gid "$2" --shell "$4" "$1"
    elif [ "$5" = system ]; then
        useradd --system --gid "$2" --home-dir "$3" --shell "$4" --no-create-home "$1"
    else
        useradd --gid "$2" --home-dir "$3" --shell "$4" --create-home -K UMASK=077 -K HOME_MODE=0700 "$1"
    fi
}

# The name and the hash come in a file: they are nobody's argument.
do_password() { chpasswd -e <"$stage/files/$2"; }

do_lock() { usermod --lock "$1"; }

do_directory() {
    (umask 022 && mkdir -p "$1") && chown "$2:$3" "$1" && chmod "$4" "$1"
}

do_recipe() {
    case $1 in
        self-signed)
            (umask 022 && mkdir -p "${2%/*}")
            cp -p "$stage/made" "$2.mailprov-new" && sync "$2.mailprov-new" && do_activate "$2"
            ;;
        trust-anchor) [ -s "$2" ] ;;
        probe)
            secret=$(openssl rand -hex 24) || return 1
            hash=$(printf '%s\n' "$secret" | openssl passwd -6 -stdin) || return 1
            (umask 022 && mkdir -p "${2%/*}")
            ids=$(getent passwd mailprov-probe | cut -d : -f 3,4)
            {
                echo "# Managed by mailprov: the account that verify uses, made on this host."
                printf '%s:{SHA512-CRYPT}%s:%s::/var/lib/mailprov-probe::\n' "$3" "$hash" "$ids"
            } >"$2.mailprov-new" || return 1
            printf '%s\n' "$secret" >"$state/probe-secret.new" || return 1
            chown root:dovecot "$2.mailprov-new" && chmod 640 "$2.mailprov-new" &&
                sync "$2.mailprov-new" "$state/probe-secret.new" &&
                mv -f "$state/probe-secret.new" "$state/probe-secret" && mv -f "$2.mailprov-new" "$2"
            ;;
    esac
}

# Everything new is on the disk beside its place before the first name changes.
do_prepare() {
    staged_rows stage | while IFS="$tab" read -r path index owner group mode; do
        (umask 022 && mkdir -p "${path%/*}")
        rm -f "$path.mailprov-new"
        install -o "$owner" -g "$group" -m "$mode" "$stage/files/$index" "$path.mailprov-new" || exit 1
        printf '%s\n' "$path.mailprov-new"
    done >"$stage/prepared" || return 1
    # Managed paths have no white space.
    # shellcheck disable=SC2046
    [ ! -s "$stage/prepared" ] || sync $(cat "$stage/prepared")
}

# The first time a path is written, what was found there becomes part of generation 0.
keep_as_found() {
    zero=$state/generations/0
    mkdir -p "$zero/tree" || return 1
    grep -qxF "$1" "$zero/paths" 2>/dev/null && return 0
    if [ -e "$1" ] || [ -L "$1" ]; then
        mkdir -p "$zero/tree${1%/*}"
        cp -a "$1" "$zero/tree$1" || return 1
        [ -L "$1" ] || sync "$zero/tree$1"
    fi
    printf '%s\n' "$1" >>"$zero/paths" && sync "$zero/paths"
}

do_activate() {
    keep_as_found "$1" && mv -fT "$1.mailprov-new" "$1" && sync "${1%/*}"
}

# do_soften MAIN_CF: until the configuration is confirmed, Postfix keeps in its queue what
# it cannot deliver: the fault may be ours. The file that comes later is softened too; its
# final form waits beside it.
do_soften() {
    if [ -e "$1.mailprov-new" ]; then
        cp -p "$1.mailprov-new" "$1.mailprov-final" && soften "$1.mailprov-new" || return 1
    else
        ln -f "$1" "$1.mailprov-final" || return 1
    fi
    sync "$1.mailprov-final" || return 1
    [ -e "$1" ] || return 0
    cp -p "$1" "$1.mailprov-soft" && soften "$1.mailprov-soft" &&
        mv -fT "$1.mailprov-soft" "$1" && sync "${1%/*}" || return 1
    # It is down, or not ours yet: what is there now reads main.cf when it starts.
    postfix reload >/dev/null 2>&1 || true
}

soften() {
    printf '\n# Until this configuration is confirmed, mail that cannot be delivered waits.\n%s\n' \
        'soft_bounce = yes' >>"$1" && sync "$1"
}

# What was there before mailprov comes back.
do_remove() {
    found=$state/generations/0/tree$1
    if [ -e "$found" ] || [ -L "$found" ]; then
        cp -a "$found" "$1.mailprov-new" && mv -fT "$1.mailprov-new" "$1"
    else
        rm -f "$1"
    fi && sync "${1%/*}"
}

# do_access PATH OWNER GROUP MODE: content that is the host's own affair.
do_access() { chown "$2:$3" "$1" && chmod "$4" "$1"; }

# A service that the site no longer has here.
do_retire() { systemctl disable --now "$1" 2>&1; }

do_enable() { systemctl enable "$1" 2>&1; }

do_start() { change_unit start "$@"; }
do_reload() { change_unit reload "$@"; }
do_restart() { change_unit restart "$@"; }

# change_unit VERB UNIT RUNNING: RUNNING is the unit whose state counts.
change_unit() {
    # systemd refuses what was started too often just now; this start has a reason.
    systemctl reset-failed "$2" "$3" 2>/dev/null
    if systemctl "$1" "$2" && systemctl is-active --quiet "$3"; then return 0; fi
    echo "$3 is $(systemctl is-active "$3"); its last lines:" >&2
    journalctl -u "$3" -n 12 --no-pager -o cat >&2
    return 1
}

# A resolver is given to the host only once it answers.
do_await_resolver() {
    waited=0
    until unbound-control status >/dev/null 2>&1; do
        waited=$((waited + 1))
        if [ "$waited" -gt 50 ]; then
            unbound-control status >&2
            return 1
        fi
        sleep 0.2
    done
}

# What the generation wants at each path, for a later comparison with what is there.
# A generation is named by its content: what is stored once stays right.
store_tree() {
    [ ! -d "$1/tree" ] || return 0
    rm -rf "$1/tree.new"
    mkdir -p "$1/tree.new" || return 1
    staged_rows store | while IFS="$tab" read -r path index; do
        mkdir -p "$1/tree.new${path%/*}" && cp "$stage/files/$index" "$1/tree.new$path" || exit 1
    done || return 1
    sync -f "$1" && mv -T "$1/tree.new" "$1/tree"
}

# From now on these are the host's users, whatever becomes of the configuration.
do_record_directory() {
    serial=$(($(head_serial) + 1))
    mkdir -p "$state/directory" && staged_rows directory >"$state/directory/left.new" &&
        sync "$state/directory/left.new" &&
        mv -f "$state/directory/left.new" "$state/directory/left" && sync "$state/directory" &&
        rm -f "$state/unfinished" "$state/activating" &&
        note_history "$serial" directory "$(head_generation)" "$applied_by" "in force" &&
        set_head "$serial" "$(head_generation)"
}

# Which services are owed a reload if this breaks off: a file that is in place says
# nothing of whether its daemon has read it. And what is about to be left: should it break
# off, its own files are not taken for somebody else's.
note_unfinished() {
    {
        cat "$state/unfinished" 2>/dev/null
        staged_rows act-directory | awk -F '\t' '$1 ~ /^(start|reload|restart)$/ { print $2 }'
    } | sort -u >"$state/unfinished.new" && staged_rows directory >"$state/activating.new" &&
        sync "$state/unfinished.new" "$state/activating.new" &&
        mv -f "$state/unfinished.new" "$state/unfinished" &&
        mv -f "$state/activating.new" "$state/activating" && sync "$state"
}

# The program that returns when nobody else does, and the unit that calls it at boot.
# The link is what `systemctl enable` makes; the running systemd need not know it.
install_recovery() {
    unit=/etc/systemd/system/mailprov-recover.service
    # shellcheck disable=SC2154
    # Set by program.py.
    printf '%s\n' "$program_recover" >"$state/recover.new" && cat >"$unit.new" <<'UNIT' || return 1
# Managed by mailprov.
[Unit]
Description=Settle a mail configuration that was pending when the host went down
ConditionPathIsDirectory=/var/lib/mailprov/pending
After=local-fs.target
Before=unbound.service dovecot.service postfix.service postfix@-.service

[Service]
Type=oneshot
ExecStart=/bin/sh /var/lib/mailprov/recover boot

[Install]
WantedBy=multi-user.target
UNIT
    chmod 644 "$unit.new" && sync "$state/recover.new" "$unit.new" &&
        mv -f "$state/recover.new" "$state/recover" && mv -f "$unit.new" "$unit" &&
        (umask 022 && mkdir -p "${unit%/*}/multi-user.target.wants") &&
        ln -sf "$unit" "${unit%/*}/multi-user.target.wants/" &&
        sync "${unit%/*}" "${unit%/*}/multi-user.target.wants" "$state"
}

# keep_old PATH: it stays beside the new one; says whether there is one.
keep_old() {
    rm -f "$1.mailprov-old"
    if [ -L "$1" ]; then
        cp -P "$1" "$1.mailprov-old" || return 1
    elif [ -e "$1" ]; then
        ln "$1" "$1.mailprov-old" || return 1
    else
        printf '%s\tabsent\n' "$1"
        return 0
    fi
    sync_folder "$1" && printf '%s\twas\n' "$1"
}

unit_as_it_is() {
    printf '%s\t%s\t%s\t%s\n' "$1" "$2" "$(systemctl is-enabled "$1" 2>/dev/null)" \
        "$(systemctl is-active "$2" 2>/dev/null)"
}

# From here on the host returns by itself, whatever happens.
do_begin() {
    install_recovery && store_tree "$state/generations/$1" || return 1
    rm -rf "$pending.new"
    mkdir "$pending.new" && staged_rows managed >"$pending.new/manifest" || return 1
    {
        printf 'serial\t%s\ngeneration\t%s\nowner\t%s\n' "$(($(head_serial) + 1))" "$1" "$applied_by"
        staged_rows soften | sed "s/^/main$tab/"
    } >"$pending.new/about" || return 1
    if grep -qx adopt "$stage/steps"; then staged_rows directory >"$pending.new/directory" || return 1; fi
    staged_rows undo | while IFS= read -r path; do
        keep_as_found "$path" && keep_old "$path" || exit 1
    done >"$pending.new/paths" || return 1
    staged_rows act-configuration | awk -F '\t' '$1 ~ /^(start|reload|restart|enable|retire)$/ && !seen[$2]++' |
        while IFS="$tab" read -r _ unit running; do unit_as_it_is "$unit" "${running:-$unit}"; done >"$pending.new/units"
    sync "$pending.new"/* "$pending.new" && mv -T "$pending.new" "$pending" && sync "$state" &&
        arm_return "$((within + 240))"
}

# act PLANE: carry out the plane's steps in order.
act() {
    staged_rows "act-$1" >"$stage/journal"
    while IFS="$tab" read -r step first second third fourth fifth <&4; do
        section step "$step $first"
        if ! "do_$step" "$first" "$second" "$third" "$fourth" "$fifth" >"$stage/output" 2>&1 4<&-; then
            section failed "$step $first"
            sed 's/^/|/' "$stage/output"
            return 1
        fi
    done 4<"$stage/journal"
}

clean_up() {
    while IFS= read -r path; do rm -f "$path"; done <"$stage/prepared"
    rm -rf "$stage" "$state/holder"
} 2>/dev/null

trap '' PIPE
applied_by=$1
within=$2
stage=$state/stage
lock_host "$applied_by"
trap clean_up EXIT
trap 'exit 130' HUP INT TERM
unpack || exit 70
refuse_if_changed
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
if [ -n "$(staged_rows act-directory)" ]; then note_unfinished && act directory || exit 70; fi
if [ -n "$(staged_rows act-configuration)" ]; then
    if ! act configuration; then
        disarm_return
        settle_pending now "returned: a step failed" || exit 70
        exit 71
    fi
    arm_return "$within" || exit 70
    section pending "$(pending_row serial)"
fi
section finished
