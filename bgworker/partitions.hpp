// The partitions of the log and the events, kept by the checkpointer: what is wanted is SQL's to say
// (extension/sql/65-partitions.sql).
#pragma once

#include <cstdint>

namespace gamelan::worker {

class PartitionKeeper {
  public:
    // Once a minute, from the first world on: makes partitions ahead, and archives and drops those that
    // nobody keeps. Own transactions; a failure is reported, and tried again a minute later.
    void keep();

  private:
    std::int64_t next_us_ = 0;
};

} // namespace gamelan::worker
