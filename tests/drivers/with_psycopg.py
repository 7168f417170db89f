"""What a program does with psycopg 3, through the gateway: each answer is what PostgreSQL itself would give, masked.

The connection comes from the environment (PGHOST and so on). The policy is that of the tests' world: e-mail addresses are
hidden, an unbounded DELETE is held, and somebody agrees to it while this waits.
"""

import threading
import time

import psycopg

HIDDEN = "m*********@*******.com"


def raises(kind, work):
    try:
        work()
    except kind as error:
        return str(error).splitlines()[0]
    raise AssertionError(f"no {kind.__name__}")


def queries(conn):
    assert conn.execute("SELECT 1 + 1").fetchone() == (2,)
    asks = "SELECT id, email FROM customers WHERE id = %s"
    # From the fifth time on psycopg prepares it.
    for _ in range(8):
        assert conn.execute(asks, (1,)).fetchone() == (1, HIDDEN)
    assert conn.execute(asks, (1,), binary=True).fetchone() == (1, HIDDEN)
    # A hidden array is still an array, and a hidden date is none.
    (all_of_them,) = conn.execute("SELECT array_agg(email ORDER BY id) FROM customers").fetchone()
    assert len(all_of_them) == 3 and set("".join(all_of_them)) == {"*"}, all_of_them
    assert conn.execute("SELECT born FROM customers WHERE id = 1", binary=True).fetchone() == (None,)
    assert conn.execute("SELECT total FROM orders WHERE id = %s", (3,)).fetchone()[0] == 30


def mistakes(conn):
    assert raises(psycopg.errors.SyntaxError, lambda: conn.execute("SELEC 1")) == 'syntax error at or near "SELEC"'
    said = raises(psycopg.errors.SyntaxError, lambda: conn.execute("SELEC %s", (1,)))
    assert said == 'syntax error at or near "SELEC"', said
    raises(psycopg.errors.DivisionByZero, lambda: conn.execute("SELECT 1 / 0"))
    raises(psycopg.errors.InsufficientPrivilege, lambda: conn.execute("SELECT * FROM vault WHERE secret = %s", ("x",)))
    assert conn.execute("SELECT 3").fetchone() == (3,)


def pipelines(conn):
    with conn.pipeline() as pipe:
        cursors = [conn.execute("SELECT %s::int", (number,)) for number in range(50)]
        pipe.sync()
        assert [cursor.fetchone()[0] for cursor in cursors] == list(range(50))

    def broken():
        with conn.pipeline():
            conn.execute("SELECT 1")
            conn.execute("SELECT 1 / 0")
            conn.execute("SELECT 2")

    raises(psycopg.errors.DivisionByZero, broken)

    def forbidden():
        with conn.pipeline():
            conn.execute("INSERT INTO order_items VALUES (1, 99)")
            conn.execute("SELECT * FROM vault")

    raises(psycopg.errors.InsufficientPrivilege, forbidden)
    assert conn.execute("SELECT count(*) FROM order_items WHERE line = 99").fetchone() == (0,)


def copies(conn):
    with conn.cursor() as cursor:
        with cursor.copy("COPY (SELECT id, email FROM customers ORDER BY id) TO STDOUT") as copy:
            rows = list(copy.rows())
        assert len(rows) == 3 and all(set(email) == {"*"} for _, email in rows), rows
        with cursor.copy("COPY (SELECT id, name FROM customers ORDER BY id) TO STDOUT (FORMAT BINARY)") as copy:
            copy.set_types(["int4", "text"])
            assert list(copy.rows())[1] == (2, "Jonas Novak")
        with cursor.copy("COPY order_items FROM STDIN") as copy:
            for line in range(1_000):
                copy.write_row((1, line))
        assert cursor.rowcount == 1_000
        cursor.executemany("INSERT INTO order_items VALUES (%s, %s)", [(2, line) for line in range(300)])
        assert cursor.rowcount == 300


def cursors(conn):
    with conn.cursor(name="on_the_server") as cursor:
        cursor.itersize = 100
        cursor.execute("SELECT order_id, line FROM order_items WHERE order_id = 1 ORDER BY line")
        assert len(cursor.fetchall()) == 1_002
    with conn.cursor(name="hidden") as cursor:
        cursor.execute("SELECT email FROM customers ORDER BY id")
        assert cursor.fetchone() == (HIDDEN,)


def transactions(conn):
    conn.execute("INSERT INTO orders VALUES (10, 1, 1)")
    with conn.transaction():
        conn.execute("INSERT INTO orders VALUES (11, 1, 1)")
        raise psycopg.Rollback
    assert conn.execute("SELECT id FROM orders WHERE id >= 10").fetchall() == [(10,)]
    conn.rollback()
    assert conn.execute("SELECT count(*) FROM orders WHERE id >= 10").fetchone() == (0,)
    conn.rollback()


def cancelling(conn):
    began = time.monotonic()
    threading.Timer(0.3, conn.cancel).start()
    raises(psycopg.errors.QueryCanceled, lambda: conn.execute("SELECT pg_sleep(20)"))
    assert time.monotonic() - began < 10
    conn.rollback()


def held(conn):
    notices = []
    conn.add_notice_handler(lambda notice: notices.append(notice.message_primary))
    print("holding", flush=True)
    assert conn.execute("DELETE FROM order_items").rowcount == 1_303
    assert notices[0].startswith("held by rule `bulk write`: asked group:dba (req_"), notices
    assert notices[-1] == 'approved by linus: "after the backup"', notices
    conn.rollback()
    assert conn.execute("SELECT count(*) FROM order_items").fetchone() == (1_303,)
    conn.rollback()


with psycopg.connect(autocommit=True) as conn:
    queries(conn)
    mistakes(conn)
    pipelines(conn)
    copies(conn)
with psycopg.connect() as conn:
    cursors(conn)
    conn.rollback()
    transactions(conn)
    cancelling(conn)
    held(conn)
print("done", flush=True)
