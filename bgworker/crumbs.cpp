#include "bgworker/crumbs.hpp"

#include "core/base/error.hpp"
#include "core/base/hash.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "extension/pg/pg.hpp"
#include "extension/pg/settings.hpp"

extern "C" {
#include "common/file_perm.h"
}

namespace gamelan::worker::crumbs {

namespace {

constexpr const char* path = "gamelan_crumbs"; // in the data directory
constexpr std::uint64_t file_magic = 0x67616d6372756d32;
constexpr std::size_t max_blamed = 64;

struct Blamed {
    std::uint64_t key; // 0 = none
    std::uint32_t deaths;
    std::uint32_t reserved;
    std::uint64_t tick; // of the last
};

struct File {
    std::uint64_t magic;
    std::uint64_t running; // key; 0 = nothing
    std::uint64_t tick;    // in which it runs
    char name[112];        // of what runs, for the log
    Blamed blamed[max_blamed];
};

constinit File* file = nullptr;

std::uint64_t key_of(std::int64_t world_id, std::string_view what) {
    return hash64(what, static_cast<std::uint64_t>(world_id)) | 1;
}

Blamed* find(std::uint64_t key) {
    for (Blamed& entry : file->blamed)
        if (entry.key == key)
            return &entry;
    return nullptr;
}

// In the place of the one blamed least, when all are taken.
void blame(std::uint64_t key) {
    Blamed* entry = find(key);
    if (entry == nullptr) {
        entry = std::min_element(std::begin(file->blamed), std::end(file->blamed),
                                 [](const Blamed& a, const Blamed& b) { return a.deaths < b.deaths; });
        *entry = {key, 0, 0, 0};
    }
    ++entry->deaths;
    entry->tick = file->tick;
    ereport(WARNING, (errmsg("the world worker ended while it ran %s", file->name),
                      errdetail("It was to blame %u times.", entry->deaths)));
}

} // namespace

void open() {
    const int descriptor = ::open(path, O_RDWR | O_CREAT | O_CLOEXEC, pg_file_create_mode);
    if (descriptor < 0 || ftruncate(descriptor, sizeof(File)) != 0)
        ereport(ERROR, (errcode_for_file_access(), errmsg("could not make the file \"%s\": %m", path)));
    void* mapped = mmap(nullptr, sizeof(File), PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    ::close(descriptor);
    if (mapped == MAP_FAILED)
        ereport(ERROR, (errcode_for_file_access(), errmsg("could not map the file \"%s\": %m", path)));
    file = static_cast<File*>(mapped);
    if (file->magic != file_magic)
        std::memset(file, 0, sizeof *file);
    file->magic = file_magic;
    file->name[sizeof file->name - 1] = '\0';
    if (file->running != 0)
        blame(file->running);
    file->running = 0;
}

Crumb::Crumb(std::int64_t world_id, std::string_view what, std::uint64_t tick)
    : key_(key_of(world_id, what)) {
    const std::size_t bytes = std::min(what.size(), sizeof file->name - 1);
    std::memcpy(file->name, what.data(), bytes);
    file->name[bytes] = '\0';
    file->tick = tick;
    file->running = key_;
    // The compiler must not delay this past what is run.
    asm volatile("" ::: "memory");
}

// Once it has come through a tick after the one in which it died, it is forgiven. A world goes back when its
// worker dies, so ticks before that one come again.
Crumb::~Crumb() {
    file->running = 0;
    if (Blamed* entry = find(key_); entry != nullptr && file->tick > entry->tick)
        *entry = {};
}

void require_harmless(std::int64_t world_id, std::string_view what) {
    Blamed* entry = find(key_of(world_id, what));
    const auto most = static_cast<std::uint32_t>(pg::settings::quarantine_after);
    if (entry == nullptr || most == 0 || entry->deaths < most)
        return;
    const std::uint32_t deaths = entry->deaths;
    *entry = {};
    throw Error(sqlstate::quarantined, std::string(what) + " is in quarantine",
                "It has ended the world worker " + std::to_string(deaths) + " times.",
                "Look for what is wrong with it in the server log; gamelan.quarantine_after says how often "
                "it is tried.");
}

} // namespace gamelan::worker::crumbs
