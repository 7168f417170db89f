#!/usr/bin/env python3
"""Records the sessions beside it: real programs on a real terminal, typed at, each Enter held back as the gateway does.

    python3 tests/corpora/terminal/record.py [name ...]

A session is text, one event a line, the time in milliseconds before it:

    = 80 24         the size of the terminal
    > ls\\r          what the client sent, in one piece
    < ls            what the target sent
    ^               the key that was held back was let through
    ? whole ls      what the screen must have read by then: whole, doubtful NAME+NAME, secret, full-screen
    ? ran ls        what the shell ran by its own history: nothing else may be read as whole

The sessions called `random-…` come out differently each time: keys by chance, and bash's history as the judge.
"""
import fcntl, os, pty, random, re, select, signal, struct, sys, tempfile, termios, time

HERE = os.path.dirname(os.path.abspath(__file__))
SUBMIT = re.compile(rb"\r|\n|\x0f|\x04")
KEYS = re.compile(rb"\x1b\[200~|\x1b\[201~|\x1b\[[0-9;]*[A-Za-z~]|\x1bO.|[\xc0-\xff][\x80-\xbf]+|.", re.S)


def quoted(data):
    out = ""
    for char in data.decode("utf-8", "surrogateescape"):
        code = ord(char)
        if char == "\\":
            out += "\\\\"
        elif char in "\r\n\t":
            out += {"\r": "\\r", "\n": "\\n", "\t": "\\t"}[char]
        elif 0xDC80 <= code <= 0xDCFF:
            out += f"\\x{code - 0xDC00:02x}"
        elif code < 0x20 or code == 0x7F:
            out += f"\\x{code:02x}"
        elif code == 0x20 and out == "":
            out += "\\x20"
        else:
            out += char
    return re.sub(r" $", r"\\x20", out)


class Session:
    def __init__(self, argv, size, env, files):
        self.folder = tempfile.TemporaryDirectory(prefix="session-")
        self.home = os.path.join(self.folder.name, "home")
        os.mkdir(self.home)
        for name in files:
            open(os.path.join(self.home, name), "w").close()
        full = {"PATH": "/usr/bin:/bin", "HOME": "/home/ada", "TERM": "xterm-256color", "LANG": "C.UTF-8",
                "HISTFILE": "/dev/null", "PS1": "$ ", "INPUTRC": "/dev/null", **env}
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(self.home)
            time.sleep(0.05)
            os.execvpe(argv[0], argv, full)
        self.start = time.monotonic()
        self.log = []
        self.lines = 0
        self.resize(*size)

    def note(self, kind, text=""):
        at = int((time.monotonic() - self.start) * 1000)
        self.log.append(f"{at} {kind} {text}".rstrip())

    def resize(self, columns, rows):
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.note("=", f"{columns} {rows}")

    def read(self, quiet, limit=4.0, first=False):
        """What comes until nothing comes for `quiet` seconds."""
        until = time.monotonic() + limit
        while time.monotonic() < until:
            ready, _, _ = select.select([self.fd], [], [], quiet)
            if not ready and first:
                continue
            if not ready:
                return
            first = False
            try:
                data = os.read(self.fd, 4096)
            except OSError:
                return
            if not data:
                return
            self.note("<", quoted(data))

    def send(self, chunk, expect, hold):
        """One piece of a client's input. What it holds back is told as the gateway would do it."""
        self.note(">", quoted(chunk))
        while chunk:
            cut = SUBMIT.search(chunk)
            if not cut:
                os.write(self.fd, chunk)
                return
            if cut.start():
                os.write(self.fd, chunk[:cut.start()])
            self.read(hold)
            told = len(self.log)
            self.note("^")
            os.write(self.fd, cut.group())
            self.read(0.25)
            if expect:
                word = expect.pop(0)
                self.log.insert(told, self.log[told].replace("^", f"? {word if word != 'ran' else self.ran()}".rstrip()))
            chunk = chunk[cut.end():]

    def ran(self):
        """What bash ran since it was asked last. An empty line is not kept."""
        with open(os.path.join(self.home, "history"), errors="surrogateescape") as file:
            lines = file.read().split("\n")[:-1]
        new, self.lines = lines[self.lines:], len(lines)
        return "ran " + quoted("\n".join(new).encode("utf-8", "surrogateescape"))

    def run(self, steps):
        self.read(0.3, first=True)
        for step in steps:
            kind, value, *rest = step
            expect = list(rest)
            if kind == "keys":
                for key in KEYS.findall(value.encode("utf-8", "surrogateescape")):
                    self.send(key, expect, 0.2)
                    self.read(0.015)
            elif kind == "chunk":
                self.send(value.encode("utf-8", "surrogateescape"), expect, 0.2)
                self.read(0.05)
            elif kind == "resize":
                self.resize(*value)
                self.read(0.1)
            elif kind == "wait":
                self.read(value)
            assert not expect, f"never asked for {expect}"
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        self.folder.cleanup()


BASH = ["bash", "--norc", "--noprofile", "-i"]
UP, DOWN, RIGHT, LEFT, HOME, END, DELETE = "\x1b[A", "\x1b[B", "\x1b[C", "\x1b[D", "\x1b[H", "\x1b[F", "\x1b[3~"
PROMPT = {"PS1": "ada@web-1:\\W$ "}
SESSIONS = {}


def session(name, argv, *steps, size=(80, 24), env=PROMPT, files=()):
    SESSIONS[name] = (argv, size, env, files, steps)


session("bash-plain", BASH,
        ("keys", "echo one\r", "whole echo one"),
        ("keys", "\r", "whole"),
        ("keys", "echo twoo\x7f three\r", "whole echo two three"),
        ("keys", "wrong line\x15echo right\r", "whole echo right"),
        ("keys", "echo 'a  b' \\$HOME \"$HOME\" `true`\r", "whole echo 'a  b' \\\\$HOME \"$HOME\" `true`"),
        ("keys", "printf half\r", "whole printf half"),
        ("keys", "echo behind\r", "whole echo behind"),
        ("keys", "cd /tmp\r", "whole cd /tmp"),
        ("keys", "pwd\r", "whole pwd"),
        ("keys", "echo dropped\x03echo kept\r", "whole echo kept"),
        ("keys", "grep '^ROOT' /dev/null\r", "whole grep '^ROOT' /dev/null"))

session("bash-edit", BASH,
        ("keys", "cho end\x01e\r", "whole echo end"),
        ("keys", "echo one two\x01\x0becho \x19\x7f\x7f\x7f\x7f\r", "whole echo echo one"),
        ("keys", "echo one two\x17three\r", "whole echo one three"),
        ("keys", f"eho a{LEFT}{LEFT}{LEFT}{LEFT}c\r", "whole echo a"),
        ("keys", f"xecho a{HOME}{DELETE}\r", "whole echo a"),
        ("keys", f"ho b{HOME}ec{END}c\r", "whole echo bc"),
        ("keys", "echo abc\x02\x02\x02\x0b1\x05 2\r", "whole echo 1 2"),
        ("keys", "echo a\x16\x01b\r", "doubtful Quoted echo a^Ab"),
        ("keys", "echo one two\x1bb\x1bd2\r", "whole echo one 2"),
        ("keys", "echo oen\x14\r", "whole echo one"))

session("bash-history", BASH,
        ("keys", "echo first\r", "whole echo first"),
        ("keys", "echo second\r", "whole echo second"),
        ("keys", f"{UP}{UP}\r", "whole echo first"),
        ("keys", f"{UP}{UP}{DOWN} more\r", "whole echo first more"),
        ("keys", "\x12sec\r", "whole echo second"),
        ("keys", "\x12sec\x05 and\r", "whole echo second and"),
        ("keys", "\x12nothing\r", "doubtful Search"),
        ("keys", "!!\r", "doubtful Expansion !!"),
        ("keys", "echo !$\r", "doubtful Expansion echo !$"),
        ("keys", "^second^third^\r", "doubtful Expansion ^second^third^"),
        ("keys", "echo '!!' ok! [ ! = != ]\r", "whole echo '!!' ok! [ ! = != ]"),
        ("keys", f"{UP}\x0f", "whole echo '!!' ok! [ ! = != ]"),
        ("keys", "\x05\r", "doubtful Preloaded"),
        ("keys", "shopt -s histverify\r", "whole shopt -s histverify"),
        ("keys", "!ec\r", "doubtful Expansion !ec"),
        ("keys", "\r", "doubtful Preloaded echo '!!' ok! [ ! = != ]"))

session("bash-complete", BASH,
        ("keys", "echo onl\t\r", "whole echo only-one"),
        ("keys", "echo ma\t\t1\r", "whole echo many-1"),
        ("keys", "echo ma\t\t2 \t\t\r", "whole echo many-2"),
        ("keys", "echo zzz\t\r", "whole echo zzz"),
        files=("only-one", "many-1", "many-2", "many-3"))

session("bash-paste", BASH,
        ("chunk", "echo fast\r", "whole echo fast"),
        ("chunk", "\x1b[200~echo pasted\x1b[201~"), ("keys", "\r", "whole echo pasted"),
        ("chunk", "\x1b[200~echo a\recho b\x1b[201~", "doubtful Pasted"),
        ("keys", "\r", "doubtful Pasted+Lines echo a\\necho b"),
        ("chunk", "echo x\recho y\r", "whole echo x", "whole echo y"),
        ("keys", "bind 'set enable-bracketed-paste off'\r", "whole bind 'set enable-bracketed-paste off'"),
        ("chunk", "echo p\recho q\r", "whole echo p", "whole echo q"),
        ("chunk", "\x1b[200~echo m\recho n\x1b[201~\r", "doubtful", "doubtful"))

session("bash-lines", BASH,
        ("keys", "echo 'a\r", "whole echo 'a"),
        ("keys", "b'\r", "whole echo 'a\\nb'"),
        ("keys", "echo next\r", "whole echo next"),
        ("keys", "cat <<EOF\r", "whole cat <<EOF"),
        ("keys", "body\r", "whole cat <<EOF\\nbody"),
        ("keys", "EOF\r", "whole cat <<EOF\\nbody\\nEOF"),
        ("keys", "ec\\\r", "whole ec\\\\"),
        ("keys", "ho joined\r", "whole ec\\\\\\nho joined"),
        ("keys", "for i in 1 2; do\r", "whole for i in 1 2; do"),
        ("keys", "echo $i\r", "whole for i in 1 2; do\\necho $i"),
        ("keys", "done\r", "whole for i in 1 2; do\\necho $i\\ndone"),
        ("keys", "true &&\r", "whole true &&"),
        ("keys", "\x03echo after\r", "whole echo after"),
        ("keys", "echo \"!\r", "whole echo \"!"),
        ("keys", "x\"\r", "whole echo \"!\\nx\""),
        ("keys", "PS2='ada@web-1:~$ '\r", "whole PS2='ada@web-1:~$ '"),
        ("keys", "echo '\r", "whole echo '"),
        ("keys", "rm x'\r", "doubtful Continuation echo '\\nrm x'"))

session("bash-vi", BASH,
        ("keys", "set -o vi\r", "whole set -o vi"),
        ("keys", "echo one two\r", "whole echo one two"),
        ("keys", "\x1bk\r", "whole echo one two"),
        ("keys", "\x1bk0wdw\r", "doubtful Mismatch echo two"),
        ("keys", "\x1bk0wcwthree\r", "whole echo three"),
        ("keys", "echo abc\x1bhhix\x1bA end\r", "whole echo xabc end"),
        # In command mode, `ech` is: to the end, change, one to the left.
        ("keys", "\x1bk0Decho new\r", "whole o new"))

session("bash-wide", BASH,
        ("keys", "echo 漢字 x\r", "whole echo 漢字 x"),
        ("keys", f"echo 漢字{LEFT}a\r", "whole echo 漢a字"),
        ("keys", "echo e\u0301 x\r", "doubtful Width echo e x"),
        ("keys", "echo é ß\x7fü\r", "whole echo é ü"),
        ("keys", f"{UP}\r", "whole echo é ü"),
        ("keys", "echo 👍🏽 a\x02\x7f\r", "doubtful"),
        ("keys", "echo \udcff\r", "doubtful"))

LONG = "echo 0123456789 0123456789 0123456789"
session("bash-wrap", BASH,
        ("keys", f"{LONG}\r", f"whole {LONG}"),
        ("keys", "echo 0123456789abc\r", "whole echo 0123456789abc"),
        ("keys", "echo 0123456789abcd\r", "whole echo 0123456789abcd"),
        ("keys", "echo 0123456789abcde\r", "whole echo 0123456789abcde"),
        ("keys", "echo 0123456789ab cd\r", "whole echo 0123456789ab cd"),
        ("keys", "echo 012345678 漢漢漢\r", "whole echo 012345678 漢漢漢"),
        ("keys", f"{UP}\r", "whole echo 012345678 漢漢漢"),
        ("keys", "echo 0123456789 0123456789\x01\x1bfx\x05y\r", "whole echox 0123456789 0123456789y"),
        ("keys", "echo 0123456789 0123456789" + "\x7f" * 14 + "\r", "whole echo 0123456"),
        ("keys", f"{UP}{UP}\x01x\x05\r", "whole xechox 0123456789 0123456789y"),
        size=(32, 12), env={"PS1": "ada@web-1:~$ "})

session("bash-clear", BASH,
        ("keys", "echo before\r", "whole echo before"),
        ("keys", "echo mid\x0cdle\r", "whole echo middle"),
        ("keys", f"{UP}\x0c x\r", "doubtful Redrawn echo middle x"),
        ("keys", "clear\r", "whole clear"),
        ("keys", "echo after\r", "whole echo after"))

session("bash-resize", BASH,
        ("keys", "echo abcdefghij klmnop"), ("resize", (30, 12)), ("keys", " q\r", "whole echo abcdefghij klmnop q"),
        ("keys", "echo wide"), ("resize", (70, 20)), ("keys", "r\r", "whole echo wider"),
        ("keys", f"{UP}"), ("resize", (60, 20)), ("keys", "\r", "doubtful Resized echo wider"),
        ("keys", "echo end\r", "whole echo end"), size=(60, 12))

session("bash-colour", BASH,
        ("keys", "echo one\r", "whole echo one"),
        ("keys", "echo two\x0c\r", "whole echo two"),
        ("keys", f"{UP}\r", "whole echo two"),
        env={"PS1": "\\[\x1b[1;32m\\]ada\\[\x1b[0m\\] in \\[\x1b[34m\\]\\W\\[\x1b[0m\\]\n\\[\x1b[31m\\]>>\\[\x1b[0m\\] "})

session("bash-fakes", BASH,
        ("keys", "echo hi\r", "whole echo hi"),
        # Zmodem's header, and the fake of one.
        ("keys", "printf '**\\030B00000000000000\\r\\n'\r", "whole printf '**\\\\030B00000000000000\\\\r\\\\n'"),
        ("keys", "echo still read\r", "whole echo still read"),
        # Text that is hidden by colours.
        ("keys", "printf '\\e[8m'\r", "whole printf '\\\\e[8m'"),
        ("keys", "echo concealed\r", "whole echo concealed"),
        ("keys", "printf '\\e[0m\\e[30;40m'\r", "whole printf '\\\\e[0m\\\\e[30;40m'"),
        ("keys", "echo black\r", "whole echo black"),
        ("keys", "printf '\\e[0m'\r", "whole printf '\\\\e[0m'"),
        # The other alphabet: what is typed is shown as something else.
        ("keys", "printf '\\e(0'\r", "whole printf '\\\\e(0'"),
        ("keys", "echo lines\r", "doubtful"),
        ("keys", "printf '\\e(B'\r", "doubtful"),
        ("keys", "echo back\r", "whole echo back"),
        # An alternate screen without a program in it.
        ("keys", "printf '\\e[?1049h'\r", "whole printf '\\\\e[?1049h'"),
        ("keys", "echo unseen\r", "full-screen"),
        ("keys", "printf '\\e[?1049l'\r", "full-screen"),
        ("keys", "echo seen\r", "whole echo seen"),
        # A prompt that another program prints, over the text that is there.
        ("keys", "printf 'harmless\\r'; cat\r", "whole printf 'harmless\\\\r'; cat"),
        ("keys", "rm\r", "doubtful Crowded+NoPrompt"),
        ("keys", "\x04", "doubtful NoPrompt"))

session("bash-silent", BASH,
        ("keys", "read -s word\r", "whole read -s word"),
        ("keys", "hunter2\r", "secret"),
        ("keys", "read -sp 'Password: ' word\r", "whole read -sp 'Password: ' word"),
        ("keys", "hunter2\r", "secret"),
        ("keys", "stty -echo\r", "whole stty -echo"),
        ("keys", "rm -rf x\r", "secret"),
        ("keys", "rm -rf x\x02\x02\x07\r", "secret"),
        ("keys", "stty echo\r", "secret"),
        ("keys", "echo back\r", "whole echo back"),
        ("keys", "read -p 'Sure? [y/N] ' word\r", "whole read -p 'Sure? [y/N] ' word"),
        ("keys", "y\r", "doubtful OtherPrompt y"))

session("bash-prompts", BASH,
        ("keys", "echo one\r", "whole echo one"),
        ("keys", "PS1='root@db-2:~# '\r", "whole PS1='root@db-2:~# '"),
        ("keys", "echo two\r", "doubtful OtherPrompt echo two"),
        ("keys", "PS1='ada@web-1:~$ echo '\r", "doubtful OtherPrompt"),
        ("keys", "rm x\r", "doubtful Preloaded echo rm x"),
        ("keys", "PS1='ada@web-1:~$ '\r", "doubtful"),
        ("keys", "echo three\r", "whole echo three"),
        ("keys", "PS1=\r", "whole PS1="),
        ("keys", "echo four\r", "doubtful NoPrompt echo four"),
        ("keys", "PS1='ada@web-1:~$ \\e[s\\e[40Gbait\\e[u'\r", "doubtful NoPrompt"),
        ("keys", "echo five\r", "doubtful Crowded+Mismatch"),
        env={"PS1": "ada@web-1:~$ "})

session("bash-program", BASH,
        ("keys", "cat\r", "whole cat"),
        ("keys", "rm -rf x\r", "doubtful NoPrompt rm -rf x"),
        ("keys", "half\x04", "doubtful NoPrompt half"),
        ("keys", "\x04", "doubtful Ahead"),
        ("keys", "sleep 0.6\r", "whole sleep 0.6"),
        ("keys", "echo ahead\r", "doubtful"),
        ("wait", 0.8),
        ("keys", "echo again\r", "whole echo again"),
        ("keys", "(sleep 0.2; printf '\\r\\033[Kada@web-1:~$ ls') &\r",
         "whole (sleep 0.2; printf '\\\\r\\\\033[Kada@web-1:~$ ls') &"),
        ("keys", f"{UP}"), ("wait", 0.6), ("keys", "\r", "doubtful"),
        env={"PS1": "ada@web-1:~$ "})

session("dash", ["dash", "-i"],
        ("keys", "echo one\r", "whole echo one"),
        ("keys", "echo twoo\x7f\r", "whole echo two"),
        ("keys", "lost\x15echo kept\r", "whole echo kept"),
        ("keys", "echo a bb\x17cc\r", "whole echo a cc"),
        ("keys", f"echo {UP}\r", "doubtful Caret echo ^[[A"),
        ("keys", "echo !!\r", "doubtful Expansion echo !!"),
        ("keys", "echo 'a\r", "whole echo 'a"),
        ("keys", "b'\r", "whole echo 'a\\nb'"),
        ("keys", "echo 0123456789 0123456789\r", "whole echo 0123456789 0123456789"),
        ("keys", "echo 0123456789 0123456789" + "\x7f" * 8 + "\r", "doubtful"),
        ("keys", "printf '\\033[?2004h'\r", "whole printf '\\\\033[?2004h'"),
        ("chunk", "\x1b[200~echo m\recho n\x1b[201~\r", "doubtful", "doubtful"),
        size=(24, 10), env={"PS1": "$ "})

session("python", BASH,
        ("keys", "echo hi\r", "whole echo hi"),
        ("keys", "python3 -q\r", "whole python3 -q"),
        ("wait", 0.6),
        ("keys", "ls = 1\r", "doubtful OtherPrompt ls = 1"),
        ("keys", "for i in [1]:\r", "doubtful OtherPrompt for i in [1]:"),
        ("keys", "  pass\r", "doubtful OtherPrompt   pass"),
        ("keys", "\r", "doubtful OtherPrompt"),
        ("keys", "\x04", "doubtful OtherPrompt"),
        ("keys", "echo back\r", "whole echo back"),
        env={**PROMPT, "PATH": "/usr/local/bin:/usr/bin:/bin"})

session("full-screen", BASH,
        ("keys", "echo text > f; less f\r", "whole echo text > f; less f"), ("wait", 0.3),
        ("keys", "q"),
        ("keys", "vim -u NONE -N -i NONE f\r", "whole vim -u NONE -N -i NONE f"), ("wait", 0.4),
        ("keys", ":!rm x\r", "full-screen"), ("wait", 0.4),
        # vim shows the program's output on the primary screen, and asks for Enter.
        ("keys", "\r", "doubtful"), ("wait", 0.2),
        ("keys", ":q!\r", "full-screen"),
        ("keys", "echo back\r", "whole echo back"),
        ("keys", "echo edit\x18\x05"), ("wait", 0.5),
        ("keys", ":q\r", "full-screen"), ("wait", 0.3),
        ("keys", "echo end\r", "whole echo end"),
        size=(40, 8), env={"PS1": "ada@web-1:~$ ", "EDITOR": "vim -u NONE -N -i NONE"})

session("sub-shell", BASH,
        ("keys", "echo one\r", "whole echo one"),
        ("keys", "PS1='# ' dash -i\r", "whole PS1='# ' dash -i"),
        ("keys", "echo two\r", "doubtful OtherPrompt echo two"),
        ("keys", "exit\r", "doubtful OtherPrompt exit"),
        ("keys", "echo three\r", "whole echo three"))

def by_chance(seed, vi):
    """Lines of harmless words, with every key that edits them."""
    dice = random.Random(seed)
    words = ["alpha", "beta", "be", "x", "many-", " ", "a b", "gamma delta", "漢字", "é", "-", "'q r'", "0123456789"]
    emacs = [UP, UP, DOWN, LEFT, LEFT, RIGHT, HOME, END, DELETE, "\x7f", "\x7f", "\x01", "\x02", "\x05", "\x06", "\x0b",
             "\x19", "\x17", "\x15", "\x14", "\t", "\t\t", "\x12be", "\x12al", "\x0c", "\x1bb", "\x1bf", "\x1bd", "\x1bu", "\x1f"]
    modal = ["\x1b", "\x1bk", "\x1bkk", "\x1bj", "\x1bb", "\x1b0", "\x1bdw", "\x1bcw", "\x1bx", "\x1bA", "\x1bI", "\x1bD",
             "\x1b~", "\x1bp", "\x1bu", "\x1bbi", "\x1bhi", UP, LEFT, "\x7f", "\x17", "\t", "\x12be"]
    yield "keys", "set -o vi\r" if vi else "\r", "ran"
    for _ in range(16):
        keys = [dice.choice(words)]
        for _ in range(dice.randrange(7)):
            keys.append(dice.choice(words if dice.random() < 0.45 else modal if vi else emacs))
        yield dice.choice(["keys", "keys", "chunk"]), "".join(keys) + "\r", "ran"


HISTORY = {"PS1": "ada@web-1:~$ ", "PROMPT_COMMAND": "history -a", "HISTFILE": "history", "HISTSIZE": "1000"}
for seed, vi, columns in [(1, False, 80), (2, False, 32), (3, True, 80)]:
    session(f"random-{seed}", BASH, *by_chance(seed, vi), size=(columns, 16), env=HISTORY,
            files=("many-1", "many-2", "history"))

if __name__ == "__main__":
    for name, (argv, size, env, files, steps) in SESSIONS.items():
        if len(sys.argv) > 1 and name not in sys.argv[1:]:
            continue
        recorded = Session(argv, size, env, files)
        recorded.run(steps)
        with open(os.path.join(HERE, name + ".session"), "w", encoding="utf-8") as file:
            file.write("\n".join(recorded.log) + "\n")
        print(name, len(recorded.log), "events")
