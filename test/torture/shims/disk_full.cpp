// Preloaded into a server: files below a folder cannot grow, as on a disk that is full. What they hold can
// still be overwritten.
//
//   GAMELAN_DISK_FULL  a file with the folder's path on its first line. Without the file there is room.
#include "shim.hpp"

#include <fcntl.h>
#include <sys/uio.h>

#include <cerrno>

namespace {

bool is_full(int fd, off_t end) {
    static const char* const path = shim::variable("GAMELAN_DISK_FULL");
    const int control = open(path, O_RDONLY | O_CLOEXEC);
    if (control < 0)
        return false;
    char folder[512] = "";
    const ssize_t length = pread(control, folder, sizeof folder - 1, 0);
    close(control);
    folder[length > 0 ? length : 0] = '\0';
    folder[std::strcspn(folder, "\n")] = '\0';
    const bool out = shim::Path(fd).begins_with(folder) && end > shim::size_of(fd);
    if (out)
        errno = ENOSPC;
    return out;
}

off_t end_of(const iovec* parts, int count, off_t offset) {
    for (int i = 0; i < count; ++i)
        offset += static_cast<off_t>(parts[i].iov_len);
    return offset;
}

} // namespace

extern "C" {

ssize_t write(int fd, const void* bytes, size_t count) {
    static auto* const act = shim::next<ssize_t(int, const void*, size_t)>("write");
    return is_full(fd, lseek(fd, 0, SEEK_CUR) + static_cast<off_t>(count)) ? -1 : act(fd, bytes, count);
}

ssize_t pwrite(int fd, const void* bytes, size_t count, off_t offset) {
    static auto* const act = shim::next<decltype(pwrite)>("pwrite");
    return is_full(fd, offset + static_cast<off_t>(count)) ? -1 : act(fd, bytes, count, offset);
}

ssize_t pwritev(int fd, const iovec* parts, int count, off_t offset) {
    static auto* const act = shim::next<decltype(pwritev)>("pwritev");
    return is_full(fd, end_of(parts, count, offset)) ? -1 : act(fd, parts, count, offset);
}

} // extern "C"
