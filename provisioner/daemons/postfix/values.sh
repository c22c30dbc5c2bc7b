# shellcheck shell=sh
# What postconf(1) and `postfix check` let through although Postfix's processes die of it,
# or put off all mail because of it. Each judgement is one that cannot be wrong: it asks this
# very Postfix what its parameters, tables and restrictions are.

# check_values: complain of values on standard error.
check_values() {
    daemons=
    {
        # Each part below a line of its own.
        echo "= switch" && postconf -d
        echo "= type" && postconf -m
        # Its first line, and the rest: where the programs are.
        echo "= class" && postconf -hx smtpd_restriction_classes daemon_directory
        echo "= set" && cat "$check_folder/settings"
    } 2>/dev/null | judge_values | sort -u >"$check_folder/judged"
    while IFS="$tab" read -r kind name value; do
        case $kind in
            told) printf '%s: %s\n' "$name" "$value" ;;
            file) [ -r "$value" ] || printf '%s: no file %s\n' "$name" "$value" ;;
            word)
                printf '%s\t%s\n' "$name" "$value" >>"$check_folder/words"
                printf '%s\n' "$value" >>"$check_folder/restrictions"
                ;;
            network) printf '%s x\n' "$value" >>"$check_folder/networks" ;;
            place) daemons=$value ;;
        esac
    done <"$check_folder/judged" >&2
    check_words "$daemons/smtpd"
    # A table of networks is read by the code that reads mynetworks; what it answers is nothing.
    [ -s "$check_folder/networks" ] || return 0
    complaint=$(postmap -q 192.0.2.1 "cidr:$check_folder/networks" 2>&1 >/dev/null)
    [ -z "$complaint" ] || printf '%s\n' "$complaint" |
        sed -e 's/^.*: \(non-null\)/mynetworks: \1/' -e 's/: [a-z]* this rule$//' >&2
    return 0
}

# check_words PROGRAM: every name of a restriction stands in the program that carries it out.
check_words() {
    [ -s "$check_folder/words" ] && [ -r "$1" ] || return 0
    grep -oaFf "$check_folder/restrictions" "$1" | awk -F '\t' \
        'there { known[$1]; next } !($2 in known) { print $1 ": no such restriction: " $2 }' \
        there=1 - there= "$check_folder/words" >&2
}

judge_values() {
    awk -F '\t' '
        function tell(text) { print "told\t" parameter "\t" text }
        function judge_table(table,   type) {
            while (table ~ /^proxy:/) sub(/^proxy:/, "", table)
            if (table !~ /^[a-z]+:/) return
            type = table
            sub(/:.*/, "", type)
            if (!(type in types)) tell("no such type of table: " type)
        }
        function judge_network(word,   colons) {
            colons = word
            if (word ~ /^!?[0-9a-fA-F]*:[0-9a-fA-F:.]*(\/[0-9]+)?$/ && gsub(/:/, "", colons) > 1)
                tell(word ": an IPv6 network stands in brackets, [2001:db8::]/32")
            else if (word ~ /^!?[0-9.]+\/[0-9]+$/ || word ~ /^!?\[[0-9a-fA-F:.]+\]\/[0-9]+$/) {
                gsub(/[][!]/, "", word)
                print "network\t" parameter "\t" word
            }
        }
        /^= / { part = $0; next }
        # A parameter that is yes or no by itself is a switch; these few are none.
        part == "= switch" {
            if (/^[a-z0-9_]+ = (yes|no)$/ && !/^smtpd_forbid_bare_newline |^[a-z_]*_directory /) switches[substr($0, 1, index($0, " ") - 1)] = 1
            next
        }
        part == "= type" { types[$0] = 1; next }
        part == "= class" {
            count = split($0, words, /[ ,]+/)
            for (i = 1; i <= count; i++) classes[words[i]] = 1
            part = "= place"
            next
        }
        part == "= place" { print "place\tdaemons\t" $0; next }
        {
            at = index($0, " =")
            parameter = name = substr($0, 1, at - 1)
            value = substr($0, at + 3)
            # Of a service in master.cf: 587/inet/smtpd_tls_auth_only.
            sub(/.*\//, "", name)
        }
        # What is computed when a mail comes is not judged.
        value ~ /[${]/ { next }
        name in switches && tolower(value) !~ /^(yes|no)$/ { tell("\"" value "\" is neither yes nor no") }
        name ~ /^(smtp|lmtp|smtpd|tlsproxy)_tls_security_level$|^tlsproxy_client_security_level$/ &&
            tolower(value) !~ /^(none|may|encrypt|dane|dane-only|fingerprint|verify|secure|)$/ {
            tell("no such TLS security level: " value)
        }
        name == "inet_protocols" && value == "" { tell("empty: nothing would listen") }
        {
            count = split(value, words, /[ ,]+/)
            for (i = 1; i <= count; i++) {
                word = words[i]
                before = i > 1 ? words[i - 1] : ""
                if (name ~ /_(maps|checks)$/ || before ~ /^check_[a-z_]+_access$/) judge_table(word)
                else if (name ~ /_restrictions$/ && word ~ /^(permit|reject|defer|check|warn)_[a-z0-9_]+$/ &&
                    !(word in classes)) print "word\t" parameter "\t" word
                if (name ~ /_tls_(chain_files|e?c?d?cert_file|e?c?d?key_file|CAfile)$/ && word ~ /^\//)
                    print "file\t" parameter "\t" word
                if (name == "mynetworks") judge_network(word)
            }
        }'
}
