#include "bgworker/game_rules.hpp"

#include "core/codec/kernel_program.hpp"
#include "extension/compiler/compiler.hpp"

#include "extension/pg/subtransaction.hpp"

#include "extension/pg/bridge.hpp"
#include "extension/pg/native_library.hpp"
#include "extension/pg/procedure.hpp"
#include "extension/pg/settings.hpp"
#include "extension/pg/spi.hpp"

namespace gamelan::worker {

namespace {

namespace spi = pg::spi;

game::Phase phase_of(std::string_view name) {
    constexpr std::string_view names[] = {"input", "pre_update", "simulate", "post_update", "output"};
    for (std::uint8_t i = 0; i < std::size(names); ++i)
        if (names[i] == name)
            return static_cast<game::Phase>(i);
    return game::Phase::simulate;
}

game::RunOn run_on_of(std::string_view name) {
    return name == "create"    ? game::RunOn::create
           : name == "update"  ? game::RunOn::update
           : name == "destroy" ? game::RunOn::destroy
                               : game::RunOn::tick;
}

struct SystemRow {
    game::SystemRule rule;
    Oid procedure;
    Oid condition;
};

std::vector<SystemRow> read_systems(const std::string& game) {
    std::vector<SystemRow> out;
    const std::uint64_t count = spi::run(
        "SELECT name, procedure::bigint, condition::bigint, phase, priority, run_on, "
        "array_to_string(components, E'\\n'), enabled::int, every_n_ticks, coalesce(wake_when, ''), "
        "kind, coalesce(library, ''), coalesce(symbol, '') FROM game._ordered_systems($1) ORDER BY position",
        {spi::text(game)});
    for (std::uint64_t row = 0; row < count; ++row) {
        SystemRow entry{};
        game::SystemRule& rule = entry.rule;
        rule.name = spi::text_at(row, 1);
        entry.procedure = spi::is_null(row, 2) ? InvalidOid : static_cast<Oid>(spi::bigint_at(row, 2));
        entry.condition = spi::is_null(row, 3) ? InvalidOid : static_cast<Oid>(spi::bigint_at(row, 3));
        rule.phase = phase_of(spi::text_at(row, 4));
        rule.priority = spi::integer_at(row, 5);
        rule.run_on = run_on_of(spi::text_at(row, 6));
        std::string_view components = spi::text_at(row, 7);
        while (!components.empty()) {
            const std::size_t end = std::min(components.find('\n'), components.size());
            // In the registry with their schema, in the store without.
            const std::string_view name = components.substr(0, end);
            rule.observed.emplace_back(name.substr(name.find('.') + 1));
            components.remove_prefix(std::min(end + 1, components.size()));
        }
        rule.is_enabled = spi::integer_at(row, 8) != 0;
        rule.every_n_ticks = static_cast<std::uint32_t>(spi::integer_at(row, 9));
        rule.condition = spi::text_at(row, 10);
        if (spi::text_at(row, 11) == "native") {
            rule.path = game::SystemPath::native;
            rule.program = std::string(spi::text_at(row, 12)) + ":" + std::string(spi::text_at(row, 13));
        }
        out.push_back(std::move(entry));
    }
    return out;
}

void compile(SystemRow& row, const std::string& game) {
    compiler::CompiledProcedure compiled = compiler::compile_procedure(row.procedure, game);
    row.rule.reads = std::move(compiled.reads);
    row.rule.writes = std::move(compiled.writes);
    if (!compiled.program || !pg::settings::compile)
        return;
    compiled.program->system.name = row.rule.name;
    row.rule.program = codec::encode_program(*compiled.program);
    const bool is_calling = kernel::is_call(compiled.program->system.statements.back());
    row.rule.path = is_calling ? game::SystemPath::calling : game::SystemPath::kernel;
}

void read_actions(GameRules& out) {
    const std::uint64_t count = spi::run(
        "SELECT a.name, (SELECT p.oid::bigint FROM pg_catalog.pg_proc AS p WHERE p.pronamespace = n.oid AND "
        "p.proname = a.name ORDER BY p.oid LIMIT 1), (SELECT p.oid::bigint FROM pg_catalog.pg_proc AS p "
        "WHERE "
        "p.pronamespace = n.oid AND p.proname = a.policy ORDER BY p.oid LIMIT 1), a.durable::int, "
        "coalesce(extract(epoch FROM a.cooldown), 0)::float8::text, coalesce(a.max_per_second, 0)::text "
        ", (a.policy IS NOT NULL)::int "
        "FROM game.action AS a JOIN pg_catalog.pg_namespace AS n ON n.nspname = a.game WHERE a.game = $1",
        {spi::text(out.game)});
    for (std::uint64_t row = 0; row < count; ++row) {
        // Without its function there is nothing to call, and without its policy nobody may.
        const bool has_lost_policy = spi::is_null(row, 3) && spi::integer_at(row, 7) != 0;
        if (spi::is_null(row, 2) || has_lost_policy)
            continue;
        ActionRule action;
        action.name = spi::text_at(row, 1);
        action.function = static_cast<Oid>(spi::bigint_at(row, 2));
        action.policy = spi::is_null(row, 3) ? InvalidOid : static_cast<Oid>(spi::bigint_at(row, 3));
        action.is_durable = spi::integer_at(row, 4) != 0;
        action.cooldown_s = std::stod(std::string(spi::text_at(row, 5)));
        action.max_per_second = std::stod(std::string(spi::text_at(row, 6)));
        std::string name = action.name;
        out.actions.emplace(std::move(name), std::move(action));
    }
}

} // namespace

std::shared_ptr<const GameRules> read_game_rules(const std::string& game) {
    auto out = std::make_shared<GameRules>();
    out->game = game;
    for (SystemRow& row : read_systems(game)) {
        if (row.rule.path != game::SystemPath::native) {
            if (!OidIsValid(row.procedure))
                continue;
            compile(row, game);
            out->procedures.emplace(row.rule.name, row.procedure);
        }
        if (OidIsValid(row.condition))
            out->procedures.emplace(row.rule.condition, row.condition);
        out->systems.push_back(std::move(row.rule));
    }
    read_actions(*out);
    return out;
}

std::shared_ptr<const GameRules> GameRulesReader::read(const std::string& game) {
    Known next{{}, pg::procedure::catalog_generation(), pg::settings::compile, nullptr};
    pg::in_subtransaction([&] {
        spi::run("SELECT coalesce((SELECT string_agg(s::text, E'\\n' ORDER BY s.name) FROM game.system AS s "
                 "WHERE s.game = $1), "
                 "'') || E'\\n' || coalesce((SELECT string_agg(a::text, E'\\n' ORDER BY a.name) FROM "
                 "game.action AS a WHERE "
                 "a.game = $1), '')",
                 {spi::text(game)});
        next.registered = spi::text_at(0, 1);
        Known& known = known_[game];
        if (known.rules == nullptr || known.registered != next.registered ||
            known.generation != next.generation || known.is_compiled != next.is_compiled) {
            next.rules = read_game_rules(game);
            known = next;
        }
    });
    return known_[game].rules;
}

WorldFlags read_world_flags(std::int64_t world_id) {
    WorldFlags out;
    const std::uint64_t count =
        spi::run("SELECT name, enabled::int, suspended_reason FROM game.world_system WHERE world = $1",
                 {spi::bigint(world_id)});
    for (std::uint64_t row = 0; row < count; ++row) {
        const std::string name(spi::text_at(row, 1));
        if (!spi::is_null(row, 2))
            out.enabled.emplace(name, spi::integer_at(row, 2) != 0);
        if (!spi::is_null(row, 3))
            out.suspended.emplace(name, spi::text_at(row, 3));
    }
    return out;
}

game::Rules rules_of_world(const GameRules& game, const WorldFlags& flags, std::uint32_t tick_rate_hz,
                           double time_scale) {
    game::Rules out{tick_rate_hz, time_scale, static_cast<std::uint32_t>(pg::settings::max_events_per_tick),
                    game.systems};
    for (game::SystemRule& rule : out.systems) {
        if (const auto found = flags.enabled.find(rule.name); found != flags.enabled.end())
            rule.is_enabled = found->second;
        if (flags.suspended.contains(rule.name))
            rule.is_enabled = false;
    }
    pg::leave_out_missing(out);
    return out;
}

} // namespace gamelan::worker
