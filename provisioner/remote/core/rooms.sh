# shellcheck shell=sh
# What the daemons' rooms bring (provisioner/daemons/NAME/*.sh): their names are in $program_daemons.

# is_daemon NAME: it has a room (provisioner/daemons/NAME), and its shell is part of this program.
is_daemon() { case " $program_daemons " in *" $1 "*) ;; *) return 1 ;; esac; }

# tool_of DAEMON: in $tool a program of its package; where that is, its checkers are.
tool=
tool_of() { eval "tool=\$${1}_tool"; }

# run_recipe VERB KIND PATH SUBJECT: what the host makes itself, by `recipe_KIND VERB PATH SUBJECT` of a
# room or of the core. has: whether it is there and belongs to its subject; stage: what a checker has
# to see of it; make. Of a kind that nobody knows, nothing is there, and it cannot be made.
run_recipe() {
    recipe=$2
    while case $recipe in *-*) ;; *) false ;; esac; do recipe=${recipe%%-*}_${recipe#*-}; done
    command -v "recipe_$recipe" >/dev/null || return 64
    "recipe_$recipe" "$1" "$3" "$4"
}

# begins_line TEXT FILE: one of a few lines begins with it.
begins_line() {
    while IFS= read -r line; do
        case $line in "$1"*) return 0 ;; esac
    done <"$2"
    return 1
} 2>/dev/null
