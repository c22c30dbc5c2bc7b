# shellcheck shell=sh
# Observe: two flights, no lock, nothing changed. The first introduces the host. Then
# standard input brings rows that name what to look at (package, file, table, account, group,
# unit, port, recipe, certificate, resource, check, sockets, secret, link, store, status), and the second
# flight answers them.

introduce() {
    recall_versions || ask_versions
    section machine
    machine
    if read_head; then
        section head
        printf '%s\t%s\n' "$serial_in_force" "$generation_in_force"
    fi
    generation=$generation_in_force
    if [ -d "$pending" ]; then
        section pending
        tell_text "$pending/about"
        ! is_armed || echo armed
    fi
    show_files platform /etc/os-release \
        managed "$state/generations/$generation/manifest" \
        directory "$state/directory/left" \
        unfinished "$state/unfinished" \
        activating "$state/activating" activating "$pending/manifest" activating "$pending/directory" \
        credentials "$state/directory/credentials"
    section carriers
    carriers
    section firewall
    firewall
    section resolver
    resolver_managers
    section ready
}

# machine: which running system this is: a boot of a kernel, and in it the namespace of processes,
# which each container has to itself. What lies in files a clone has as well.
machine() {
    read -r boot </proc/sys/kernel/random/boot_id && printf '%s ' "$boot" && stat -L -c %i /proc/self/ns/pid
} 2>/dev/null

# tell_text FILE: the few lines of it, if it is there.
tell_text() {
    line=
    while IFS= read -r line; do printf '%s\n' "$line"; done <"$1"
    [ -z "$line" ] || printf '%s\n' "$line"
} 2>/dev/null

# show_files NAME FILE...: a section for each file that is there and has something in it; what has
# the same name as the one before goes on with that.
show_files() {
    left=$#
    while [ "$left" -gt 0 ]; do
        [ ! -s "$2" ] || set -- "$@" "section=$1" "$2"
        shift 2
        left=$((left - 2))
    done
    [ $# -eq 0 ] || awk 'section != told { print "@" section; told = section } 1' "$@"
}

# resolver_managers: which programs are here that write /etc/resolv.conf by themselves.
resolver_managers() {
    if [ -d /etc/NetworkManager/conf.d ] && systemctl -q is-enabled NetworkManager.service 2>/dev/null; then
        echo NetworkManager
    fi
    have resolvconf || return 0
    echo resolvconf
    [ ! -e /etc/resolvconf.conf ] || echo openresolv
}

# firewall: what keeps strangers out, by its configuration: to ask firewalld's own command takes
# half a second, and one that is down for a moment counts all the same.
firewall() {
    if [ -e /etc/firewalld/firewalld.conf ] && [ -d /etc/firewalld/policies ] &&
        { systemctl -q is-active firewalld.service || systemctl -q is-enabled firewalld.service 2>/dev/null; }; then
        zone=$(sed -n 's/^DefaultZone=\([A-Za-z0-9_-]*\).*/\1/p' /etc/firewalld/firewalld.conf)
        echo "firewalld ${zone:-public}"
    elif ufw_is_on; then
        echo ufw
    elif have nft; then
        for link in /etc/systemd/system/*.wants/nftables.service; do [ ! -L "$link" ] || echo nftables; done
    fi
}

observe_packages() {
    section packages
    installed=
    pick package
    # The names have no white space: they come from a platform record.
    # shellcheck disable=SC2086
    set -- $names
    [ $# -gt 0 ] || return 0
    if have dpkg-query; then
        installed=$(dpkg-query -W -f '${Package}\t${db:Status-Status}\n' "$@" 2>/dev/null)
    else
        # Of others it says in words that they are not.
        installed=$(rpm -q --qf '%{NAME}\tinstalled\n' "$@" 2>/dev/null | sed '/ is not installed$/d')
    fi
    printf '%s\n' "$installed"
}

# lacks_packages: one of those wanted is not installed.
lacks_packages() {
    pick package
    for package in $names; do
        case $newline$installed$newline in *"$newline$package${tab}installed$newline"*) ;; *) return 0 ;; esac
    done
    return 1
}

observe_files() {
    differing=
    pick table
    # In the place of a table something else may lie.
    others=
    for path in $names; do is_table "$path" || others="$others $path"; done
    pick file
    names=$names$others
    [ -n "$names" ] || return 0
    section files
    # Managed paths have no white space: the model refuses it in every name.
    # shellcheck disable=SC2086
    stat --printf '%n\t%F\t%U\t%G\t%a\n' -- $names 2>/dev/null
    section digests
    # shellcheck disable=SC2086
    digests=$(sha256sum -- $names 2>/dev/null)
    [ -z "$digests" ] || printf '%s\n' "$digests"
    are_as_wanted || differing=$(differing_files)
    shown=
    while IFS="$tab" read -r path left; do
        [ -z "$left" ] || shown="$shown $path"
    done <<END
$differing
END
    [ -n "$shown" ] || return 0
    # shellcheck disable=SC2086
    # 512 blocks of 512 bytes at most.
    small=$newline$(find $shown -maxdepth 0 -size -513)$newline
    # What differs, is no secret and is small is sent along, for the diff; and what the
    # last transaction wrote there, where that is neither on the host nor wanted now.
    printf '%s\n' "$differing" | while IFS="$tab" read -r path left; do
        case $small in *"$newline$path$newline"*) ;; *) continue ;; esac
        section content "$path"
        base64 "$path"
        [ "$left" != - ] || continue
        kept=$state/generations/$generation/tree$path
        printf '%s  %s\n' "$left" "$kept" | sha256sum -c --status 2>/dev/null || continue
        section left "$path"
        base64 "$kept"
    done
}

# are_as_wanted: $digests has all that are wanted, in the order of the rows. The shell itself can tell
# that, and usually it is so. Of paths whose content is nobody's business here (-) there are no rows
# between others.
are_as_wanted() {
    wanted_digests=$newline
    going=
    set -f
    IFS=$newline
    for row in $picked; do
        IFS=$tab
        # shellcheck disable=SC2086
        # A row is split into its fields.
        set -- $row
        case $2 in
            -) [ "$4" = - ] || going=1 ;;
            *) wanted_digests="$wanted_digests$2  $1$newline" ;;
        esac
    done
    unset IFS
    set +f
    [ -z "$going" ] || return 1
    case $newline$digests$newline in *"$wanted_digests"*) ;; *) return 1 ;; esac
}

# differing_files: the path of each file that is not as it is wanted; of those that may be shown
# also the digest that the last transaction left, `-` if that is there or wanted.
differing_files() {
    printf '%s\n%s\n' "$manifest" "$digests" | awk -F '\t' -v OFS='\t' '
        $1 == "file" { wanted[$2] = $3; secret[$2] = $4; left[$2] = $5; next }
        /^[0-9a-f]+  \// { now[substr($0, 67)] = substr($0, 1, 64) }
        END {
            for (path in wanted) {
                there = path in now
                if (wanted[path] == "-" ? left[path] == "-" || !there : there && now[path] == wanted[path]) continue
                edited = left[path] != "-" && there && left[path] != now[path]
                if (there && secret[path] == "0" && (wanted[path] != "-" || edited))
                    print path, edited && left[path] != wanted[path] ? left[path] : "-"
                else
                    print path
            }
        }'
}

# A change may begin or end while a table is read: it is read again then.
observe_tables() {
    pick table
    [ -n "$picked" ] || return 0
    printf '%s\n' "$picked" | while IFS="$tab" read -r path wanted maps; do
        for _ in 1 2 3; do
            moment=$(moment_of "$path")
            told=$(tell_table "$path" "$wanted" "$maps")
            [ "$moment" != "$(moment_of "$path")" ] || break
        done
        is_table "$path" || continue
        section table "$path"
        printf '%s\n' "$told"
    done
}

# moment_of TABLE: it is another after every name that came, went or changed its file.
moment_of() { stat -c '%n %i %z' "$1" "$1/shards" "$1/journal" "$1/journal/shards" 2>/dev/null; }

# tell_table TABLE DIGEST TYPE: one whose digest is not the wanted one tells how each of its
# shards' begins.
tell_table() {
    is_table "$1" || return 0
    stat --printf 'access\t%U\t%G\t%a\n' "$1"
    digests=$(shard_digests "$1")
    now=$(printf '%s\n' "$digests" | digest_of_input)
    printf 'root\t%s\n' "$now"
    # One that is not wanted any more is as it was made.
    maps=$3
    [ "$maps" != - ] || maps=$(maps_to_make "$1")
    if [ -d "$1/journal" ]; then
        printf 'flaw\tunfinished\n'
        tell_edited "$1/journal/digests"
    elif there=$(maps_of "$1") && [ -n "$there" ] && ! printf '%s\n' "$there" | grep -qx "$maps"; then
        printf 'flaw\tforeign\n'
    elif ! is_sealed "$1"; then
        # By what is not installed nobody can look.
        lacks_packages || are_derived_right "$1" "$maps" || printf 'flaw\tderived\n'
        tell_edited "$1/digests"
    fi
    [ "$2" = - ] || [ "$now" = "$2" ] ||
        printf '%s\n' "$digests" | awk '{ print $2 " " substr($1, 1, 16) }'
}

# tell_edited LIST: some shards whose digests are not the listed ones.
tell_edited() {
    printf 'edited\t'
    printf '%s\n' "$digests" | sort - "$1" | uniq -u | cut -c 67- | sort -u | head -n 5 | tr '\n' ' '
    echo
}

observe_accounts() {
    pick account
    # shellcheck disable=SC2086
    set -- $names
    if [ $# -gt 0 ]; then
        section accounts
        getent passwd "$@"
    fi
    pick shadow
    # shellcheck disable=SC2086
    set -- $names
    if [ $# -gt 0 ]; then
        section shadow
        getent shadow "$@"
        section spools
        observe_spools "$@"
    fi
    pick group
    # shellcheck disable=SC2086
    set -- $names
    if [ $# -gt 0 ]; then
        section groups
        getent group "$@"
    fi
}

# observe_spools NAME...: where another server's mail may lie, and how many messages. What is
# beyond the first megabytes is not read again and again.
observe_spools() {
    most=8388608
    for name; do
        spool=/var/mail/$name
        if [ ! -f "$spool" ] || [ ! -s "$spool" ]; then continue; fi
        number=$(limited "$most" <"$spool" | grep -c '^From ')
        [ "$(stat -c %s "$spool")" -le "$most" ] || number="$number or more"
        printf '%s\t%s\n' "$spool" "$number"
    done
}

observe_units() {
    units_shown=
    pick unit
    # shellcheck disable=SC2086
    set -- $names
    [ $# -gt 0 ] || return 0
    section units
    units_shown=$(systemctl show -p Id -p LoadState -p ActiveState -p SubState -p UnitFileState \
        -p NRestarts -p Result -p ControlGroup "$@")
    printf '%s\n' "$units_shown"
}

# A recipe is fulfilled when what it makes is there and belongs to its subject. The fulfilled ones
# are named; of a certificate who reads this judges, which takes less than a run of openssl(1).
observe_recipes() {
    pick recipe
    section recipes
    printf '%s\n' "$picked" | while IFS="$tab" read -r kind path subject; do
        ! run_recipe has "$kind" "$path" "$subject" || printf '%s\n' "$kind"
    done
    pick certificate
    [ -n "$picked" ] && [ -s "$picked" ] || return 0
    section certificate
    date +%s
    # Nothing else that lies in that file, whatever shape it is in: the key does.
    awk '/^-----BEGIN CERTIFICATE-----/ { told = 1; print; next }
        told && /^-----/ { if (/^-----END CERTIFICATE-----/) print; exit }
        told' "$picked"
}

# Resources of kinds that bring their own shell (resources.sh): how each is, in a line.
observe_resources() {
    pick resource
    [ -n "$picked" ] || return 0
    section resources
    printf '%s\n' "$picked" | while IFS="$tab" read -r kind name; do
        printf '%s\t%s\t%s\n' "$kind" "$name" "$(tell_resource "$kind" "$name")"
    done
}

observe_service() {
    pick check
    # shellcheck disable=SC2086
    check_daemons $names
    pick sockets
    if [ -n "$picked" ]; then
        set --
        for table in tcp tcp6 udp udp6; do [ ! -r "/proc/net/$table" ] || set -- "$@" "/proc/net/$table"; done
        awk 'FNR == 1 { name = FILENAME; sub(/.*\//, "", name); print "@sockets " name } 1' "$@"
    fi
    pick secret
    if [ -n "$picked" ]; then
        section probe-secret
        tell_text "$state/probe-secret"
        section probe-token
        tell_text "$state/probe-token"
    fi
}

introduce
manifest=$(cat)
observe_packages
observe_addresses
observe_files
observe_fixed
observe_mail_server
observe_tables
observe_accounts
observe_units
is_settled || observe_ports
observe_recipes
observe_resources
observe_service
observe_links
observe_store
observe_status
section end
