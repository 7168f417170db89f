"""What a program does with asyncssh, through the gateway to a host. A line for each thing that somebody has to agree to.

SSH_PORT and SSH_TOKEN say where and who; PLACE is a folder that the login at the host can write, HERE one of the test's;
KEY is the path of what `countersign connect web-1` wrote for clients of SSH, with the gateway's authority beside it.
"""

import asyncio
import os

import asyncssh

PLACE, PORT, TOKEN = os.environ["PLACE"], int(os.environ["SSH_PORT"]), os.environ["SSH_TOKEN"]
PLAIN = {"known_hosts": None, "client_keys": None, "config": None, "agent_path": None, "login_timeout": 20}


class Asked(asyncssh.SSHClient):
    """Gives the token as the answer to a question."""

    prompts = []

    def kbdint_auth_requested(self):
        return ""

    def kbdint_challenge_received(self, name, instructions, lang, prompts):
        self.prompts += prompts
        return [TOKEN for _ in prompts]


async def several_at_once(conn):
    """Commands, a transfer and a command that waits for people, all on one connection."""
    blob = os.urandom(1_000_000)
    held = asyncio.create_task(conn.run(f"rm {PLACE}/victim && cat", input="kept\n"))
    print("holding a command", flush=True)

    async def echoes(number):
        done = await conn.run("cat; exit 3", input=blob, encoding=None)
        assert (done.stdout, done.exit_status) == (blob, 3), (len(done.stdout), done.exit_status, done.stderr)
        return number

    async def moves(number):
        async with conn.start_sftp_client() as sftp:
            path = f"{PLACE}/file-{number}"
            async with sftp.open(path, "wb") as file:
                await file.write(blob)
            async with sftp.open(path, "rb") as file:
                assert await file.read() == blob
            await sftp.remove(path)

    await asyncio.gather(*[echoes(number) for number in range(8)], *[moves(number) for number in range(4)])
    assert not held.done() and os.path.exists(f"{PLACE}/victim"), "it did not wait"
    print("the others are through", flush=True)
    done = await held
    assert (done.stdout, done.exit_status) == ("kept\n", 0), done
    assert "held by rule `commands`" in done.stderr, done.stderr


async def files(conn):
    """Whole folders, with many requests on their way at once."""
    here = os.environ["HERE"]
    os.makedirs(f"{here}/tree/below", exist_ok=True)
    for number in range(20):
        with open(f"{here}/tree/below/{number}", "wb") as file:
            file.write(os.urandom(10_000 * number))
    async with conn.start_sftp_client() as sftp:
        await sftp.put(f"{here}/tree", PLACE, recurse=True, preserve=True)
        await sftp.get(f"{PLACE}/tree", f"{here}/back", recurse=True)
        for number in range(20):
            with open(f"{here}/tree/below/{number}", "rb") as one, open(f"{here}/back/below/{number}", "rb") as other:
                assert one.read() == other.read(), number
        await sftp.rmtree(f"{PLACE}/tree")
        assert not await sftp.exists(f"{PLACE}/tree")


async def shell(conn):
    async with conn.create_process(term_type="xterm", term_size=(100, 30)) as process:
        print("holding a shell", flush=True)
        process.stdin.write("echo $((6*7)); exit 5\n")
        assert "42" in await process.stdout.read()
        assert process.exit_status is None or process.exit_status == 5
        await process.wait_closed()
    assert process.exit_status == 5, process.exit_status


async def refused(conn):
    for wanted in [conn.open_connection("127.0.0.1", PORT), conn.open_unix_connection("/run/x")]:
        try:
            await wanted
            raise AssertionError("opened")
        except asyncssh.ChannelOpenError:
            pass
    for listening in [conn.start_server(lambda *_: None, "", 0), conn.forward_remote_port("", 0, "127.0.0.1", 1)]:
        try:
            await listening
            raise AssertionError("listens")
        except asyncssh.ChannelListenError:
            pass
    try:
        await conn.start_sftp_client(env={"LD_PRELOAD": "/x"})
    except asyncssh.Error as error:
        raise AssertionError(f"a variable too many ended it: {error}") from error


async def main():
    async with asyncssh.connect("127.0.0.1", PORT, username="web-1", password=TOKEN, **PLAIN) as conn:
        done = await conn.run("echo out; echo err >&2; exit 7")
        assert (done.stdout, done.stderr, done.exit_status) == ("out\n", "err\n", 7)
        await several_at_once(conn)
        await files(conn)
        await refused(conn)
        await shell(conn)
    # A question is asked once, and its answer is the token.
    ways = {"preferred_auth": "keyboard-interactive", "client_factory": Asked}
    async with asyncssh.connect("127.0.0.1", PORT, username="ada+web-1", **PLAIN, **ways) as conn:
        assert (await conn.run("echo in")).stdout == "in\n"
    assert Asked.prompts == [("Countersign token: ", False)], Asked.prompts
    # The gateway is known by its authority. (asyncssh takes no certificate with an option that it does not know, as ours have
    # for their target, so that it signs in with the token.)
    known = {**PLAIN, "known_hosts": os.environ["KEY"] + ".known_hosts", "host_key_alias": "countersign"}
    async with asyncssh.connect("127.0.0.1", PORT, username="web-1", password=TOKEN, **known) as conn:
        assert (await conn.run("echo in")).stdout == "in\n"
    # Under another name it is not the one that is known.
    try:
        await asyncssh.connect("127.0.0.1", PORT, username="web-1", password=TOKEN, **{**known, "host_key_alias": "other"})
        raise AssertionError("another host was taken for it")
    except asyncssh.HostKeyNotVerifiable:
        pass
    print("done", flush=True)


asyncio.run(main())
