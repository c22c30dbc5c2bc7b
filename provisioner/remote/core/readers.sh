# shellcheck shell=sh
# Who reads a file of mailprov's and is no daemon of mail's: told when one came, changed or went.

# tell_reader PATH: it reads the file anew, where it runs.
tell_reader() {
    case $1 in
        /etc/firewalld/*) ! systemctl -q is-active firewalld.service || tell_firewalld ;;
        /etc/ufw/*) ! have ufw || tell_ufw "$1" ;;
        /etc/mailprov/open-ports) ! have nft || tell_nftables "$1" ;;
        /etc/NetworkManager/*) ! systemctl -q is-active NetworkManager.service || systemctl reload NetworkManager.service ;;
        /etc/systemd/system/*) systemctl daemon-reload ;;
    esac
}

# A reload by systemctl is done before firewalld has read anything, and a reload of what it
# cannot read leaves the host with another policy than the one in its files.
tell_firewalld() { firewall-cmd --check-config >/dev/null && firewall-cmd --reload >/dev/null; }

# tell_ufw APPLICATION: a rule that is there already gets the ports that the file has now. Below an
# sshd ufw writes that down and does not put it in force (ufw(8), app update), so it runs below systemd.
# Where ufw was switched off meanwhile its rule goes all the same: it may be switched on again.
tell_ufw() {
    if [ ! -e "$1" ]; then
        ufw delete allow mailprov >/dev/null
    elif ufw_is_on; then
        ufw allow mailprov >/dev/null && {
            systemd-run -q --wait --collect ufw app update mailprov 2>/dev/null ||
                # There may be no bus by which to wait. This lets everything in for a moment.
                { ufw app update mailprov >/dev/null && ufw reload >/dev/null; }
        }
    fi
}

# tell_nftables PROGRAM: the program of our own, or where it has gone, what is left of it.
tell_nftables() { if [ -e "$1" ]; then sh "$1"; else close_nftables; fi; }

close_nftables() {
    nft -a list ruleset | awk '
        $1 == "table" { table = $2 " " $3 }
        $1 == "chain" { chain = $2 }
        / comment "mailprov"/ && match($0, /# handle [0-9]+$/) {
            print "delete rule " table " " chain " handle " substr($0, RSTART + 9)
        }' | nft -f -
}
