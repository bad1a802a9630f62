#include "extension/pg/version.hpp"

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "extension/pg/pg.hpp"

extern "C" {
#include "access/genam.h"
#include "catalog/pg_extension.h"
#include "utils/fmgroids.h"
}

namespace gamelan::pg {

namespace {

constinit bool is_known_to_agree = false;

bool is_older(const char* catalog) {
    int theirs[3] = {};
    int ours[3] = {};
    return std::sscanf(catalog, "%d.%d.%d", &theirs[0], &theirs[1], &theirs[2]) == 3 &&
           std::sscanf(GAMELAN_VERSION, "%d.%d.%d", &ours[0], &ours[1], &ours[2]) == 3 &&
           std::lexicographical_compare(theirs, theirs + 3, ours, ours + 3);
}

bool agrees(const char* catalog) {
    return std::strcmp(catalog, GAMELAN_VERSION) == 0;
}

void report_difference(int level, const char* version) {
    ereport(
        level,
        (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
         errmsg("the extension in database \"%s\" is version %s, the server's library is " GAMELAN_VERSION,
                get_database_name(MyDatabaseId), version),
         errdetail("No world plays until they agree."),
         is_older(version)
             ? errhint("Run ALTER EXTENSION gamelan UPDATE in that database; the worlds start by themselves.")
             : errhint("Install the library of version %s and restart the server.", version)));
}

} // namespace

// No catalog cache knows of extensions.
const char* version_in_catalog() {
    const Relation extensions = table_open(ExtensionRelationId, AccessShareLock);
    ScanKeyData key;
    ScanKeyInit(&key, Anum_pg_extension_extname, BTEqualStrategyNumber, F_NAMEEQ, CStringGetDatum("gamelan"));
    const SysScanDesc scan = systable_beginscan(extensions, ExtensionNameIndexId, true, nullptr, 1, &key);
    const char* out = nullptr;
    if (const HeapTuple row = systable_getnext(scan); HeapTupleIsValid(row)) {
        bool is_null = false;
        const Datum version =
            heap_getattr(row, Anum_pg_extension_extversion, RelationGetDescr(extensions), &is_null);
        out = is_null ? "" : text_to_cstring(DatumGetTextPP(version));
    }
    systable_endscan(scan);
    table_close(extensions, AccessShareLock);
    return out;
}

void require_version_of_catalog() {
    // A script changes the version first and the functions afterwards; pg_upgrade brings the old catalog as
    // it is.
    if (is_known_to_agree || creating_extension || IsBinaryUpgrade || !IsTransactionState())
        return;
    const char* version = version_in_catalog();
    is_known_to_agree = version != nullptr && agrees(version);
    if (version != nullptr && !is_known_to_agree)
        report_difference(ERROR, version);
}

bool warn_of_other_version() {
    const char* version = version_in_catalog();
    if (version == nullptr || agrees(version))
        return false;
    report_difference(WARNING, version);
    return true;
}

} // namespace gamelan::pg
