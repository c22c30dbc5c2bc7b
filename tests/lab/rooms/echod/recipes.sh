# shellcheck shell=sh
# What the host makes itself for echod: a key that nobody else has.

# recipe_echod_key VERB PATH SUBJECT
recipe_echod_key() {
    case $1 in
        has) begins_line "$3 " "$2" ;;
        stage) ;;
        make)
            key=$(openssl rand -hex 16) && printf '%s %s\n' "$3" "$key" >"$2.mailprov-new" &&
                chmod 600 "$2.mailprov-new" && sync "$2.mailprov-new" && mv -f "$2.mailprov-new" "$2"
            ;;
    esac
}
