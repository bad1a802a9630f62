// Files below gamelan.archive_folder. C++ zone: errors of the system are Error, with the file's name.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace gamelan::pg {

// The path of a file in the folder. Throws Error(invalid_parameter) when the name could lead out of it, or
// there is no folder.
std::string archive_path(std::string_view file);

// A new file. It has its name only once it is complete and on disk; a file that is there already is an error.
class NewArchiveFile {
  public:
    explicit NewArchiveFile(std::string path);
    ~NewArchiveFile();
    NewArchiveFile(const NewArchiveFile&) = delete;
    NewArchiveFile& operator=(const NewArchiveFile&) = delete;

    void write(std::string_view bytes);
    std::uint64_t bytes() const { return bytes_; }
    void complete();

  private:
    std::string path_;
    std::string part_path_;
    int descriptor_ = -1;
    std::uint64_t bytes_ = 0;
};

class ArchiveFile {
  public:
    explicit ArchiveFile(std::string path);
    ~ArchiveFile();
    ArchiveFile(const ArchiveFile&) = delete;
    ArchiveFile& operator=(const ArchiveFile&) = delete;

    // Fewer at its end.
    std::string read(std::size_t bytes);
    std::size_t bytes_left() const { return left_; }

  private:
    std::string path_;
    int descriptor_ = -1;
    std::size_t left_ = 0;
};

} // namespace gamelan::pg
