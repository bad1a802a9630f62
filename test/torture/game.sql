-- The game that is tortured. What a command did can be read from the state: a row of torture.deed says that it happened, and how
-- often; money only moves, so that all balances together never change; a player's checksum depends on the order.
SET client_min_messages = warning;
SELECT game.create_game('torture');
CREATE FOREIGN TABLE torture.account (
    balance bigint NOT NULL DEFAULT 1000
) INHERITS (game.component) SERVER gamelan;
CREATE FOREIGN TABLE torture.player (
    number int OPTIONS (index 'hash') NOT NULL,
    deeds bigint NOT NULL DEFAULT 0,
    checksum bigint NOT NULL DEFAULT 0
) INHERITS (game.component) SERVER gamelan;
CREATE FOREIGN TABLE torture.deed (
    client int NOT NULL,
    sequence bigint NOT NULL,
    happened bigint NOT NULL DEFAULT 0
) INHERITS (game.component) SERVER gamelan;
CREATE FOREIGN TABLE torture.drift (
    x double precision NOT NULL DEFAULT 0,
    noise bigint NOT NULL DEFAULT 0
) INHERITS (game.component) SERVER gamelan;
CREATE TABLE torture.told (client int NOT NULL, sequence bigint NOT NULL) INHERITS (game.event_row);
SELECT game.create_template('torture.deed', '{"deed": {"client": 0, "sequence": 0}}');

CREATE FUNCTION torture.pay(client int, sequence bigint, source bigint, target bigint, amount bigint) RETURNS jsonb LANGUAGE sql
BEGIN ATOMIC
    UPDATE torture.account SET balance = balance - amount WHERE entity = source;
    UPDATE torture.account SET balance = balance + amount WHERE entity = target;
    UPDATE torture.player AS p SET deeds = deeds + 1, checksum = (p.checksum * 31 + pay.sequence) % 1000000007 WHERE p.number = pay.client;
    SELECT game.spawn('deed', jsonb_build_object('deed',
        jsonb_build_object('client', pay.client, 'sequence', pay.sequence, 'happened', game.tick())));
    INSERT INTO torture.told (entity, client, sequence) SELECT p.entity, pay.client, pay.sequence FROM torture.player AS p WHERE p.number = pay.client;
    SELECT jsonb_build_object('sequence', pay.sequence, 'tick', game.tick());
END;
REVOKE EXECUTE ON FUNCTION torture.pay FROM PUBLIC;
GRANT EXECUTE ON FUNCTION torture.pay TO gamelan_player;
SELECT game.create_action('torture.pay');

CREATE PROCEDURE torture.drifts() LANGUAGE sql
BEGIN ATOMIC
    UPDATE torture.drift SET x = x + game.random(entity) - 0.5, noise = (noise * 48271 + entity) % 2147483647;
END;
SELECT game.create_system('torture.drifts');

-- Sixteen accounts, the players, and something that moves by itself.
CREATE PROCEDURE torture.found(world bigint, players int) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM game.spawn(found.world, overrides => '{"account": {}}') FROM generate_series(1, 16);
    PERFORM game.spawn(found.world, overrides => jsonb_build_object('player', jsonb_build_object('number', n))) FROM generate_series(1, players) AS n;
    PERFORM game.spawn(found.world, overrides => jsonb_build_object('drift', jsonb_build_object('noise', n))) FROM generate_series(1, 500) AS n;
END
$$;
