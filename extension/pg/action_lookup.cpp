#include "extension/pg/action_lookup.hpp"

#include <cstring>

#include "extension/pg/procedure.hpp"
#include "extension/pg/shared.hpp"
#include "extension/pg/spi.hpp"
#include "extension/pg/transaction.hpp"

extern "C" {
#include "catalog/pg_proc.h"
#include "utils/inval.h"
}

namespace gamelan::pg {

namespace {

constexpr int undefined_action = MAKE_SQLSTATE('W', 'G', '0', '0', '2');
constexpr int action_refused = MAKE_SQLSTATE('W', 'G', '0', '1', '2');
constexpr int max_kept = 1000;

struct KeptAction {
    const char* game;
    const char* name;
    Oid user;
    Action action;
    KeptAction* next;
};
struct KeptSignature {
    Oid function;
    Signature signature;
    KeptSignature* next;
};
// All of one state of the catalogs and of the definitions.
struct Kept {
    MemoryContext memory;
    std::uint64_t catalogs;
    std::uint64_t definitions;
    int count;
    KeptAction* actions;
    KeptSignature* signatures;
};
constinit Kept kept{};

// What is out of date stays until the transaction ends, since somebody may be looking at it.
void bring_up_to_date() {
    AcceptInvalidationMessages();
    const std::uint64_t catalogs = procedure::catalog_generation();
    const std::uint64_t definitions = shared->definitions_version.load();
    if (kept.memory != nullptr && kept.catalogs == catalogs && kept.definitions == definitions &&
        kept.count < max_kept)
        return;
    if (kept.memory != nullptr)
        MemoryContextSetParent(kept.memory, TopTransactionContext);
    kept = {};
    kept.memory = AllocSetContextCreate(TopMemoryContext, "gamelan actions", ALLOCSET_SMALL_SIZES);
    kept.catalogs = catalogs;
    kept.definitions = definitions;
}

[[noreturn]] void raise_unknown(const char* game, const char* name) {
    (void)spi::run("SELECT pg_catalog.string_agg(name, ', ' ORDER BY name) FROM game.action WHERE game = $1",
                   {spi::text(game)});
    const bool has_any = !spi::is_null(0, 1);
    const std::string_view known = has_any ? spi::text_at(0, 1) : "none yet; game.create_action() makes some";
    ereport(ERROR, (errcode(undefined_action), errmsg("action \"%s\" does not exist", name),
                    errhint("The world's actions are: %s.", pnstrdup(known.data(), known.size()))));
    pg_unreachable();
}

[[noreturn]] void raise_lost_policy(const char* game, const char* name, std::string_view policy) {
    ereport(ERROR, (errcode(action_refused), errmsg("action \"%s\" refuses all calls", name),
                    errdetail("Its policy, the function \"%s\", does not exist any more.",
                              pnstrdup(policy.data(), policy.size())),
                    errhint("Make it again, or SELECT game.alter_action(%s, policy => '');",
                            quote_literal_cstr(psprintf("%s.%s", game, name)))));
    pg_unreachable();
}

Action read_action(const char* game, const char* name) {
    if (SPI_connect() != SPI_OK_CONNECT)
        elog(ERROR, "could not connect to SPI");
    const std::uint64_t count = spi::run(
        "SELECT p.oid::bigint, a.durable::int, a.policy, EXISTS (SELECT FROM pg_catalog.pg_proc AS j "
        "WHERE j.pronamespace = n.oid AND j.proname = a.policy AND j.prokind = 'f')::int FROM game.action AS "
        "a "
        "JOIN pg_catalog.pg_namespace AS n ON n.nspname = a.game "
        "JOIN pg_catalog.pg_proc AS p ON p.pronamespace = n.oid AND p.proname = a.name AND p.prokind = 'f' "
        "WHERE a.game = $1 AND a.name = $2",
        {spi::text(game), spi::text(name)});
    if (count == 0)
        raise_unknown(game, name);
    if (!spi::is_null(0, 3) && spi::integer_at(0, 4) == 0)
        raise_lost_policy(game, name, spi::text_at(0, 3));
    const Action out{static_cast<Oid>(spi::bigint_at(0, 1)), spi::integer_at(0, 2) != 0};
    SPI_finish();
    return out;
}

// Of others it depends on settings: of times, floats, bytea, and of types that contain some.
bool is_output_fixed(Oid type) {
    switch (type) {
    case BOOLOID:
    case INT2OID:
    case INT4OID:
    case INT8OID:
    case NUMERICOID:
    case TEXTOID:
    case VARCHAROID:
    case BPCHAROID:
    case NAMEOID:
    case UUIDOID:
    case JSONBOID:
        return true;
    default:
        return false;
    }
}

// Pallocs what is to be kept in the current memory context.
Signature read_signature(HeapTuple tuple) {
    Signature out{};
    Oid* types = nullptr;
    char** names = nullptr;
    char* modes = nullptr;
    out.name = pstrdup(NameStr(reinterpret_cast<Form_pg_proc>(GETSTRUCT(tuple))->proname));
    out.count = get_func_arg_info(tuple, &types, &names, &modes);
    out.can_be_action = modes == nullptr && (out.count == 0 || names != nullptr);
    bool has_none = false;
    const Datum stored = SysCacheGetAttr(PROCOID, tuple, Anum_pg_proc_proargdefaults, &has_none);
    List* defaults = has_none ? NIL : castNode(List, stringToNode(TextDatumGetCString(stored)));
    const int first_default = out.count - list_length(defaults);
    out.parameters =
        static_cast<Parameter*>(palloc0(sizeof(Parameter) * static_cast<Size>(Max(out.count, 1))));
    out.is_output_fixed = true;
    for (int i = 0; i < out.count; ++i) {
        Parameter& parameter = out.parameters[i];
        parameter.name = names != nullptr ? names[i] : "";
        parameter.type = types[i];
        Oid input = InvalidOid;
        Oid output = InvalidOid;
        bool is_varlena = false;
        getTypeInputInfo(parameter.type, &input, &parameter.input_type);
        getTypeOutputInfo(parameter.type, &output, &is_varlena);
        fmgr_info_cxt(input, &parameter.input, CurrentMemoryContext);
        fmgr_info_cxt(output, &parameter.output, CurrentMemoryContext);
        if (i >= first_default)
            parameter.fallback = static_cast<Expr*>(list_nth(defaults, i - first_default));
        out.is_output_fixed = out.is_output_fixed && is_output_fixed(parameter.type);
    }
    return out;
}

} // namespace

Action find_action(const char* game, const char* name) {
    // What this transaction changed is not known to others, and may be rolled back.
    if (transaction::has_changed_definitions())
        return read_action(game, name);
    bring_up_to_date();
    const Oid user = GetUserId();
    for (const KeptAction* entry = kept.actions; entry != nullptr; entry = entry->next)
        if (entry->user == user && std::strcmp(entry->name, name) == 0 && std::strcmp(entry->game, game) == 0)
            return entry->action;
    const std::uint64_t definitions = kept.definitions;
    const Action found = read_action(game, name);
    // A snapshot from before a change that has been announced since says what was.
    bring_up_to_date();
    if (kept.definitions != definitions || IsolationUsesXactSnapshot())
        return found;
    auto* entry = static_cast<KeptAction*>(MemoryContextAlloc(kept.memory, sizeof(KeptAction)));
    *entry = {MemoryContextStrdup(kept.memory, game), MemoryContextStrdup(kept.memory, name), user, found,
              kept.actions};
    kept.actions = entry;
    ++kept.count;
    return found;
}

const Signature& signature_of(Oid function) {
    bring_up_to_date();
    for (const KeptSignature* entry = kept.signatures; entry != nullptr; entry = entry->next)
        if (entry->function == function)
            return entry->signature;
    const HeapTuple tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
    if (!HeapTupleIsValid(tuple))
        ereport(ERROR,
                (errcode(undefined_action), errmsg("the function of the action does not exist any more")));
    const MemoryContext old = MemoryContextSwitchTo(kept.memory);
    auto* entry = static_cast<KeptSignature*>(palloc(sizeof(KeptSignature)));
    *entry = {function, read_signature(tuple), kept.signatures};
    MemoryContextSwitchTo(old);
    ReleaseSysCache(tuple);
    kept.signatures = entry;
    ++kept.count;
    return entry->signature;
}

} // namespace gamelan::pg
