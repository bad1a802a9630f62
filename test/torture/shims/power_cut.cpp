// Preloaded into a server: keeps what files held before each write that nobody has synced yet, so that
// power_cut.py can undo such writes after it has killed all processes. What a disk does with writes that
// were not flushed when the power goes: each sector has the old contents or the new ones.
//
//   GAMELAN_POWER_CUT_DATA     files below this folder are watched
//   GAMELAN_POWER_CUT_JOURNAL  folder with one journal a file, named by its inode
//
// A journal is a row of records, each before its write happens, and is emptied by fsync and fdatasync, both
// under the journal's lock, so that a sync forgets nothing that it did not wait for. Syncs end there: what is
// to be lost is decided by the journal, and nothing else goes wrong with this machine. Creating, renaming and
// removing files, and what goes through stdio, is taken as durable at once; opening a file with O_SYNC or
// O_DSYNC is not looked at. The functions are those that the server's program imports: nm -D postgres.
#include "shim.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <cstdarg>
#include <cstdint>
#include <vector>

namespace {

enum class Kind : std::uint64_t { write, truncate };

// power_cut.py knows this layout: five u64, and `kept` bytes.
struct Record {
    Kind kind;
    std::uint64_t offset;
    std::uint64_t length;   // that is about to be written
    std::uint64_t old_size; // of the file
    std::uint64_t kept;     // bytes from `offset` on that were there
};

using Write = ssize_t(int, const void*, size_t);

bool is_watched(int fd) {
    static const char* const data = shim::variable("GAMELAN_POWER_CUT_DATA");
    return shim::Path(fd).begins_with(data);
}

// A file's journal, locked for as long as this lives.
class Journal {
  public:
    explicit Journal(int fd, int flags = O_CREAT) {
        static const char* const folder = shim::variable("GAMELAN_POWER_CUT_JOURNAL");
        struct stat status {};
        if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode))
            return;
        char path[512];
        std::snprintf(path, sizeof path, "%s/%llu", folder, static_cast<unsigned long long>(status.st_ino));
        static auto* const open_file = shim::next<int(const char*, int, ...)>("open");
        fd_ = open_file(path, O_RDWR | O_APPEND | O_CLOEXEC | flags, 0600);
        while (fd_ >= 0 && flock(fd_, LOCK_EX) != 0 && errno == EINTR) {
        }
    }
    ~Journal() {
        const int saved = errno;
        if (fd_ >= 0)
            close(fd_);
        errno = saved;
    }
    Journal(const Journal&) = delete;
    Journal& operator=(const Journal&) = delete;

    void add(const Record& record, const void* kept) const {
        append(&record, sizeof record);
        append(kept, record.kept);
    }
    void forget() const {
        static auto* const truncate_file = shim::next<int(int, off_t)>("ftruncate");
        if (fd_ >= 0 && truncate_file(fd_, 0) != 0)
            std::abort();
    }

  private:
    void append(const void* bytes, std::size_t count) const {
        static auto* const write_file = shim::next<Write>("write");
        const char* at = static_cast<const char*>(bytes);
        while (count > 0) {
            const ssize_t written = write_file(fd_, at, count);
            if (written < 0 && errno != EINTR)
                std::abort(); // without its journal a cut would lie
            at += std::max<ssize_t>(written, 0);
            count -= static_cast<std::size_t>(std::max<ssize_t>(written, 0));
        }
    }
    int fd_ = -1;
};

// What the file holds from `offset` on, up to `length` bytes.
std::vector<char> contents(int fd, off_t offset, std::size_t length) {
    std::vector<char> out(length);
    char link[32];
    std::snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    static auto* const open_file = shim::next<int(const char*, int, ...)>("open");
    const int reader = open_file(link, O_RDONLY | O_CLOEXEC);
    const ssize_t count = reader < 0 ? 0 : pread(reader, out.data(), length, offset);
    if (reader >= 0)
        close(reader);
    out.resize(static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
    return out;
}

// Calls `act`, which changes `length` bytes from `offset` on, with what was there in the journal.
template <class F>
auto watch(int fd, Kind kind, off_t offset, std::size_t length, F&& act) {
    const Journal journal(fd);
    const std::vector<char> before = contents(fd, offset, length);
    journal.add({kind, static_cast<std::uint64_t>(offset), length,
                 static_cast<std::uint64_t>(shim::size_of(fd)), before.size()},
                before.data());
    return act();
}

off_t position_of(int fd) {
    const bool appends = (fcntl(fd, F_GETFL) & O_APPEND) != 0;
    return appends ? shim::size_of(fd) : lseek(fd, 0, SEEK_CUR);
}

std::size_t sum_of(const iovec* parts, int count) {
    std::size_t sum = 0;
    for (int i = 0; i < count; ++i)
        sum += parts[i].iov_len;
    return sum;
}

int shorten(int fd, off_t size, int (*act)(int, off_t)) {
    const off_t old_size = shim::size_of(fd);
    if (!is_watched(fd))
        return act(fd, size);
    return watch(fd, Kind::truncate, size, static_cast<std::size_t>(std::max<off_t>(old_size - size, 0)),
                 [&] { return act(fd, size); });
}

int sync_file(int fd) {
    if (is_watched(fd))
        Journal(fd, 0).forget();
    return 0;
}

// A new file in the place of an old one of the same inode.
int note_opened(int fd, int flags) {
    if (fd >= 0 && (flags & O_CREAT) != 0 && is_watched(fd) && shim::size_of(fd) == 0) {
        const int saved = errno;
        Journal(fd, 0).forget();
        errno = saved;
    }
    return fd;
}

mode_t mode_of(int flags, va_list arguments) {
    return (flags & O_CREAT) != 0 ? va_arg(arguments, mode_t) : 0;
}

} // namespace

extern "C" {

ssize_t write(int fd, const void* bytes, size_t count) {
    static auto* const act = shim::next<Write>("write");
    if (!is_watched(fd))
        return act(fd, bytes, count);
    return watch(fd, Kind::write, position_of(fd), count, [&] { return act(fd, bytes, count); });
}

ssize_t pwrite(int fd, const void* bytes, size_t count, off_t offset) {
    static auto* const act = shim::next<decltype(pwrite)>("pwrite");
    if (!is_watched(fd))
        return act(fd, bytes, count, offset);
    return watch(fd, Kind::write, offset, count, [&] { return act(fd, bytes, count, offset); });
}

ssize_t pwritev(int fd, const iovec* parts, int count, off_t offset) {
    static auto* const act = shim::next<decltype(pwritev)>("pwritev");
    if (!is_watched(fd))
        return act(fd, parts, count, offset);
    return watch(fd, Kind::write, offset, sum_of(parts, count),
                 [&] { return act(fd, parts, count, offset); });
}

int ftruncate(int fd, off_t size) noexcept {
    static auto* const act = shim::next<int(int, off_t)>("ftruncate");
    return shorten(fd, size, act);
}

int fsync(int fd) {
    return sync_file(fd);
}

int fdatasync(int fd) {
    return sync_file(fd);
}

int open(const char* path, int flags, ...) {
    static auto* const act = shim::next<int(const char*, int, ...)>("open");
    va_list arguments;
    va_start(arguments, flags);
    const mode_t mode = mode_of(flags, arguments);
    va_end(arguments);
    return note_opened(act(path, flags, mode), flags);
}

} // extern "C"
