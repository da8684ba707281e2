#!/usr/bin/env bash
# Starts both parts: `anteroom machined` as root, which makes machines, and behind it `anteroom serve` as an ordinary user,
# which faces the network. The user is whoever calls this; when root does, it is `anteroom`. Both end together.
#
#   scripts/run.sh PROGRAM [ARGUMENT of serve]...
set -euo pipefail

readonly PROGRAM=$1
shift
# Debian's name for users of services; `useradd --system` takes it as it is.
readonly SERVICE_USER=anteroom

fail() { printf 'run: %s\n' "$*" >&2; exit 1; }

as_root=() as_user=()
if [ "$(id -u)" = 0 ]; then
    user=$SERVICE_USER
    id "$user" > /dev/null 2>&1 || useradd --system --create-home --home-dir "/var/lib/$user" --shell /usr/sbin/nologin "$user"
    as_user=(--user "$user")
else
    user=$(id -un)
    # Both read the same settings; the vault's key is the controller's alone.
    as_root=(sudo env HOME="$HOME" PATH="$PATH")
    for name in $(compgen -e ANTEROOM_ || true); do
        [ "$name" = ANTEROOM_VAULT_KEY ] || as_root+=("$name=${!name}")
    done
    sudo --validate
fi

# In a session of its own, so that an interrupt from the terminal reaches the controller first, which still wants its pooled
# machines destroyed. It ends when this script does, however that ends.
coproc MACHINED { exec env -u ANTEROOM_VAULT_KEY setsid --wait "${as_root[@]}" "$PROGRAM" machined --for "$user" --until-eof; }
machined_pid=$MACHINED_PID
exec {said}<&"${MACHINED[0]}" {lives}>&"${MACHINED[1]}" {MACHINED[1]}>&-

end() {
    exec {lives}>&-
    wait "$machined_pid" || true
}
trap end EXIT

read -r -t 60 line <&"$said" || fail "machined did not start; see above"
printf '%s\n' "$line" >&2
# Neither pipe is the controller's.
"$PROGRAM" "${as_user[@]}" serve "$@" {said}<&- {lives}>&-
