-- The rules of hexfactory as its players meet them. The world stands still between the ticks that the test runs, so
-- every amount is known.
\set QUIET 1
\set ON_ERROR_ROLLBACK 1
\set ON_ERROR_STOP true
\pset format unaligned
\pset tuples_only true
\pset pager off

SET client_min_messages = warning;
CREATE ROLE pgtap_ada IN ROLE gamelan_player;
CREATE ROLE pgtap_bob IN ROLE gamelan_player;
SELECT game.create_world('pgtap', 'hexfactory', seed => 77, config => '{"frequency": 4, "max_players": 2}') AS w \gset
CREATE SCHEMA pgtap_help;
GRANT USAGE ON SCHEMA pgtap_help TO PUBLIC;
SET search_path = pgtap_help, public;

CREATE FUNCTION w() RETURNS bigint LANGUAGE sql STABLE AS $$ SELECT id FROM game.world WHERE name = 'pgtap' $$;
CREATE FUNCTION cell(slot int) RETURNS bigint LANGUAGE sql AS $$ SELECT cell FROM game.cells(w()) AS c WHERE c.slot = $1 $$;
CREATE FUNCTION owner(slot int) RETURNS text LANGUAGE sql SECURITY DEFINER SET search_path = pgtap_help, public AS $$
    SELECT p.name FROM game.cells(w()) AS c LEFT JOIN game.players(w()) AS p ON p.player = c.owner WHERE c.slot = $1
$$;
CREATE FUNCTION claims(player_name text) RETURNS int LANGUAGE sql AS $$ SELECT claims FROM game.players(w()) WHERE name = player_name $$;
CREATE FUNCTION score(player_name text) RETURNS bigint LANGUAGE sql AS $$ SELECT score FROM game.players(w()) WHERE name = player_name $$;
-- Queues the action as a role, runs a tick, and tells what became of it: the SQLSTATE of its refusal, or 'applied'.
CREATE PROCEDURE act(actor text, action text, args jsonb DEFAULT '{}', INOUT outcome text DEFAULT NULL) LANGUAGE plpgsql AS $$
DECLARE
    its_handle bigint;
    tick bigint;
BEGIN
    EXECUTE format('SET ROLE %I', actor);
    its_handle := game.enqueue(w(), action, args);
    RESET ROLE;
    COMMIT;
    tick := game.step_world(w());
    -- The session's snapshot is from before the tick.
    COMMIT;
    outcome := coalesce((SELECT c.sqlstate FROM game.conflict AS c WHERE c.world = w() AND c.handle = its_handle), 'applied');
END
$$;
SELECT game.step_world(:w) AS tick \gset
SELECT cell(0) AS c0, cell(1) AS c1, cell(40) AS c40 \gset
SELECT jsonb_build_object('cell', :c0) AS at_c0, jsonb_build_object('cell', :c1) AS at_c1, jsonb_build_object('cell', :c40) AS at_c40 \gset
SELECT jsonb_build_object('cell', :c0, 'resource', n) AS sow FROM generate_series(1, 1) AS n \gset

SELECT plan(45);

SELECT is(count(*), 0::bigint, 'A new world has no players') FROM game.players(:w);
SELECT is(max(owner), 0, 'and nobody owns a cell of it') FROM game.cells(:w);
SELECT is(jsonb_path_query_array(game.describe(:w), '$.actions[*].name'), '["join", "claim", "plant", "harvest"]', 'It knows four actions');

CALL act('pgtap_ada', 'claim', :'at_c0') \gset
SELECT is(:'outcome'::text, 'WG009', 'Who has not joined cannot claim');
CALL act('pgtap_ada', 'harvest', :'at_c0') \gset
SELECT is(:'outcome'::text, 'WG009', 'nor harvest');
CALL act('pgtap_ada', 'plant', :'sow') \gset
SELECT is(:'outcome'::text, 'WG009', 'nor plant');
SELECT is(owner(0), NULL::text, 'and the cell is still free');

CALL act('pgtap_ada', 'join', '{"name": "Ada"}') \gset
SELECT is(:'outcome'::text, 'applied', 'Ada joins');
SELECT results_eq($$SELECT player, name, actor, claims, score FROM game.players(w())$$,
                  $$VALUES (1, 'Ada', 'pgtap_ada', 0, 0::bigint)$$, 'as the first player, without claims or score');
CALL act('pgtap_bob', 'join', '{"name": "Ada"}') \gset
SELECT is(:'outcome'::text, 'WG017', 'Bob cannot have her name');
CALL act('pgtap_bob', 'join', '{"name": "Bob"}') \gset
SELECT is(:'outcome'::text, 'applied', 'but may come under his own');
CALL act('pgtap_ada', 'join', '{"name": "Ada"}') \gset
SELECT is(:'outcome'::text, 'applied', 'Ada may give her own name again');
CALL act('pgtap_ada', 'join', '{"name": "Bob"}') \gset
SELECT is(:'outcome'::text, 'WG017', 'and cannot take his');
CALL act('pgtap_ada', 'join', '{"name": "Countess"}') \gset
SELECT results_eq($$SELECT player, name FROM game.players(w()) WHERE actor = 'pgtap_ada'$$, $$VALUES (1, 'Countess')$$,
                  'Joining again changes her name, and she stays the same player');
CALL act('pgtap_bob', 'join', '{"name": "Ada"}') \gset
SELECT is(:'outcome'::text, 'applied', 'A name that was given up is free');
CALL act('pgtap_bob', 'join', '{"name": "Bob"}') \gset
SELECT is(:'outcome'::text, 'applied', 'and Bob is Bob again');
SELECT current_user AS me \gset
CALL act(:'me', 'join', '{"name": "Third"}') \gset
SELECT is(:'outcome'::text, 'WG018', 'A world has room for as many players as it was made for');

CALL act('pgtap_ada', 'claim', :'at_c0') \gset
SELECT is(:'outcome'::text, 'applied', 'A free cell can be claimed');
SELECT is(owner(0), 'Countess', 'and then belongs to who claimed it');
SELECT is(claims('Countess'), 1, 'whose claims are counted');
CALL act('pgtap_ada', 'claim', :'at_c0') \gset
SELECT is(:'outcome'::text, 'WG007', 'She cannot claim it twice');
CALL act('pgtap_bob', 'claim', :'at_c0') \gset
SELECT is(:'outcome'::text, 'WG007', 'and nobody else can claim it');
SELECT is(owner(0), 'Countess', 'It stays hers');
SELECT is(claims('Countess'), 1, 'and is counted once');
SELECT is(claims('Bob'), 0, 'Bob has none');

CALL act('pgtap_bob', 'plant', :'sow') \gset
SELECT is(:'outcome'::text, 'WG008', 'On her cell Bob can not plant');
CALL act('pgtap_bob', 'harvest', :'at_c0') \gset
SELECT is(:'outcome'::text, 'WG008', 'nor harvest');
CALL act('pgtap_ada', 'plant', jsonb_build_object('cell', :c1, 'resource', 1)) \gset
SELECT is(:'outcome'::text, 'WG008', 'On a cell that nobody owns not even she can plant');
CALL act('pgtap_ada', 'harvest', :'at_c1') \gset
SELECT is(:'outcome'::text, 'WG008', 'nor harvest');
CALL act('pgtap_ada', 'plant', jsonb_build_object('cell', :c0, 'resource', 0)) \gset
SELECT is(:'outcome'::text, '22023', 'Nothing (0) cannot be planted');
CALL act('pgtap_ada', 'plant', jsonb_build_object('cell', :c0, 'resource', 4)) \gset
SELECT is(:'outcome'::text, '22023', 'nor the compound (4), which only grows');

-- Planted and harvested in one transaction: no growth in between.
BEGIN;
SET ROLE pgtap_ada;
SELECT game.enqueue(:w, 'plant', :'sow') AS planted \gset
SELECT game.enqueue(:w, 'harvest', :'at_c0') AS harvested \gset
SELECT game.enqueue(:w, 'harvest', :'at_c0') AS again \gset
RESET ROLE;
COMMIT;
SELECT game.step_world(:w) AS tick \gset
SELECT results_eq(format($$SELECT kind, payload ->> 'amount' FROM game.event WHERE world = w() AND tick = %s ORDER BY ordinal$$, :tick),
                  $$VALUES ('planted', '64'), ('harvested', '48'), ('harvested', '12')$$,
                  'Planting puts 64 on a cell, and a harvest takes three quarters of what is there');
SELECT is(score('Countess'), 60::bigint, 'Her score is what she harvested');
SELECT is(score('Bob'), 0::bigint, 'and Bob has harvested nothing');

-- Down to the last: 64, 16, 4, 1, and then a quarter of 1 is nothing.
BEGIN;
SET ROLE pgtap_ada;
SELECT game.enqueue(:w, 'plant', :'sow') AS handle \gset
SELECT max(game.enqueue(:w, 'harvest', :'at_c0')) AS last FROM generate_series(1, 5) \gset
RESET ROLE;
COMMIT;
SELECT game.step_world(:w) AS tick \gset
SELECT results_eq(format($$SELECT payload ->> 'amount' FROM game.event WHERE world = w() AND tick = %s AND kind = 'harvested' ORDER BY ordinal$$, :tick),
                  $$VALUES ('48'), ('12'), ('3'), ('1')$$, 'A cell can be harvested until nothing is left');
SELECT is(sqlstate, 'WG012', 'and then no more') FROM game.conflict WHERE world = :w AND handle = :last;

CALL act('pgtap_ada', 'claim', '{"cell": 42}') \gset
SELECT is(:'outcome'::text, 'WG006', 'What is no cell cannot be claimed');
SELECT is(claims('Countess'), 1, 'and does not count');
CALL act('pgtap_bob', 'claim', :'at_c40') \gset
SELECT is(owner(40), 'Bob', 'Bob claims another cell');
SELECT is((SELECT array_agg(DISTINCT owner ORDER BY owner) FROM game.cells(:w)), '{0,1,2}', 'Cells carry the numbers of their owners');

-- Of two in one tick, the first in the order of the commits.
BEGIN;
SET ROLE pgtap_bob;
SELECT game.enqueue(:w, 'claim', :'at_c1') AS of_bob \gset
SET ROLE pgtap_ada;
SELECT game.enqueue(:w, 'claim', :'at_c1') AS of_ada \gset
RESET ROLE;
COMMIT;
SELECT game.step_world(:w) AS tick \gset
SELECT is(owner(1), 'Bob', 'Of two who claim one cell in one tick, the first has it');
SELECT results_eq(format('SELECT handle, actor, detail FROM game.conflict WHERE world = w() AND tick = %s', :tick),
                  format($$VALUES (%s::bigint, 'pgtap_ada', 'It belongs to "Bob".')$$, :of_ada), 'and the other is told whose it is');

SELECT results_eq($$SELECT kind, count(*) FROM game.event WHERE world = w() GROUP BY kind ORDER BY kind$$,
                  $$VALUES ('claimed', 3::bigint), ('harvested', 6), ('joined', 2), ('planted', 2), ('renamed', 4)$$,
                  'What was applied is told as events, and what was refused is not');
SELECT is((SELECT bool_and(actor IN ('pgtap_ada', 'pgtap_bob')) FROM game.event WHERE world = :w), true, 'each with who did it');
SELECT is((SELECT count(*) FROM game.tick_log AS l WHERE l.world = :w
           AND NOT EXISTS (SELECT FROM game.event AS e WHERE e.world = l.world AND e.tick = l.tick)), 0::bigint,
          'and the log holds ticks with applied commands only');

SELECT * FROM finish();
SELECT game.drop_world(:w);
DROP SCHEMA pgtap_help CASCADE;
DROP ROLE pgtap_ada, pgtap_bob;
