#include "extension/pg/archive_file.hpp"

#include "core/base/error.hpp"

#include "extension/pg/bridge.hpp"
#include "extension/pg/settings.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace gamelan::pg {

namespace {

constexpr std::string_view unfinished = ".unfinished";
constexpr std::size_t max_name_bytes = 200;

[[noreturn]] void failed(const char* what, const std::string& path) {
    const int error = errno;
    const char* code = error == ENOENT   ? "58P01"
                       : error == EEXIST ? "58P02"
                       : error == ENOSPC ? "53100"
                       : error == EACCES ? "42501"
                                         : "58030";
    throw Error(code,
                "could not " + std::string(what) + " the archive \"" + path + "\": " + std::strerror(error));
}

bool is_plain(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.';
}

} // namespace

std::string archive_path(std::string_view file) {
    const std::string folder = settings::archive_folder == nullptr ? "" : settings::archive_folder;
    if (folder.empty())
        throw Error(sqlstate::invalid_parameter, "there is no folder for archives", {},
                    "Set gamelan.archive_folder to a folder that the server may write to.");
    if (file.empty() || file.size() > max_name_bytes || file.front() == '.' ||
        !std::all_of(file.begin(), file.end(), is_plain))
        throw Error(
            sqlstate::invalid_parameter, "\"" + std::string(file) + "\" is no name for an archive", {},
            "It is the name of a file in gamelan.archive_folder: letters, digits, \"_\", \"-\" and \".\".");
    return folder + "/" + std::string(file);
}

NewArchiveFile::NewArchiveFile(std::string path)
    : path_(std::move(path)), part_path_(path_ + std::string(unfinished)) {
    if (::access(path_.c_str(), F_OK) == 0) {
        errno = EEXIST;
        failed("create", path_);
    }
    descriptor_ = ::open(part_path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (descriptor_ < 0)
        failed("create", part_path_);
}

NewArchiveFile::~NewArchiveFile() {
    if (descriptor_ < 0)
        return;
    ::close(descriptor_);
    ::unlink(part_path_.c_str());
}

void NewArchiveFile::write(std::string_view bytes) {
    bytes_ += bytes.size();
    while (!bytes.empty()) {
        const ssize_t written = ::write(descriptor_, bytes.data(), bytes.size());
        if (written < 0 && errno != EINTR)
            failed("write", part_path_);
        bytes.remove_prefix(static_cast<std::size_t>(std::max<ssize_t>(written, 0)));
    }
}

void NewArchiveFile::complete() {
    const int descriptor = std::exchange(descriptor_, -1);
    ::close(descriptor);
    const char* from = part_path_.c_str();
    const char* to = path_.c_str();
    // Brings the file, its name and the folder to disk.
    (void)pg_call([&] { return durable_rename(from, to, ERROR); });
}

ArchiveFile::ArchiveFile(std::string path) : path_(std::move(path)) {
    descriptor_ = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC);
    struct stat status {};
    if (descriptor_ < 0 || ::fstat(descriptor_, &status) != 0)
        failed("open", path_);
    left_ = static_cast<std::size_t>(status.st_size);
}

ArchiveFile::~ArchiveFile() {
    if (descriptor_ >= 0)
        ::close(descriptor_);
}

std::string ArchiveFile::read(std::size_t bytes) {
    std::string out(std::min(bytes, left_), '\0');
    std::size_t filled = 0;
    while (filled < out.size()) {
        const ssize_t got = ::read(descriptor_, out.data() + filled, out.size() - filled);
        if (got < 0 && errno != EINTR)
            failed("read", path_);
        if (got == 0)
            break;
        filled += static_cast<std::size_t>(std::max<ssize_t>(got, 0));
    }
    out.resize(filled);
    left_ -= filled;
    return out;
}

} // namespace gamelan::pg
