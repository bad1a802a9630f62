-- What an operator asks of the log and the events. Conditions on created_at leave partitions out.

CREATE FUNCTION game._decode_commands(commands bytea, OUT "position" int, OUT kind text, OUT actor text, OUT action text, OUT handle bigint)
    RETURNS SETOF record LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE ROWS 5 AS 'MODULE_PATHNAME', 'gamelan_decode_commands';
COMMENT ON FUNCTION game._decode_commands(bytea) IS 'the commands of a row of the log';

CREATE VIEW game.command AS
    SELECT l.world, l.tick, c.position, c.kind, c.actor, c.action, c.handle, l.created_at
    FROM game.tick_log AS l, LATERAL game._decode_commands(l.commands) AS c;
COMMENT ON VIEW game.command IS 'the commands that were applied, as far back as the log goes';
COMMENT ON COLUMN game.command.position IS 'its place in the tick, from 1: an event whose cause is "command N" was told by the N-th';
COMMENT ON COLUMN game.command.kind IS
    'action; writes: rows that were written; definition, rules: what a game''s declarations changed; effects: what a system did that PostgreSQL''s executor ran';
COMMENT ON COLUMN game.command.action IS 'of an action its name, of effects the system''s';
COMMENT ON COLUMN game.command.handle IS 'what game.enqueue returned; null for those that were called';

CREATE VIEW game.command_statistics AS
    SELECT coalesce(a.world, r.world) AS world, coalesce(a.action, r.action) AS action,
           coalesce(a.applied, 0) AS applied, coalesce(a.actors, 0) AS actors, coalesce(r.refused, 0) AS refused, r.last_sqlstate,
           a.first_at, a.last_at
    FROM (SELECT c.world, c.action, pg_catalog.count(*) AS applied, pg_catalog.count(DISTINCT c.actor) AS actors,
                 pg_catalog.min(c.created_at) AS first_at, pg_catalog.max(c.created_at) AS last_at
          FROM game.command AS c WHERE c.kind = 'action' GROUP BY c.world, c.action) AS a
         FULL JOIN
         (SELECT f.world, f.action, pg_catalog.count(*) AS refused,
                 (pg_catalog.array_agg(f.sqlstate ORDER BY f.handle DESC))[1] AS last_sqlstate
          FROM game.conflict AS f GROUP BY f.world, f.action) AS r ON r.world = a.world AND r.action = a.action;
COMMENT ON VIEW game.command_statistics IS 'how often each action was applied, by how many actors, and refused; it reads the whole log that there is';
COMMENT ON COLUMN game.command_statistics.refused IS 'of queued ones only: who calls is told, and nothing is kept of it';

CREATE VIEW game.event_kinds AS
    SELECT e.world, e.kind, pg_catalog.count(*) AS events, pg_catalog.count(DISTINCT e.actor) AS actors,
           pg_catalog.count(*) FILTER (WHERE e.cause LIKE 'system %') AS by_systems,
           pg_catalog.min(e.created_at) AS first_at, pg_catalog.max(e.created_at) AS last_at
    FROM game.event AS e GROUP BY e.world, e.kind;
COMMENT ON VIEW game.event_kinds IS 'the events of each kind, how many and since when; it reads all events that there are';
COMMENT ON COLUMN game.event_kinds.by_systems IS 'of them: told by systems, not by actions';

CREATE VIEW game.event_rate AS
    SELECT e.world, e.kind, pg_catalog.date_trunc('minute', e.created_at) AS minute, pg_catalog.count(*) AS events
    FROM game.event AS e WHERE e.created_at >= pg_catalog.now() - interval '1 day'
    GROUP BY e.world, e.kind, pg_catalog.date_trunc('minute', e.created_at);
COMMENT ON VIEW game.event_rate IS 'the events of the last day, by world, kind and minute';
