# Single bits flipped in everything that is stored of a world: each flip is found by game.verify, or does no harm; never do
# the tables tell of another state. Rows that were swapped between worlds and ticks are found as well.
#
# GAMELAN_BIT_FLIPS is how many, GAMELAN_SEED which.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/..";
use GamelanTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $flips = $ENV{GAMELAN_BIT_FLIPS} || 400;
my $seed = $ENV{GAMELAN_SEED} || int(rand(1 << 30));
diag("seed $seed, $flips flips");

my $node = new_game_node('bit_flips', {}, 'gamelan.checkpoint_interval = 0', 'gamelan.checkpoint_log_volume = 0');
# Two worlds that differ in what happened to them only.
my ($world, $twin) = map { create_world($node, $_, config => '{"frequency": 4}') } qw(world twin);
for my $id ($world, $twin)
{
	for my $turn (1 .. 3)
	{
		$node->safe_psql('game', "SELECT game.enqueue($id, 'join', '{\"name\": \"p${turn}w$id\"}')");
		$node->safe_psql('game', "SELECT game.step_world($id, 2)");
		$node->safe_psql('game', "SELECT game.checkpoint($id, '" . ($turn == 1 ? 'full' : 'incremental') . "')");
	}
	$node->safe_psql('game', "SELECT game.enqueue($id, 'join', '{\"name\": \"last\"}')");
	$node->safe_psql('game', "SELECT game.step_world($id, 4)");
	is($node->safe_psql('game', "SELECT string_agg(tick::text, ',' ORDER BY tick) FROM game.tick_log WHERE world = $id"), '1,3,5,7', 'each of them acted');
	poll_until($node, "SELECT h.tick = 10 FROM game.world_head AS h WHERE h.world = $id", 'the head is durable');
}
is($node->safe_psql('game', "SELECT string_agg(kind, ',' ORDER BY tick) FROM game.checkpoint WHERE world = $world"),
	'full,incremental,incremental', 'there is a chain');
# Else the checkpointer changes rows meanwhile.
poll_until($node, "SELECT bool_and(verified_at IS NOT NULL) FROM game.checkpoint WHERE kind = 'full'", 'the full ones are verified');

$node->safe_psql('game', <<'SQL');
CREATE TABLE public.outcome (id int, what text, verdict text, message text);

-- The state that the tables tell of, or what is wrong with them.
CREATE FUNCTION public.judge(world bigint, OUT is_ok boolean, OUT message text) LANGUAGE plpgsql AS $$
BEGIN
    SELECT bool_and(v.ok), string_agg(v.message, '; ') FILTER (WHERE NOT v.ok OR v.what = 'replay')
        INTO is_ok, message FROM game.verify(judge.world, true) AS v;
EXCEPTION WHEN OTHERS THEN
    is_ok := false;
    message := sqlerrm;
END
$$;

CREATE FUNCTION public.flip_bytes(data bytea) RETURNS bytea LANGUAGE sql AS
    $$ SELECT set_bit(data, n, 1 - get_bit(data, n)) FROM (SELECT floor(random() * 8 * length(data))::bigint AS n) AS p $$;
CREATE FUNCTION public.flip_text(value text) RETURNS text LANGUAGE sql AS
    $$ SELECT CASE WHEN value = '' THEN 'x' ELSE convert_from(public.flip_bytes(convert_to(value, 'UTF8')), 'UTF8') END $$;

-- One bit of one column of one row, and what becomes of it; undone.
CREATE PROCEDURE public.try_flip(id int, worlds bigint[], sound text[], target text[]) LANGUAGE plpgsql AS $$
DECLARE
    kind text;
    place tid;
    value text;
    verdict text;
    judged record;
    said text;
BEGIN
    SELECT format_type(a.atttypid, NULL) INTO kind FROM pg_attribute AS a WHERE a.attrelid = target[1]::regclass AND a.attname = target[2];
    value := CASE kind WHEN 'bytea' THEN format('public.flip_bytes(%I)', target[2]) WHEN 'text' THEN format('public.flip_text(%I)', target[2])
        WHEN 'jsonb' THEN format('public.flip_text(%I::text)::jsonb', target[2])
        WHEN 'integer' THEN format('%I # %s', target[2], 1 << floor(random() * 31)::int)
        ELSE format('%I # %s', target[2], 1::bigint << floor(random() * 63)::int) END;
    BEGIN
        EXECUTE format('SELECT ctid FROM %s WHERE world = %s AND %I IS NOT NULL ORDER BY random() LIMIT 1', target[1], worlds[1], target[2]) INTO place;
        EXECUTE format('UPDATE %s SET %I = %s WHERE ctid = %L', target[1], target[2], value, place);
        verdict := 'harmless';
        FOR i IN 1 .. cardinality(worlds) LOOP
            judged := public.judge(worlds[i]);
            said := judged.message;
            IF NOT judged.is_ok THEN
                verdict := 'found';
                EXIT;
            ELSIF judged.message <> sound[i] THEN
                verdict := 'SILENT';
                EXIT;
            END IF;
        END LOOP;
        RAISE EXCEPTION 'undo' USING ERRCODE = 'ZZ001';
    EXCEPTION
        WHEN SQLSTATE 'ZZ001' THEN NULL;
        WHEN OTHERS THEN verdict := 'refused by PostgreSQL';
    END;
    INSERT INTO public.outcome VALUES (id, target[1] || '.' || target[2], verdict, said);
END
$$;

-- The same for a change that is more than a bit.
CREATE FUNCTION public.is_found(change text, worlds bigint[]) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    found boolean := false;
BEGIN
    BEGIN
        EXECUTE change;
        FOR i IN 1 .. cardinality(worlds) LOOP
            found := found OR NOT (public.judge(worlds[i])).is_ok;
        END LOOP;
        RAISE EXCEPTION 'undo' USING ERRCODE = 'ZZ001';
    EXCEPTION WHEN SQLSTATE 'ZZ001' THEN NULL;
    END;
    RETURN found;
END
$$;
SQL

my %sound;
for my $id ($world, $twin)
{
	my $judged = $node->safe_psql('game', "SELECT is_ok || '|' || message FROM public.judge($id)");
	like($judged, qr/^true\|from tick 0, state hash [0-9a-f]{16}$/, "world $id is sound before anything is done to it");
	($sound{$id}) = $judged =~ /\|(.*)$/;
}

# The table is part of what is stored; the world's column is among those that are flipped.
my @targets = (
	(map { ['game.tick_log', $_] } qw(world tick commands commands commands state_hash row_hash)),
	(map { ['game.world_head', $_] } qw(tick log_tick row_hash checksum)),
	(map { ['game.checkpoint', $_] } qw(world tick kind base_tick base_hash chain_length format_version engine_version codec definition layout layout spaces
		  state_hash log_tick row_hash chunks chunks_hash manifest_hash raw_bytes stored_bytes)),
	(map { ['game.checkpoint_chunk', $_] } qw(world tick ordinal column_name first_slot slots raw_bytes checksum data data data data)));
my $script = "SELECT setseed(($seed % 1000000) / 1000000.0);\n";
for my $id (1 .. $flips)
{
	my $target = $targets[$id <= @targets ? $id - 1 : int(rand(@targets))];
	$script .= "CALL public.try_flip($id, ARRAY[$world, $twin]::bigint[], ARRAY['$sound{$world}', '$sound{$twin}'], ARRAY['$target->[0]', '$target->[1]']);\n";
}
srand($seed);
$node->safe_psql('game', $script);
my $counts = $node->safe_psql('game', "SELECT string_agg(verdict || ': ' || n, ', ' ORDER BY verdict) FROM (SELECT verdict, count(*) AS n FROM public.outcome GROUP BY verdict) AS v");
diag($counts);
is($node->safe_psql('game', 'SELECT count(*) FROM public.outcome'), $flips, 'every flip was judged');
is($node->safe_psql('game', "SELECT string_agg(what || ': ' || message, E'\\n') FROM public.outcome WHERE verdict = 'SILENT'"), '',
	'no flip leads to another state in silence');
# What decides the state is found, each time; what may be flipped without harm is known.
is($node->safe_psql('game', "SELECT string_agg(DISTINCT what, ' ' ORDER BY what) FROM public.outcome WHERE verdict = 'harmless'") =~
	  s/game\.checkpoint\.(raw_bytes|stored_bytes|world|tick) ?|game\.checkpoint_chunk\.NONE//gr, '', 'and harmless are those of columns that decide nothing');
cmp_ok($node->safe_psql('game', "SELECT count(*) FROM public.outcome WHERE verdict = 'found'"), '>', $flips * 0.7, 'most are found');

# Rows that are sound in themselves, in the wrong place.
for my $case (
	['a checkpoint of another world', "DELETE FROM game.checkpoint WHERE world = $world AND tick = 6; UPDATE game.checkpoint SET world = $world WHERE world = $twin AND tick = 6"],
	['the chunks of another tick', "DELETE FROM game.checkpoint_chunk WHERE world = $world AND tick = 6; UPDATE game.checkpoint_chunk SET tick = 6 WHERE world = $world AND tick = 4"],
	['the chunks of another world', "DELETE FROM game.checkpoint_chunk WHERE world = $world AND tick = 6; UPDATE game.checkpoint_chunk SET world = $world WHERE world = $twin AND tick = 6"],
	['a manifest as if of another tick', "UPDATE game.checkpoint SET tick = 7 WHERE world = $world AND tick = 6; UPDATE game.checkpoint_chunk SET tick = 7 WHERE world = $world AND tick = 6"],
	['a base that is gone', "DELETE FROM game.checkpoint WHERE world = $world AND tick = 4"],
	['a row of another world\'s log', "DELETE FROM game.tick_log WHERE world = $world AND tick = 3; UPDATE game.tick_log SET world = $world WHERE world = $twin AND tick = 3"],
	['two rows of the log exchanged', "UPDATE game.tick_log AS a SET commands = b.commands FROM game.tick_log AS b WHERE a.world = $world AND b.world = $world AND (a.tick, b.tick) IN ((3, 5), (5, 3))"],
	['the end of the log cut off', "DELETE FROM game.tick_log WHERE world = $world AND tick > 4"],
	['another world\'s head', "UPDATE game.world_head AS a SET row_hash = b.row_hash, checksum = b.checksum FROM game.world_head AS b WHERE a.world = $world AND b.world = $twin"],
	['an older head', "UPDATE game.world_head SET tick = 4, log_tick = 3, row_hash = l.row_hash, checksum = game._head_checksum($world, 4, 3, l.row_hash) FROM game.tick_log AS l WHERE l.world = $world AND l.tick = 3 AND world_head.world = $world"])
{
	my ($what, $change) = @$case;
	is($node->safe_psql('game', "SELECT public.is_found(\$\$$change\$\$, ARRAY[$world, $twin]::bigint[])"), 't', "$what is found");
}
is($node->safe_psql('game', "SELECT is_ok FROM public.judge($world)"), 't', 'and all of it was undone');
ok(!log_has($node, qr/PANIC|terminated by signal|TRAP/, 0), 'nothing crashed');

$node->stop;
done_testing();
