# shellcheck shell=sh
# Timers of systemd (timer.py).

resource_timer() {
    case $1 in
        tell)
            systemctl show -p LoadState -p UnitFileState -p ActiveState -p TimersCalendar "$2" | awk '
                { value = $0; sub(/^[^=]*=/, "", value); sub(/=.*/, "") }
                { told[$0] = value }
                END {
                    if (told["LoadState"] != "loaded") { print "-"; exit }
                    calendar = told["TimersCalendar"]
                    sub(/^[^=]*=/, "", calendar)
                    sub(/ ; .*/, "", calendar)
                    print told["UnitFileState"], told["ActiveState"], calendar
                }'
            ;;
        put)
            case $3 in
                enabled*) systemctl -q enable "$2" ;;
                *) systemctl -q disable "$2" 2>/dev/null || rm -f "/etc/systemd/system/timers.target.wants/$2" ;;
            esac || return 1
            case $3 in
                *" active "*) systemctl start "$2" ;;
                *) systemctl stop "$2" 2>/dev/null || : ;;
            esac
            ;;
    esac
}
