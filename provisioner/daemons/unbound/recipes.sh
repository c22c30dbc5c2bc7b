# shellcheck shell=sh
# What the host makes itself for Unbound.

# recipe_trust_anchor VERB PATH COMMAND: the root's key, which Unbound itself keeps up to date.
recipe_trust_anchor() {
    case $1 in
        has | make) [ -s "$2" ] ;;
        # Outside /etc, and what the daemon's own unit would do at its first start: the checker
        # wants the file.
        stage) [ -s "$2" ] || $3 >/dev/null </dev/null ;;
    esac
}
