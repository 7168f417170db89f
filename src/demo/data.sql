-- A shop, made up: people, their cards, their orders, what is in them, and a log that a trigger keeps.

CREATE FUNCTION card(seed BIGINT) RETURNS TEXT LANGUAGE plpgsql IMMUTABLE AS $$
-- A number that looks like a card: a known beginning, digits from the seed, and the check digit of Luhn.
DECLARE
    digits TEXT := '4' || lpad((seed * 7919 % 100000000000000)::TEXT, 14, '0');
    total INT := 0;
    digit INT;
BEGIN
    FOR place IN 1..15 LOOP
        digit := substr(digits, place, 1)::INT;
        IF place % 2 = 1 THEN
            digit := digit * 2;
            IF digit > 9 THEN digit := digit - 9; END IF;
        END IF;
        total := total + digit;
    END LOOP;
    digits := digits || ((10 - total % 10) % 10)::TEXT;
    RETURN substr(digits, 1, 4) || '-' || substr(digits, 5, 4) || '-' || substr(digits, 9, 4) || '-' || substr(digits, 13, 4);
END $$;

CREATE TABLE customers (
    id BIGINT PRIMARY KEY,
    name TEXT NOT NULL,
    email TEXT NOT NULL,
    phone TEXT NOT NULL,
    card TEXT NOT NULL,
    note TEXT
);

INSERT INTO customers
SELECT n,
       first || ' ' || last,
       lower(first) || '.' || lower(last) || n || '@example.' || (ARRAY['com', 'org', 'net'])[1 + n % 3],
       '+49 30 ' || lpad((n * 7727 % 10000000)::TEXT, 7, '0'),
       card(n * 104729 + 11),
       CASE WHEN n % 40 = 0 THEN 'prefers mail to ' || lower(last) || '@example.org' END
FROM generate_series(1, 2400) AS n,
     LATERAL (SELECT
        (ARRAY['Mira', 'Jonas', 'Aylin', 'Tomas', 'Ines', 'Karim', 'Lena', 'Otto', 'Sofia', 'Piotr'])[1 + n % 10] AS first,
        (ARRAY['Weber', 'Novak', 'Silva', 'Kaya', 'Lund', 'Moreau', 'Rossi', 'Keller'])[1 + n / 7 % 8] AS last) AS who;

CREATE TABLE orders (
    id BIGINT PRIMARY KEY,
    customer BIGINT NOT NULL REFERENCES customers (id),
    placed DATE NOT NULL,
    state TEXT NOT NULL,
    total NUMERIC(10, 2) NOT NULL
);

INSERT INTO orders
SELECT n, 1 + n * 37 % 2400, DATE '2019-01-01' + (n % 2500)::INT,
       (ARRAY['open', 'paid', 'sent', 'sent', 'sent', 'returned'])[1 + n % 6], 5 + (n * 613 % 49500) / 100.0
FROM generate_series(1, 12430) AS n;

CREATE TABLE order_items (
    order_id BIGINT NOT NULL REFERENCES orders (id) ON DELETE CASCADE,
    line INT NOT NULL,
    article TEXT NOT NULL,
    price NUMERIC(10, 2) NOT NULL,
    PRIMARY KEY (order_id, line)
);

INSERT INTO order_items
SELECT n, line, (ARRAY['lamp', 'chair', 'kettle', 'blanket', 'clock'])[1 + (n + line) % 5], 3 + (n * line * 97 % 9000) / 100.0
FROM generate_series(1, 12430) AS n, generate_series(1, 3) AS line WHERE line <= 1 + n % 3;

CREATE TABLE order_log (
    at TIMESTAMPTZ NOT NULL DEFAULT now(),
    what TEXT NOT NULL,
    id BIGINT NOT NULL
);

CREATE FUNCTION log_order() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO order_log (what, id) VALUES (TG_OP, OLD.id);
    RETURN NULL;
END $$;

CREATE TRIGGER orders_are_logged AFTER DELETE ON orders FOR EACH ROW EXECUTE FUNCTION log_order();

GRANT USAGE ON SCHEMA public TO cs_read, cs_write;
GRANT SELECT ON ALL TABLES IN SCHEMA public TO cs_read, cs_write;
GRANT INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO cs_write;
ANALYZE;
