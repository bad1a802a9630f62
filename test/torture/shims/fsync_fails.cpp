// Preloaded into a server: one call of fsync or fdatasync fails with EIO, as a disk that lost a write tells
// it.
//
//   GAMELAN_FSYNC_FAILS  a file with a line "PART COUNT": the COUNTth sync from now on of a file whose path
//   contains
//                        PART fails, and the file is removed. Without the file all is well.
#include "shim.hpp"

#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>

namespace {

// Whether it is this call's turn.
bool must_fail(int fd) {
    static const char* const path = shim::variable("GAMELAN_FSYNC_FAILS");
    const int control = open(path, O_RDWR | O_CLOEXEC);
    if (control < 0)
        return false;
    bool out = false;
    char part[256] = "";
    char line[300] = "";
    int count = 0;
    (void)flock(control, LOCK_EX);
    const ssize_t length = pread(control, line, sizeof line - 1, 0);
    if (length > 0 && std::sscanf(line, "%255s %d", part, &count) == 2 && shim::Path(fd).contains(part)) {
        out = count == 1;
        if (out)
            (void)unlink(path);
        const int written = std::snprintf(line, sizeof line, "%s %d\n", part, count - 1);
        (void)!ftruncate(control, 0);
        (void)!pwrite(control, line, static_cast<std::size_t>(written), 0);
    }
    close(control);
    return out;
}

int sync_file(int fd, int (*act)(int)) {
    if (!must_fail(fd))
        return act(fd);
    errno = EIO;
    return -1;
}

} // namespace

extern "C" {

int fsync(int fd) {
    static auto* const act = shim::next<int(int)>("fsync");
    return sync_file(fd, act);
}

int fdatasync(int fd) {
    static auto* const act = shim::next<int(int)>("fdatasync");
    return sync_file(fd, act);
}

} // extern "C"
