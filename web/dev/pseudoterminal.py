"""A command on a pseudoterminal, for the mock controller: Node has none without native code.

Standard input is typed, standard output is what the terminal shows, and each line "COLUMNS ROWS" on descriptor 3 resizes it.
Ends with the command's exit code. It never buffers more than it has read at once, so that a reader that is slow holds the
command back, as a terminal does.
"""

import fcntl
import os
import pty
import select
import signal
import struct
import sys
import termios

READ_BYTES = 65536
CONTROL = 3


def resize(terminal: int, columns: int, rows: int) -> None:
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


def obey(terminal: int, pid: int, lines: bytes) -> bytes:
    """Does what whole lines say; returns the rest."""
    *whole, rest = lines.split(b"\n")
    for line in whole:
        columns, rows = (int(word) for word in line.split())
        resize(terminal, columns, rows)
    return rest


def carry(terminal: int, pid: int) -> None:
    shown, typed, lines = b"", b"", b""
    inputs_open = True
    while True:
        readers = [] if shown else [terminal]
        if inputs_open:
            readers += [CONTROL] + ([] if typed else [0])
        writers = ([1] if shown else []) + ([terminal] if typed else [])
        readable, writable, _ = select.select(readers, writers, [])
        if 1 in writable:
            try:
                shown = shown[os.write(1, shown) :]
            except BrokenPipeError:
                return
        if terminal in writable:
            typed = typed[os.write(terminal, typed) :]
        if CONTROL in readable:
            more = os.read(CONTROL, READ_BYTES)
            inputs_open = bool(more)
            lines = obey(terminal, pid, lines + more)
        if 0 in readable:
            typed = os.read(0, READ_BYTES)
            inputs_open = bool(typed)
        if terminal in readable:
            try:
                shown = os.read(terminal, READ_BYTES)
            except OSError:
                return
            if not shown:
                return
        if not inputs_open:
            os.kill(pid, signal.SIGHUP)
            return


def main() -> int:
    columns, rows, command = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
    pid, terminal = pty.fork()
    if pid == 0:
        os.closerange(3, 64)
        # Python ignores it, and a command would say that its reader went.
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        os.execvp(command[0], command)
    resize(terminal, columns, rows)
    os.set_blocking(1, False)
    os.set_blocking(terminal, False)
    carry(terminal, pid)
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


if __name__ == "__main__":
    code = main()
    sys.exit(code if code >= 0 else 128 - code)
