#include "extension/pg/shared.hpp"

#include "extension/pg/bridge.hpp"
#include "extension/pg/settings.hpp"
#include "extension/pg/system_stats.hpp"

#include <bit>

namespace gamelan::pg {

SharedState* shared = nullptr;

namespace {

constexpr std::uint64_t shared_magic = 0x67616d656c616e01ULL;
constexpr std::uint32_t shared_layout_version = 6;
constexpr const char* tranche_name = "gamelan";

shmem_request_hook_type previous_request_hook = nullptr;
shmem_startup_hook_type previous_startup_hook = nullptr;

WorldRuntime* runtimes = nullptr;
char* requests = nullptr;
void* region_memory = nullptr;

std::size_t request_bytes() {
    return CACHELINEALIGN(offsetof(Request, payload) + settings::max_command_bytes);
}

std::size_t state_bytes() {
    return CACHELINEALIGN(sizeof(SharedState));
}
std::size_t runtimes_bytes() {
    return CACHELINEALIGN(mul_size(settings::max_worlds, sizeof(WorldRuntime)));
}
std::size_t requests_bytes() {
    return mul_size(settings::max_requests, request_bytes());
}
std::size_t region_bytes() {
    return mul_size(settings::memory_mb, 1024 * 1024);
}

void request_memory() {
    if (previous_request_hook != nullptr)
        previous_request_hook();
    RequestAddinShmemSpace(state_bytes());
    RequestAddinShmemSpace(runtimes_bytes());
    RequestAddinShmemSpace(requests_bytes());
    RequestAddinShmemSpace(system_stats::shared_bytes());
    RequestAddinShmemSpace(add_size(region_bytes(), 64));
    RequestNamedLWLockTranche(tranche_name, 1);
}

void format_state() {
    MemSet(shared, 0, sizeof *shared);
    shared->layout_version = shared_layout_version;
    shared->lock = &GetNamedLWLockTranche(tranche_name)->lock;
    shared->definitions_version.store(1);
    shared->max_worlds = static_cast<std::uint32_t>(settings::max_worlds);
    shared->request_count = static_cast<std::uint32_t>(settings::max_requests);
    shared->request_bytes = static_cast<std::uint32_t>(request_bytes());
    MemSet(runtimes, 0, runtimes_bytes());
    system_stats::format();
    for (int i = 0; i < settings::max_worlds; ++i) {
        ConditionVariableInit(&runtimes[i].published);
        runtimes[i].last_checkpoint_tick.store(-1);
    }
    for (std::uint32_t i = 0; i < shared->request_count; ++i) {
        auto* entry = reinterpret_cast<Request*>(requests + i * shared->request_bytes);
        MemSet(entry, 0, offsetof(Request, payload));
        entry->next = i + 1 < shared->request_count ? i + 2 : 0;
    }
    shared->free_request = 1;
    const store::RegionOptions options{static_cast<std::uint32_t>(settings::max_worlds),
                                       ProcGlobal->allProcCount};
    sql_boundary([&] { store::Region::format(region_memory, region_bytes(), options); });
    shared->magic = shared_magic;
}

// Runs in the postmaster at start and again after a crash, and in no other process on this platform: children
// inherit the pointers.
void startup() {
    if (previous_startup_hook != nullptr)
        previous_startup_hook();
    shared = nullptr;
    LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
    bool found = false;
    auto* state = static_cast<SharedState*>(ShmemInitStruct("gamelan state", state_bytes(), &found));
    runtimes = static_cast<WorldRuntime*>(ShmemInitStruct("gamelan worlds", runtimes_bytes(), &found));
    requests = static_cast<char*>(ShmemInitStruct("gamelan requests", requests_bytes(), &found));
    system_stats::set_shared_memory(ShmemInitStruct("gamelan systems", system_stats::shared_bytes(), &found));
    region_memory = reinterpret_cast<void*>(
        TYPEALIGN(64, ShmemInitStruct("gamelan memory", add_size(region_bytes(), 64), &found)));
    shared = state;
    if (!found)
        format_state();
    LWLockRelease(AddinShmemInitLock);
}

} // namespace

static_assert(std::is_trivially_copyable_v<store::UnitInfo>);
static_assert(std::atomic<WorldState>::is_always_lock_free &&
              std::atomic<RequestState>::is_always_lock_free && std::atomic<Latch*>::is_always_lock_free);

const char* name_of(WorldState state) {
    switch (state) {
    case WorldState::none:
        break;
    case WorldState::created:
        return "created";
    case WorldState::running:
        return "running";
    case WorldState::paused:
        return "paused";
    case WorldState::recovering:
        return "recovering";
    case WorldState::waiting:
        return "waiting";
    case WorldState::failed:
        return "failed";
    case WorldState::evicted:
        return "evicted";
    case WorldState::stalled:
        return "stalled";
    }
    return "starting";
}

std::uint32_t lateness_bucket(std::int64_t lateness_us) {
    if (lateness_us < 1)
        return 0;
    const auto value = static_cast<std::uint64_t>(lateness_us);
    const auto octave = static_cast<std::uint32_t>(std::bit_width(value) - 1);
    const std::uint64_t base = 1ULL << octave;
    const auto third = static_cast<std::uint32_t>((value - base) * 3 / base);
    return Min(octave * 3 + third + 1, lateness_buckets - 1);
}

std::int64_t lateness_bucket_limit_us(std::uint32_t bucket) {
    if (bucket == 0)
        return 1;
    const std::uint32_t octave = (bucket - 1) / 3;
    const std::int64_t base = std::int64_t{1} << octave;
    return base + base * ((bucket - 1) % 3 + 1) / 3;
}

void install_shared_memory_hooks() {
    previous_request_hook = shmem_request_hook;
    shmem_request_hook = request_memory;
    previous_startup_hook = shmem_startup_hook;
    shmem_startup_hook = startup;
}

void require_shared_memory() {
    if (shared == nullptr)
        ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE), errmsg("gamelan is not loaded"),
                        errhint("Add gamelan to shared_preload_libraries and restart the server.")));
}

const store::Region& region() {
    // Constant-initialised storage: the region is one pointer, and every process has it at the same address.
    static const store::Region attached = store::Region::attach(region_memory);
    return attached;
}

WorldRuntime& runtime(store::WorldSlot slot) {
    return runtimes[slot.value];
}

Request& request(std::uint32_t index) {
    return *reinterpret_cast<Request*>(requests + static_cast<std::size_t>(index) * shared->request_bytes);
}

store::PinSlot my_pin() {
    return {static_cast<std::uint32_t>(MyProc->pgprocno)};
}

void wake(const WorkerEntry& worker) {
    if (Latch* latch = worker.latch.load(); latch != nullptr)
        SetLatch(latch);
}

} // namespace gamelan::pg
