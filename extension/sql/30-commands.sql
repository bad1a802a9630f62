-- The doors through which a world is changed.

CREATE FUNCTION game.call(world bigint, action text, args jsonb DEFAULT '{}') RETURNS jsonb
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'gamelan_call';
COMMENT ON FUNCTION game.call(bigint, text, jsonb) IS
    'calls an action as the current role: applied by the next tick, answered when that tick is durable; not undone by ROLLBACK';

CREATE FUNCTION game.calls(world bigint, actors text[], actions text[], args jsonb[], client_seqs bigint[],
    OUT ordinal int, OUT tick bigint, OUT result jsonb, OUT sqlstate text, OUT message text, OUT detail text, OUT hint text)
    RETURNS SETOF record
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'gamelan_calls';
COMMENT ON FUNCTION game.calls(bigint, text[], text[], jsonb[], bigint[]) IS
    'calls a batch of actions for the actors named, for gateways: one row an action, with its result or its error; a repeat of a client''s sequence number is not applied again';

CREATE FUNCTION game.enqueue(world bigint, action text, args jsonb DEFAULT '{}') RETURNS bigint
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'gamelan_enqueue';
COMMENT ON FUNCTION game.enqueue(bigint, text, jsonb) IS
    'queues an action as part of this transaction: applied exactly once after it commits, in commit order, or not at all; returns a handle (see game.conflict)';

CREATE FUNCTION game.enqueue(world bigint, action text, args jsonb, idempotency_key text) RETURNS bigint
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'gamelan_enqueue_once';
COMMENT ON FUNCTION game.enqueue(bigint, text, jsonb, text) IS
    'the same, once: if the same role has used the key for the world within gamelan.keep_idempotency_keys, nothing is queued, and the handle of that call returned; a transaction that is using it now is waited for. Errors: WG024 that call was of something else';

CREATE FUNCTION game._sync(world bigint) RETURNS bigint
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'gamelan_sync';
COMMENT ON FUNCTION game._sync(bigint) IS 'waits until all that had committed before is applied and durable; returns that tick';

CREATE FUNCTION game._session_id() RETURNS text
    LANGUAGE c STABLE STRICT PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'gamelan_session_id';
COMMENT ON FUNCTION game._session_id() IS 'the name under which this session queues commands';

CREATE FUNCTION game._raised_conflict(world bigint, handle bigint DEFAULT NULL) RETURNS bigint
    LANGUAGE c VOLATILE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'gamelan_raised_conflict';
COMMENT ON FUNCTION game._raised_conflict(bigint, bigint) IS
    'the newest refused command of the world that game.sync raised in this session, after remembering the one given';

CREATE FUNCTION game._raise(code text, message text, detail text, hint text) RETURNS void
    LANGUAGE c VOLATILE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'gamelan_raise';
COMMENT ON FUNCTION game._raise(text, text, text, text) IS 'raises an error as it was recorded; RAISE cannot leave out an empty hint';

CREATE FUNCTION game.sync(world bigint) RETURNS bigint
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    applied bigint := game._sync($1);
    refused game.conflict;
BEGIN
    SELECT * INTO refused FROM game.conflict
    WHERE world = $1 AND session = game._session_id() AND handle > game._raised_conflict($1)
    ORDER BY handle LIMIT 1;
    IF FOUND THEN
        PERFORM game._raised_conflict($1, refused.handle);
        PERFORM game._raise(refused.sqlstate, refused.message,
            concat_ws(' ', format('Queued command %s (%s) was refused at tick %s.', refused.handle, refused.action, refused.tick),
                      refused.detail),
            refused.hint);
    END IF;
    RETURN applied;
END
$$;
COMMENT ON FUNCTION game.sync(bigint) IS
    'waits until everything this session queued for the world is applied and durable; raises the first refused command that it has not raised before; returns the tick';

CREATE FUNCTION game.describe(world bigint) RETURNS jsonb
    LANGUAGE c VOLATILE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'gamelan_describe';
COMMENT ON FUNCTION game.describe(bigint) IS 'the columns a world streams to clients and the actions it knows, with their parameters';
