# Saves of every version that was released: a dump restored into the newest version, and the cluster itself upgraded in
# place. Worlds stand where they stood, remember what they remembered, and go on as they would have.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/..";
use GamelanTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $releases = $ENV{GAMELAN_RELEASES};
plan skip_all => 'GAMELAN_RELEASES names no builds of released versions; ./gamelan test tap makes them' unless $releases;
my $directory = $PostgreSQL::Test::Utils::tmp_check;
my $newest = slurp_file($ENV{TEMP_CONFIG});
my $catalog = slurp_file("$FindBin::RealBin/../sql/extension_catalog.sql");
my @worlds = (1, 2, 3);

my ($newest_tree) = $newest =~ /^extension_destdir = '(.*)'/m;
my ($libraries) = $newest =~ /^dynamic_library_path = '\Q$newest_tree\E(.*):/m;
my ($target) = slurp_file("$newest_tree/usr/share/postgresql/15/extension/gamelan.control") =~ /^default_version = '(.*)'/m;

# Settings by which a cluster runs the library and the scripts of an installation tree.
sub settings_for { return "extension_destdir = '$_[0]'\ndynamic_library_path = '$_[0]$libraries:\$libdir'\n" }

sub install
{
	my ($place, $tree) = @_;
	unlink $place;
	symlink($tree, $place) or die "could not make the link $place: $!";
	return;
}

# A game with a system of every kind and with cells, as that version's own tests have it, beside a game in C++.
sub play
{
	my ($node, $game) = @_;
	$node->safe_psql('game', $game);
	$node->safe_psql('game', q{
		CREATE ROLE watcher LOGIN; GRANT SELECT ON game.event TO watcher; REVOKE EXECUTE ON FUNCTION game.tick_lateness(bigint, double precision) FROM gamelan_player;
		SELECT count(game.spawn(1, 'man')) FROM generate_series(1, 20);
		SELECT game.create_world('planet', 'hexfactory', seed => 9, tick_rate => 60, config => '{"frequency": 8, "layers": 2}'),
			game.create_world('idle', 'duel', seed => 3, config => '{"n": 2}'),
			game.create_world('clock', 'hexfactory', seed => 4, config => '{"frequency": 1}');
		SELECT game.set_checkpoints(1, strategy => 'incremental', generations => 5), game.set_durability(2, 'relaxed')});
	wait_until_ready($node, $_, 'created') for @worlds;
	$node->safe_psql('game', q{SELECT game.start_world(2), game.start_world(4)});
	wait_until_ready($node, $_, 'running') for 2, 4;
	$node->safe_psql('game', q{
		SELECT game.call(2, 'join', '{"name": "Ada"}');
		SELECT game.call(2, 'claim', jsonb_build_object('cell', c.cell)) FROM game.cells(2) AS c WHERE c.slot = 100});
	my @seen;
	for my $round (1 .. 6)
	{
		$node->safe_psql('game', "UPDATE duel.life SET alive = true WHERE world = 1 AND cell % 3 = $round % 3; UPDATE duel.health SET hp = hp + $round WHERE world = 1 AND entity % 2 = 0");
		$node->safe_psql('game', "SELECT game.enqueue(1, 'hit', '{\"victim\": $round}')");
		$node->safe_psql('game', "SELECT game.step_world(1, 7)");
		$node->safe_psql('game', "SELECT game.checkpoint(1" . ($round == 1 ? ", 'full')" : ')')) if $round % 2;
		push @seen, hash_of($node, 1);
	}
	pause_at_rest($node, 2);
	$node->safe_psql('game', q{SELECT game.checkpoint(2, 'full')});
	# Of the next tick.
	$node->safe_psql('game', q{SELECT game.enqueue(1, 'hit', '{"victim": 2, "strength": 40}'), game.enqueue(3, 'hit', '{"victim": 1}')});
	return @seen;
}

# What is to be the same before and after.
sub look
{
	my ($node) = @_;
	return join "\n", (map { hash_of($node, $_) } @worlds),
	  $node->safe_psql('game', q{
		SELECT string_agg(h::text, ' ' ORDER BY entity) FROM duel.health AS h WHERE world = 1;
		SELECT count(*), max(tick), md5(string_agg(concat_ws(' ', world, tick, ordinal, kind, entity, payload), ' ' ORDER BY world, tick, ordinal)) FROM game.event;
		SELECT count(*), max(tick) FROM game.tick_log;
		SELECT string_agg(concat_ws(' ', world, tick, kind, base_tick, format_version, engine_version), ', ' ORDER BY world, tick) FROM game.checkpoint;
		SELECT string_agg(concat_ws(' ', s.world, s.name, s.state), ', ' ORDER BY s.world, s.name) FROM game.system_state AS s;
		SELECT string_agg(concat_ws(' ', id, name, seed, config, tick_rate, durability), ', ' ORDER BY id) FROM game.world_definition;
		SELECT string_agg(concat_ws(' ', world, system, message, count), ', ' ORDER BY world, system, message) FROM game.system_error});
}

# Plays on, with what was queued and with new commands.
sub go_on
{
	my ($node) = @_;
	$node->safe_psql('game', q{SELECT game.step_world(w, 20) FROM generate_series(1, 3) AS w});
	$node->safe_psql('game', q{SELECT game.enqueue(1, 'hit', '{"victim": 4, "strength": 10}'), game.enqueue(2, 'join', '{"name": "Bob"}')});
	$node->safe_psql('game', q{SELECT game.step_world(w, 20) FROM generate_series(1, 3) AS w});
	return join "\n", map { hash_of($node, $_) } @worlds;
}

# All that is stored is sound, and the past is what was seen when it was the present.
sub check_past
{
	my ($node, $what, @seen) = @_;
	is($node->safe_psql('game', "SELECT string_agg(w || ': ' || v::text, E'\\n') FROM generate_series(1, 3) AS w, game.verify(w) AS v WHERE NOT v.ok"), '', "$what: everything stored is sound");
	is($node->safe_psql('game', "SELECT count(*) FROM game.verify(1, from_beginning => true) AS v WHERE NOT v.ok"), '0', "$what: also from the beginning");
	my @ticks = map { (split)[0] } @seen;
	is($node->safe_psql('game', join '', map { "SET gamelan.as_of_tick = $_; SELECT tick || ' ' || hash FROM game.state_hash(1);" } @ticks), join("\n", @seen), "$what: the past is what it was");
	return;
}

sub catalog_of { return $_[0]->safe_psql($_[1], $catalog) }

# Lines that only one of two texts has.
sub differences
{
	my ($new, $old) = @_;
	my %count;
	$count{$_}++ for split /\n/, $new;
	$count{$_}-- for split /\n/, $old;
	return join "\n", map { ($count{$_} > 0 ? '+ ' : '- ') . $_ } grep { $count{$_} != 0 } sort keys %count;
}

sub read_what_was_written_by
{
	my ($version) = @_;
	my ($tree, $installed) = ("$releases/$version/stage", "$directory/installed-$version");
	install($installed, $tree);
	my $old = new_game_node("old $version" =~ s/\W/_/gr, {}, settings_for($installed), 'gamelan.checkpoint_interval = 0');
	is($old->safe_psql('game', q{SELECT extversion FROM pg_extension WHERE extname = 'gamelan'}), $version, "a server of version $version");
	my @seen = play($old, slurp_file("$releases/$version/files/test/tap/games/duel.sql"));
	my $here = look($old);
	command_ok([ 'pg_dump', '-Fc', '-f', "$directory/$version.dump", '-d', $old->connstr('game') ], 'is dumped');

	# As an installation does it, over the old files; the server still runs the old library.
	install($installed, $newest_tree);
	like(error_of($old, 'game', 'ALTER EXTENSION gamelan UPDATE'), qr/55000: the server does not run the library of version \Q$target\E.*Install it, restart the server/s,
		'no update before the restart');
	$old->stop;
	$old->backup_fs_cold('stopped');
	install($installed, $tree);
	$old->start;
	wait_until_ready($old, $_, $_ == 2 ? 'paused' : 'created') for @worlds;
	is(look($old), $here, 'a restart changes nothing');
	my $later = go_on($old);
	$old->stop;

	restore_dump($version, $here, $later, @seen);
	upgrade_in_place($version, $old, $here, $later, @seen);
	return;
}

sub new_node_for_dump
{
	my $node = new_game_node($_[0] =~ s/\W/_/gr, { bare => 1 }, 'gamelan.checkpoint_interval = 0');
	$node->safe_psql('postgres', 'CREATE DATABASE game');
	$node->safe_psql('postgres', 'CREATE ROLE watcher LOGIN');
	return $node;
}

sub restore_dump
{
	my ($version, $here, $later, @seen) = @_;
	my $node = new_node_for_dump("restored $version");
	command_ok([ 'pg_restore', '--exit-on-error', '-d', $node->connstr('game'), "$directory/$version.dump" ], "a dump of $version is restored");
	is($node->safe_psql('game', q{SELECT extversion FROM pg_extension WHERE extname = 'gamelan'}), $target, 'with the newest version');
	wait_until_ready($node, $_, $_ == 2 ? 'paused' : 'created') for @worlds;
	is(look($node), $here, 'restored: all is as it was');
	is(go_on($node), $later, 'restored: and goes on as it would have');
	check_past($node, 'restored', @seen);
	$node->stop;
	return;
}

sub upgrade_in_place
{
	my ($version, $old, $here, $later, @seen) = @_;
	my $node = PostgreSQL::Test::Cluster->new("upgraded $version" =~ s/\W/_/gr);
	$node->init_from_backup($old, 'stopped');
	$node->append_conf('postgresql.conf', $newest);
	$node->start;
	my $mismatch = qr/the extension in database "game" is version \Q$version\E, the server's library is \Q$target\E/;
	wait_for_log($node, qr/WARNING:  $mismatch/);
	pass('the new library tells of the old catalog');
	for my $statement ('SELECT * FROM game.world', 'SELECT count(*) FROM duel.health', q{SELECT game.call(2, 'join')}, 'CREATE TABLE duel.more ()', 'SELECT game.drop_world(3)',
		'SET gamelan.as_of_tick = 7; SELECT * FROM duel.health')
	{
		like(error_of($node, 'game', $statement), qr/55000: $mismatch.*HINT:  Run ALTER EXTENSION gamelan UPDATE in that database/s, "refused: $statement");
	}
	command_ok([ 'pg_dump', '-Fc', '-f', "$directory/between.dump", '-d', $node->connstr('game') ], 'a dump can be made');

	my $head = $node->safe_psql('game', 'SELECT tick FROM game.world_head WHERE world = 4');
	$node->safe_psql('game', 'ALTER EXTENSION gamelan UPDATE');
	is($node->safe_psql('game', q{SELECT extversion FROM pg_extension WHERE extname = 'gamelan'}), $target, 'updated');
	wait_until_ready($node, $_, $_ == 2 ? 'paused' : 'created') for @worlds;
	poll_until($node, "SELECT state = 'running' AND tick > $head FROM game.world WHERE id = 4", 'a world that ticked ticks on by itself');
	is(look($node), $here, 'updated: all is as it was');
	check_past($node, 'updated', @seen);

	# An operator's grants stay, and are dumped.
	$node->safe_psql('postgres', 'CREATE DATABASE fresh');
	$node->safe_psql('fresh', 'CREATE EXTENSION gamelan');
	my $owner = $node->safe_psql('game', 'SELECT current_user');
	is(differences(catalog_of($node, 'game'), catalog_of($node, 'fresh')),
		"- function game.tick_lateness(bigint,double precision): privilege gamelan_player=X/$owner\n+ table game.event: privilege watcher=r/$owner",
		'the catalogs are those of a new extension, but for what an operator has granted and revoked');
	my ($dump) = run_command([ 'pg_dump', '--schema-only', '-d', $node->connstr('game') ]);
	like($dump, qr/^GRANT SELECT ON TABLE game\.event TO watcher;/m, 'which a dump tells');

	is(go_on($node), $later, 'updated: and goes on as it would have');
	my $after = join "\n", map { hash_of($node, $_) } @worlds;
	$node->safe_psql('game', q{SELECT game.checkpoint(1), game.checkpoint(2, 'full'); SELECT game.step_world(1, 5)});
	is($node->safe_psql('game', q{SELECT string_agg(DISTINCT engine_version, ' ' ORDER BY engine_version) FROM game.checkpoint}), "$version $target", 'checkpoints of both versions');
	is($node->safe_psql('game', q{SELECT kind FROM game.checkpoint WHERE world = 1 ORDER BY tick DESC LIMIT 1}), 'full', 'the first one of a version is full');
	my $last = hash_of($node, 1);
	kill_and_start_again($node);
	wait_until_ready($node, $_, $_ == 2 ? 'paused' : 'created') for @worlds;
	is(hash_of($node, 1), $last, 'it is there after a crash');
	check_past($node, 'after a crash', @seen, $last);

	# What was upgraded is saved and restored like what never was old.
	command_ok([ 'pg_dump', '-Fc', '-f', "$directory/upgraded.dump", '-d', $node->connstr('game') ], 'an upgraded database is dumped');
	my $state = look($node);
	$node->stop;
	my $copy = new_node_for_dump("copied $version");
	command_ok([ 'pg_restore', '--exit-on-error', '-d', $copy->connstr('game'), "$directory/upgraded.dump" ], 'and restored');
	wait_until_ready($copy, $_, $_ == 2 ? 'paused' : 'created') for @worlds;
	is(look($copy), $state, 'with all that it was');
	check_past($copy, 'copied', @seen, $last);
	$copy->stop;
	return;
}

for my $path (sort glob "$releases/*")
{
	my ($version) = $path =~ m{([^/]+)$};
	SKIP:
	{
		skip slurp_file("$path/missing") =~ s/\n//gr, 1 if -e "$path/missing";
		read_what_was_written_by($version);
	}
}

done_testing();
