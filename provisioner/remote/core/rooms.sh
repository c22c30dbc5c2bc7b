# shellcheck shell=sh
# What the daemons' rooms bring (provisioner/daemons/NAME/*.sh): their names are in $program_daemons.

# is_daemon NAME: it has a room (provisioner/daemons/NAME), and its shell is part of this program.
is_daemon() { case " $program_daemons " in *" $1 "*) ;; *) return 1 ;; esac; }

# tool_of DAEMON: in $tool a program of its package; where that is, its checkers are.
tool=
tool_of() { eval "tool=\$${1}_tool"; }
